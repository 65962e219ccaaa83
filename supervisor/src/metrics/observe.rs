//! Workers' states → gauges, at each scrape.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use ishowtts_workers::{
    WorkerStatus,
    lifecycle::{Fault, State},
};

use super::Metrics;

/// The workers that have families.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<BTreeSet<String>>);

/// Engine and number of a worker that is called `engine/replica`.
fn labels(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or((name, "0"))
}

/// Brings the families of one worker up to date.
fn worker(metrics: &Metrics, name: &str, status: &WorkerStatus) {
    let (engine, replica) = labels(name);
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

/// Has nothing be told any more of a worker that left for good.
fn forget(metrics: &Metrics, name: &str) {
    let (engine, replica) = labels(name);
    for state in State::ALL {
        drop(metrics.worker_state.remove_label_values(&[engine, replica, state.label()]));
    }
    // One that was never told of needs not be forgotten.
    drop(metrics.worker_rss.remove_label_values(&[engine, replica]));
    drop(metrics.worker_device_memory.remove_label_values(&[engine, replica]));
    drop(metrics.worker_recompiles.remove_label_values(&[engine, replica]));
}

impl Metrics {
    /// Brings the families of all workers up to date, by their names.
    pub fn observe_workers(&self, workers: &[(String, WorkerStatus)]) {
        let mut seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now: BTreeSet<String> = workers.iter().map(|(name, _)| name.clone()).collect();
        for gone in seen.difference(&now) {
            forget(self, gone);
        }
        for (name, status) in workers {
            worker(self, name, status);
        }
        *seen = now;
    }

    /// Brings an engine's restarts up to date with the sum over its workers.
    pub fn observe_restarts(&self, engine: &str, sums: [u64; Fault::LABELS.len()]) {
        for (reason, sum) in Fault::LABELS.into_iter().zip(sums) {
            let counter = self.worker_restarts.with_label_values(&[engine, reason]);
            counter.inc_by(sum.saturating_sub(counter.get()));
        }
    }
}
