//! The one task that owns the queues and spends the leases.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use ishowtts_workers::SynthesisRequest;
use prometheus::IntGauge;
use tokio::sync::{mpsc, oneshot};

use super::{Granted, Refusal};
use crate::pools::Pools;

/// A segment that waits for a worker.
#[derive(Debug)]
pub(super) struct Waiting {
    engine: String,
    request: SynthesisRequest,
    grant: oneshot::Sender<Result<Granted, Refusal>>,
    since: Instant,
    _counted: Counted,
}

impl Waiting {
    pub(super) fn new(
        engine: String,
        request: SynthesisRequest,
        grant: oneshot::Sender<Result<Granted, Refusal>>,
        gauge: IntGauge,
    ) -> Self {
        gauge.inc();
        Self { engine, request, grant, since: Instant::now(), _counted: Counted(gauge) }
    }
}

/// Counts a waiting segment until it waits no more, for whatever reason.
#[derive(Debug)]
struct Counted(IntGauge);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The queues, one for each engine.
pub(super) struct Dispatcher {
    pools: Arc<Pools>,
    submissions: mpsc::Receiver<Waiting>,
    queues: BTreeMap<String, VecDeque<Waiting>>,
}

impl Dispatcher {
    pub(super) fn new(pools: Arc<Pools>, submissions: mpsc::Receiver<Waiting>) -> Self {
        Self { pools, submissions, queues: BTreeMap::new() }
    }

    /// Runs until the scheduler is gone.
    pub(super) async fn run(mut self) {
        let changed = self.pools.changed();
        loop {
            tokio::select! {
                submission = self.submissions.recv() => match submission {
                    Some(waiting) => {
                        let queue = self.queues.entry(waiting.engine.clone()).or_default();
                        // Those who left are let go before the queue grows.
                        if queue.len() == queue.capacity() {
                            queue.retain(|waiting| !waiting.grant.is_closed());
                        }
                        queue.push_back(waiting);
                    }
                    None => return,
                },
                () = changed.notified() => {}
            }
            self.dispatch();
        }
    }

    /// Gives every free worker its next segment.
    fn dispatch(&mut self) {
        for (engine, queue) in &mut self.queues {
            while queue.front().is_some_and(|waiting| waiting.grant.is_closed()) {
                queue.pop_front();
            }
            if queue.is_empty() {
                continue;
            }
            let Some(pool) = self.pools.get(engine) else {
                refuse(queue, &Refusal::EngineDisabled { engine: engine.clone() });
                continue;
            };
            while let Some(waiting) = queue.pop_front() {
                if waiting.grant.is_closed() {
                    continue;
                }
                let Some(lease) = pool.try_lease() else {
                    queue.push_front(waiting);
                    break;
                };
                let granted = Granted {
                    sample_rate: lease.ready().sample_rate,
                    waited: waiting.since.elapsed(),
                    synthesis: lease.synthesize(waiting.request),
                };
                // Whoever left in this moment takes the synthesis along, which cancels it.
                drop(waiting.grant.send(Ok(granted)));
            }
            if !queue.is_empty()
                && let Some(reason) = self.pools.failure(engine)
            {
                refuse(queue, &Refusal::EngineFailed { engine: engine.clone(), reason });
            }
        }
    }
}

fn refuse(queue: &mut VecDeque<Waiting>, refusal: &Refusal) {
    for waiting in queue.drain(..) {
        drop(waiting.grant.send(Err(refusal.clone())));
    }
}
