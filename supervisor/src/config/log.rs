//! `[log]`: how much is told.

use super::raw::{Notes, Table};
use crate::telemetry;

/// The level or filter, if the file has one.
pub(super) fn level(table: &Table<'_>, notes: &Notes<'_>) -> Option<String> {
    let found = table.string("level");
    table.finish();
    let found = found?;
    if let Err(error) = telemetry::check(&found.value) {
        found.problem(notes, error);
        return None;
    }
    Some(found.value)
}
