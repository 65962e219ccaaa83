//! `[log]`: how much is told, and how.

use super::raw::{Notes, Table};
use crate::telemetry::{self, LogFormat};

/// What the file says of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// A level or filter, if the file has one.
    pub level: Option<String>,
    /// How lines are written.
    pub format: LogFormat,
}

pub(super) fn log(table: &Table<'_>, notes: &Notes) -> Log {
    let level = table.string("level").and_then(|found| match telemetry::check(&found.value) {
        Ok(()) => Some(found.value),
        Err(error) => {
            found.problem(notes, error);
            None
        }
    });
    let format = table.string("format").and_then(|found| {
        let format = LogFormat::parse(&found.value);
        if format.is_none() {
            found.problem(notes, format!("must be {}", LogFormat::NAMES.map(|(name, _)| name).join(", ")));
        }
        format
    });
    table.finish();
    Log { level, format: format.unwrap_or_default() }
}
