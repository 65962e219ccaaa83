//! What the scheduler tells of itself.

use std::collections::BTreeMap;

use super::super::plan::Waiting;

/// What is asked of the machine, as the scheduler sees it.
#[derive(Clone, Debug)]
pub struct Load {
    /// Demand over capacity, by device.
    pub devices: Vec<(String, f64)>,
    /// Segments that wait.
    pub waiting: Waiting,
    /// Streams that were let in.
    pub streams: usize,
    /// Bytes of audio that are promised to them.
    pub audio_bytes: u64,
}

/// How often work had to be done again, by engine.
#[derive(Clone, Debug, Default)]
pub struct Recoveries {
    engines: BTreeMap<String, Recovery>,
}

/// How often an engine's work had to be done again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Segments that went to a worker once more.
    pub retries: u64,
    /// Segments that no worker gets any more for a while.
    pub quarantined: u64,
}

impl Recoveries {
    /// By engine.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Recovery)> {
        self.engines.iter().map(|(engine, recovery)| (engine.as_str(), *recovery))
    }

    pub(super) fn of(&mut self, engine: &str) -> &mut Recovery {
        self.engines.entry(engine.to_owned()).or_default()
    }
}
