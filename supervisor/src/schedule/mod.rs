//! Who may speak next. A segment is submitted and answered with a [`Ticket`]; dropping the ticket takes it back,
//! whether it still waits or already runs.
//!
//! Segments wait first come, first served, in a queue for each engine; how many utterances may wait and speak at
//! once is bounded, and one too many is refused at once. Whoever changes something, by submitting a segment or by
//! freeing a worker, gives the free workers out there and then: a task of its own for that would add a switch of
//! threads to every segment.

pub mod plan;
mod queue;
mod ticket;

use std::{
    sync::{
        Arc, Mutex, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use ishowtts_workers::SynthesisRequest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

pub use ticket::{Granted, Ticket};

use self::queue::{Counted, Queues, Waiting};
use crate::{metrics::Metrics, pools::Pools, speech::Priority};

/// Why nothing is spoken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too many others.
    #[error("too many requests are waiting; try again in {retry_after_s} s")]
    Busy {
        /// When it is worth another try.
        retry_after_s: u64,
    },
    /// The engine was given up.
    #[error("the engine {engine} is not available: {reason}")]
    EngineFailed {
        /// Which one.
        engine: String,
        /// Why.
        reason: String,
    },
    /// The engine is switched off.
    #[error("the engine {engine} is switched off in the configuration")]
    EngineDisabled {
        /// Which one.
        engine: String,
    },
    /// The server is ending.
    #[error("the server is shutting down")]
    Draining,
}

/// The right of one utterance to have its segments spoken, until it is dropped.
#[derive(Debug)]
pub struct Admission {
    _slot: OwnedSemaphorePermit,
}

/// Owns the queues and spends the leases.
#[derive(Debug)]
pub struct Scheduler {
    queues: Mutex<Queues>,
    /// Something changed while the queues were being looked through.
    again: AtomicBool,
    slots: Arc<Semaphore>,
    most: u32,
    pools: Arc<Pools>,
    metrics: Arc<Metrics>,
    draining: AtomicBool,
}

impl Scheduler {
    /// Schedules over the pools; at most `max_requests` utterances are admitted at once.
    pub fn start(pools: Arc<Pools>, max_requests: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        let max_requests = max_requests.min(Semaphore::MAX_PERMITS);
        let scheduler = Arc::new(Self {
            queues: Mutex::default(),
            again: AtomicBool::new(false),
            slots: Arc::new(Semaphore::new(max_requests)),
            most: u32::try_from(max_requests).unwrap_or(u32::MAX),
            pools,
            metrics,
            draining: AtomicBool::new(false),
        });
        let weak = Arc::downgrade(&scheduler);
        scheduler.pools.on_change(move || {
            if let Some(scheduler) = weak.upgrade() {
                scheduler.dispatch();
            }
        });
        scheduler
    }

    /// The pools that it spends the leases of.
    pub fn pools(&self) -> &Arc<Pools> {
        &self.pools
    }

    /// Admits an utterance that needs these engines, or refuses it at once.
    pub fn admit(&self, engines: &[&str]) -> Result<Admission, Refusal> {
        if self.is_draining() {
            return Err(Refusal::Draining);
        }
        for &engine in engines {
            if let Some(reason) = self.pools.failure(engine) {
                return Err(Refusal::EngineFailed { engine: engine.to_owned(), reason });
            }
            if self.pools.get(engine).is_none() {
                return Err(Refusal::EngineDisabled { engine: engine.to_owned() });
            }
        }
        let slot = Arc::clone(&self.slots).try_acquire_owned();
        slot.map(|slot| Admission { _slot: slot }).map_err(|_full| Refusal::Busy { retry_after_s: 1 })
    }

    /// Puts an admitted utterance's segment into the queue of its engine.
    pub fn submit(
        &self,
        _admission: &Admission,
        engine: &str,
        priority: Priority,
        request: SynthesisRequest,
    ) -> Ticket {
        let (grant, granted) = oneshot::channel();
        let counted = Counted::new(self.metrics.queue_segments.with_label_values(&[priority.label()]));
        let waiting = Waiting { request, grant, since: Instant::now(), counted };
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).push(engine, waiting);
        self.dispatch();
        Ticket::new(granted)
    }

    /// Gives the free workers out. Where another thread, or this one further up, is at it already, it is told to
    /// look again instead.
    fn dispatch(&self) {
        self.again.store(true, Ordering::SeqCst);
        // Whoever holds the lock looks at `again` once more after letting it go, so no change is missed.
        while self.again.load(Ordering::SeqCst) {
            let mut queues = match self.queues.try_lock() {
                Ok(queues) => queues,
                Err(TryLockError::Poisoned(queues)) => queues.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            while self.again.swap(false, Ordering::SeqCst) {
                queues.dispatch(&self.pools);
            }
        }
    }

    /// Admits nobody any more.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.metrics.up.set(0.0);
    }

    /// Turns everybody away who still waits for a worker.
    pub fn turn_away(&self) {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).refuse_all(&Refusal::Draining);
    }

    /// Whether [`drain`](Self::drain) was called.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Waits until every admitted utterance has ended.
    pub async fn drained(&self) {
        // The semaphore is never closed.
        drop(self.slots.acquire_many(self.most).await);
    }

    /// Admitted utterances that have not ended.
    pub fn in_flight(&self) -> usize {
        usize::try_from(self.most).unwrap_or(usize::MAX) - self.slots.available_permits()
    }
}
