//! The series of one tier.

use prometheus::{IntCounter, IntGauge};

use crate::metrics::{CacheTier, Metrics};

/// What a tier tells of itself.
#[derive(Debug)]
pub(super) struct Meter {
    hits: IntCounter,
    evictions: IntCounter,
    bytes: IntGauge,
    entries: IntGauge,
}

impl Meter {
    pub(super) fn new(metrics: &Metrics, tier: CacheTier) -> Self {
        let tier = [tier.label()];
        Self {
            hits: metrics.cache_hits.with_label_values(&tier),
            evictions: metrics.cache_evictions.with_label_values(&tier),
            bytes: metrics.cache_bytes.with_label_values(&tier),
            entries: metrics.cache_entries.with_label_values(&tier),
        }
    }

    /// A recording was found.
    pub(super) fn hit(&self) {
        self.hits.inc();
    }

    /// So many recordings had to make room.
    pub(super) fn evicted(&self, count: usize) {
        self.evictions.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// This is what is there now.
    pub(super) fn holds(&self, entries: usize, bytes: u64) {
        self.entries.set(i64::try_from(entries).unwrap_or(i64::MAX));
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}
