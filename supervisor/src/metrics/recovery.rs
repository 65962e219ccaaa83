//! What had to be done again.

use prometheus::{IntCounterVec, Opts, Registry};

use super::{Metrics, register};

/// The families.
#[derive(Debug)]
pub(super) struct RecoveryFamilies {
    retries: IntCounterVec,
    quarantined: IntCounterVec,
}

impl RecoveryFamilies {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter =
            |name, help| register(registry, IntCounterVec::new(Opts::new(name, help), &["engine"])?);
        Ok(Self {
            retries: counter(
                "ishowtts_segment_retries_total",
                "Segments that went to a worker once more because the first was lost or gave nothing of use",
            )?,
            quarantined: counter(
                "ishowtts_segments_quarantined_total",
                "Segments that no worker gets any more for a while because three ended over them",
            )?,
        })
    }
}

impl Metrics {
    /// Brings an engine's families up to date with what was counted since the start.
    pub fn observe_recovery(&self, engine: &str, retries: u64, quarantined: u64) {
        let RecoveryFamilies { retries: family, quarantined: other } = &self.recovery;
        for (family, count) in [(family, retries), (other, quarantined)] {
            let counter = family.with_label_values(&[engine]);
            counter.inc_by(count.saturating_sub(counter.get()));
        }
    }
}
