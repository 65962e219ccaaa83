//! Segments that wait for a worker, and the giving of free workers to them.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use ishowtts_workers::SynthesisRequest;
use prometheus::IntGauge;
use tokio::sync::oneshot;

use super::{Granted, Refusal};
use crate::pools::Pools;

/// A segment that waits for a worker.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) request: SynthesisRequest,
    pub(super) grant: oneshot::Sender<Result<Granted, Refusal>>,
    pub(super) since: Instant,
    pub(super) counted: Counted,
}

/// Counts a waiting segment until it waits no more, for whatever reason.
#[derive(Debug)]
pub(super) struct Counted(IntGauge);

impl Counted {
    pub(super) fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The queues, one for each engine, first come, first served.
#[derive(Debug, Default)]
pub(super) struct Queues(BTreeMap<String, VecDeque<Waiting>>);

impl Queues {
    pub(super) fn push(&mut self, engine: &str, waiting: Waiting) {
        match self.0.get_mut(engine) {
            Some(queue) => {
                // Those who left are let go before the queue grows.
                if queue.len() == queue.capacity() {
                    queue.retain(|waiting| !waiting.grant.is_closed());
                }
                queue.push_back(waiting);
            }
            None => drop(self.0.insert(engine.to_owned(), VecDeque::from([waiting]))),
        }
    }

    /// Turns everybody away who waits.
    pub(super) fn refuse_all(&mut self, refusal: &Refusal) {
        for waiting in self.0.values_mut().flat_map(|queue| queue.drain(..)) {
            drop(waiting.grant.send(Err(refusal.clone())));
        }
    }

    /// Gives every free worker its next segment.
    pub(super) fn dispatch(&mut self, pools: &Pools) {
        for (engine, queue) in &mut self.0 {
            while let Some(waiting) = queue.pop_front() {
                if waiting.grant.is_closed() {
                    continue;
                }
                let Some(lease) = pools.get(engine).and_then(ishowtts_workers::Pool::try_lease) else {
                    queue.push_front(waiting);
                    break;
                };
                let Waiting { request, grant, since, counted } = waiting;
                drop(counted);
                let granted = Granted {
                    sample_rate: lease.ready().sample_rate,
                    waited: since.elapsed(),
                    synthesis: lease.synthesize(request),
                };
                // Whoever left in this moment takes the synthesis along, which cancels it.
                drop(grant.send(Ok(granted)));
            }
            if !queue.is_empty()
                && let Some(reason) = pools.failure(engine)
            {
                for waiting in queue.drain(..) {
                    let refusal = Refusal::EngineFailed { engine: engine.clone(), reason: reason.clone() };
                    drop(waiting.grant.send(Err(refusal)));
                }
            }
        }
    }
}
