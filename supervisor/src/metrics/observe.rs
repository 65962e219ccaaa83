//! Workers' states → gauges, at each scrape.

use ishowtts_workers::{
    WorkerStatus,
    lifecycle::{Fault, State},
};

use super::Metrics;

/// Brings the families of one worker up to date. `name` is `engine/replica`.
pub fn worker(metrics: &Metrics, name: &str, status: &WorkerStatus) {
    let (engine, replica) = name.split_once('/').unwrap_or((name, "0"));
    for state in State::ALL {
        let value = i64::from(state == status.state);
        metrics.worker_state.with_label_values(&[engine, replica, state.label()]).set(value);
    }
    let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    metrics.worker_rss.with_label_values(&[engine, replica]).set(bytes(status.memory.rss_bytes));
    metrics.worker_device_memory.with_label_values(&[engine, replica]).set(bytes(status.memory.device_bytes));
    let recompiles = metrics.worker_recompiles.with_label_values(&[engine, replica]);
    recompiles.inc_by(status.recompiles.saturating_sub(recompiles.get()));
}

impl Metrics {
    /// Brings an engine's restarts up to date with the sum over its workers.
    pub fn observe_restarts(&self, engine: &str, sums: [u64; Fault::LABELS.len()]) {
        for (reason, sum) in Fault::LABELS.into_iter().zip(sums) {
            let counter = self.worker_restarts.with_label_values(&[engine, reason]);
            counter.inc_by(sum.saturating_sub(counter.get()));
        }
    }
}
