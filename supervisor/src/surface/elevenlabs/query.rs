//! What stands behind the `?`.

use std::{collections::HashMap, time::Duration};

use super::format::OutputFormat;
use crate::surface::{ApiError, api::fields::invalid};

/// How long a WebSocket may be silent: usually, and at most. The same as `ElevenLabs` has it.
const USUAL_SILENCE: u64 = 20;
const LONGEST_SILENCE: u64 = 180;

/// A query's fields; what means nothing here is not read.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(HashMap<String, String>);

impl Query {
    pub(super) fn of(fields: HashMap<String, String>) -> Self {
        Self(fields)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn output_format(&self) -> Result<OutputFormat, ApiError> {
        OutputFormat::parse(self.get("output_format"))
    }

    /// How long the client may send nothing while its text is not complete.
    pub(super) fn patience(&self) -> Result<Duration, ApiError> {
        let Some(written) = self.get("inactivity_timeout") else {
            return Ok(Duration::from_secs(USUAL_SILENCE));
        };
        let seconds = written.parse().ok().filter(|seconds| (1..=LONGEST_SILENCE).contains(seconds));
        seconds.map(Duration::from_secs).ok_or_else(|| {
            invalid(
                "inactivity_timeout",
                format!("inactivity_timeout must be 1 to {LONGEST_SILENCE} seconds"),
            )
        })
    }

    pub(super) fn seed(&self) -> Result<Option<u64>, ApiError> {
        let read = |written: &str| {
            let wrong = || invalid("seed", format!("seed must be a whole number from 0 to {}", u64::MAX));
            written.parse().map_err(|_| wrong())
        };
        self.get("seed").map(read).transpose()
    }

    /// What is shown as a key.
    pub(super) fn key(&self) -> Option<&str> {
        let shown = ["authorization", "xi_api_key", "xi-api-key"].iter().find_map(|name| self.get(name));
        shown.map(without_scheme).filter(|key| !key.is_empty())
    }
}

/// A key without the `Bearer` before it.
pub(super) fn without_scheme(shown: &str) -> &str {
    match shown.split_at_checked(7) {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer ") => key.trim(),
        _ => shown.trim(),
    }
}
