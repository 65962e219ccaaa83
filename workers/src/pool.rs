//! All workers of one engine, and the right to use one of them.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{mpsc, watch};

use crate::{
    hook::{Change, ChangeHook, ChangeTo},
    lifecycle::{Command, Order, State},
    process::Launch,
    protocol::Ready,
    spec::WorkerSpec,
    synthesis::{Failure, Part, Synthesis, SynthesisEvent, SynthesisId, SynthesisRequest, SynthesisSummary},
    worker::{Worker, WorkerStatus},
};

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// The workers of one engine.
#[derive(Debug)]
pub struct Pool {
    engine: String,
    workers: Vec<Worker>,
    idle: Arc<Idle>,
}

impl Pool {
    /// Starts a worker for each spec. `changed` is called whenever one begins or ceases to take orders.
    pub fn start(
        engine: &str,
        specs: Vec<WorkerSpec>,
        launcher: &Arc<dyn Launch>,
        changed: ChangeHook,
    ) -> Self {
        let idle = Arc::new(Idle { engine: engine.to_owned(), seats: Mutex::default(), changed });
        let spawn = |(index, spec)| Worker::spawn(spec, Arc::clone(launcher), Arc::clone(&idle), index);
        let workers: Vec<_> = specs.into_iter().enumerate().map(spawn).collect();
        Self { engine: engine.to_owned(), workers, idle }
    }

    /// Name of the engine.
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// Takes a worker, if it is warm and nobody uses it.
    pub fn lease(&self, worker: usize) -> Option<Lease> {
        Some(Lease { permit: self.idle.take(worker)?, idle: Arc::clone(&self.idle) })
    }

    /// Has a worker stop at its next step and free its device, or go on.
    pub fn pause(&self, worker: usize, pause: bool) {
        if let Some(worker) = self.workers.get(worker) {
            worker.tell_now(if pause { Command::Pause } else { Command::Resume });
        }
    }

    /// How many workers there are.
    pub fn size(&self) -> usize {
        self.workers.len()
    }

    /// Each worker's name and present status.
    pub fn statuses(&self) -> impl Iterator<Item = (&str, WorkerStatus)> {
        self.workers.iter().map(|worker| (worker.name(), worker.watch().borrow().clone()))
    }

    /// Follows each worker's status.
    pub fn watch(&self) -> impl Iterator<Item = watch::Receiver<WorkerStatus>> {
        self.workers.iter().map(Worker::watch)
    }

    /// What a ready worker said of itself, once there is one.
    pub fn ready(&self) -> Option<Arc<Ready>> {
        self.workers.iter().find_map(|worker| worker.watch().borrow().ready.clone())
    }

    /// Whether every worker was given up.
    pub fn has_failed(&self) -> bool {
        self.workers.iter().all(|worker| worker.watch().borrow().state == State::Failed)
    }

    /// Replaces the workers one by one; each finishes first what it is speaking. Given-up ones try again.
    pub async fn restart(&self) {
        for worker in &self.workers {
            let mut status = worker.watch();
            let life = status.borrow().lives;
            worker.tell(Command::Restart).await;
            let renewed = |status: &WorkerStatus| {
                status.lives > life && matches!(status.state, State::Ready | State::Busy | State::Failed)
            };
            // Only a worker whose task ended breaks the watch; it needs no waiting for.
            drop(status.wait_for(renewed).await);
        }
    }

    /// Has given-up workers try again.
    pub async fn retry(&self) {
        for worker in &self.workers {
            if worker.watch().borrow().state == State::Failed {
                worker.tell(Command::Restart).await;
            }
        }
    }

    /// Ends all workers and waits until their processes are gone.
    pub async fn stop(&self) {
        for worker in &self.workers {
            worker.tell(Command::Stop).await;
        }
        for worker in &self.workers {
            worker.stopped().await;
        }
    }
}

/// The right to one worker, given back on drop or when the synthesis it was spent on has ended.
pub struct Lease {
    permit: Permit,
    idle: Arc<Idle>,
}

impl Lease {
    /// What the worker said when it became ready.
    pub fn ready(&self) -> &Ready {
        &self.permit.ready
    }

    /// Spends the lease on syntheses in one launch; it returns when the last of them has ended.
    pub fn synthesize(self, tasks: Vec<Task>) -> Vec<Synthesis> {
        let (life, mailbox) = (self.permit.life, self.permit.mailbox.clone());
        let lease = Arc::new(self);
        let mut orders = Vec::with_capacity(tasks.len());
        let begin = |Task { request, on_end }| {
            let id = SynthesisId(NEXT_ID.fetch_add(1, Ordering::Relaxed));
            let (events, receiver) = mpsc::unbounded_channel();
            let lease = Some(Arc::clone(&lease));
            orders.push(Order { id, request, life, ending: Ending { events, on_end: Some(on_end), lease } });
            Synthesis::new(id, receiver, mailbox.clone())
        };
        let syntheses = tasks.into_iter().map(begin).collect();
        drop(lease);
        if let Err(refused) = mailbox.try_send(Command::Synthesize(orders))
            && let Command::Synthesize(orders) = refused.into_inner()
        {
            for order in orders {
                let (reason, part) = ("it takes no orders".into(), Part::NotToBlame);
                order.ending.end(SynthesisEvent::Failed(Failure::WorkerLost { reason, part }));
            }
        }
        syntheses
    }
}

/// What a worker is to speak, and who is told when it is over.
pub struct Task {
    /// The segment.
    pub request: SynthesisRequest,
    /// Called once, whatever happens, when the synthesis has ended and its lease has returned.
    pub on_end: OnEnd,
}

/// Told how a synthesis went. Called on the worker's task: it must be quick.
pub type OnEnd = Box<dyn FnOnce(Result<SynthesisSummary, Failure>) + Send>;

/// The end of a synthesis, which comes exactly once: when it is told, or else when this is dropped.
pub(crate) struct Ending {
    events: mpsc::UnboundedSender<SynthesisEvent>,
    on_end: Option<OnEnd>,
    lease: Option<Arc<Lease>>,
}

impl Ending {
    /// Passes an event on that is not the last one. False if nobody listens any more.
    pub(crate) fn pass_on(&self, event: SynthesisEvent) -> bool {
        self.events.send(event).is_ok()
    }

    /// The last event.
    pub(crate) fn end(mut self, event: SynthesisEvent) {
        self.over(event);
    }

    fn over(&mut self, event: SynthesisEvent) {
        let outcome = match &event {
            SynthesisEvent::Done(summary) => Ok(summary.clone()),
            SynthesisEvent::Failed(failure) => Err(failure.clone()),
            // Audio ends nothing.
            SynthesisEvent::Audio(_) => return,
        };
        let Some(on_end) = self.on_end.take() else { return };
        // Nobody may be listening any more; the lease returns all the same.
        drop(self.events.send(event));
        self.lease = None;
        on_end(outcome);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let (reason, part) = ("its task ended".into(), Part::NotToBlame);
        self.over(SynthesisEvent::Failed(Failure::WorkerLost { reason, part }));
    }
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ending").finish_non_exhaustive()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.idle.give_back(&self.permit);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("permit", &self.permit).finish_non_exhaustive()
    }
}

/// Permission to use one worker during one of its lives.
#[derive(Clone, Debug)]
struct Permit {
    index: usize,
    life: u64,
    ready: Arc<Ready>,
    mailbox: mpsc::Sender<Command>,
}

/// The permits of a pool that nobody holds.
#[derive(Debug)]
pub(crate) struct Idle {
    engine: String,
    seats: Mutex<Seats>,
    changed: ChangeHook,
}

#[derive(Debug, Default)]
struct Seats {
    permits: VecDeque<Permit>,
    workers: Vec<Availability>,
}

/// Whether a worker takes orders.
#[derive(Clone, Copy, Debug, Default)]
struct Availability {
    /// The life in which it takes orders, if it does.
    life: Option<u64>,
    /// Takes no further orders in this life.
    draining: bool,
    /// Permits of this life that somebody holds.
    held: u32,
}

impl Idle {
    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, worker: usize) -> Option<Permit> {
        let mut seats = self.lock();
        let at = seats.permits.iter().position(|permit| permit.index == worker)?;
        let permit = seats.permits.remove(at)?;
        if let Some(worker) = seats.workers.get_mut(permit.index) {
            worker.held += 1;
        }
        Some(permit)
    }

    fn give_back(&self, permit: &Permit) {
        let mut seats = self.lock();
        // The permit of an earlier life is worth nothing any more.
        let Some(worker) =
            seats.workers.get_mut(permit.index).filter(|worker| worker.life == Some(permit.life))
        else {
            return;
        };
        worker.held = worker.held.saturating_sub(1);
        let (draining, held) = (worker.draining, worker.held);
        if !draining {
            seats.permits.push_back(permit.clone());
        }
        drop(seats);
        if draining && held == 0 {
            // A worker that is behind with its commands looks again after each of them.
            drop(permit.mailbox.try_send(Command::Drained));
        }
    }

    fn tell(&self, worker: usize, to: ChangeTo) {
        self.changed.call(Change { engine: &self.engine, worker, to });
    }

    pub(crate) fn seat(self: Arc<Self>, index: usize, mailbox: mpsc::WeakSender<Command>) -> Seat {
        let mut seats = self.lock();
        if seats.workers.len() <= index {
            seats.workers.resize(index + 1, Availability::default());
        }
        drop(seats);
        Seat { idle: self, index, mailbox }
    }
}

/// A worker's place in its pool: how its task says that it takes orders, or no longer does.
#[derive(Debug)]
pub(crate) struct Seat {
    idle: Arc<Idle>,
    index: usize,
    mailbox: mpsc::WeakSender<Command>,
}

impl Seat {
    /// Takes orders from now on, as long as this life lasts.
    pub(crate) fn offer(&self, life: u64, ready: Arc<Ready>) {
        let Some(mailbox) = self.mailbox.upgrade() else { return };
        let mut seats = self.idle.lock();
        if let Some(worker) = seats.workers.get_mut(self.index) {
            *worker = Availability { life: Some(life), draining: false, held: 0 };
        }
        seats.permits.push_back(Permit { index: self.index, life, ready, mailbox });
        drop(seats);
        self.idle.tell(self.index, ChangeTo::Ready);
    }

    /// Tells whoever waits for workers what this one does now.
    pub(crate) fn tell(&self, to: ChangeTo) {
        self.idle.tell(self.index, to);
    }

    /// Takes no further orders in this life. True if none is being worked on or on its way; else the task is told
    /// when the last one has ended.
    pub(crate) fn drain(&self) -> bool {
        let mut seats = self.idle.lock();
        seats.permits.retain(|permit| permit.index != self.index);
        let is_idle = seats.workers.get_mut(self.index).is_none_or(|worker| {
            worker.draining = true;
            worker.held == 0
        });
        drop(seats);
        if is_idle {
            self.idle.tell(self.index, ChangeTo::Gone);
        }
        is_idle
    }

    /// Its life is over.
    pub(crate) fn revoke(&self) {
        let mut seats = self.idle.lock();
        if let Some(worker) = seats.workers.get_mut(self.index) {
            *worker = Availability::default();
        }
        seats.permits.retain(|permit| permit.index != self.index);
        drop(seats);
        self.idle.tell(self.index, ChangeTo::Gone);
    }
}
