//! All workers of one engine, and the right to use one of them.

mod lease;
mod resize;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{mpsc, watch};

pub(crate) use self::lease::Ending;
pub use self::lease::{Lease, OnEnd, Task};
use crate::{
    hook::ChangeHook,
    lifecycle::{Command, Fault, Retirement, State},
    process::Launch,
    protocol::Ready,
    seats::Seats,
    spec::WorkerSpec,
    worker::{Wish, Worker, WorkerStatus},
};

/// Whether there is room for one more process beside this one, so that it may be warm before this one goes; and what it
/// is then, since it may be on another device. Given are what the successor is to be where it stays on its
/// predecessor's device, how the predecessor is, and the devices of the engine's other workers.
pub type Room = Arc<dyn Fn(WorkerSpec, &WorkerStatus, &[String]) -> Option<WorkerSpec> + Send + Sync>;

/// The workers of one engine: those that sit in its seats and take orders, and warm spares.
#[derive(Debug)]
pub struct Pool {
    crew: Arc<Crew>,
}

/// What a pool's keeper works on.
struct Crew {
    engine: String,
    seats: Arc<Seats>,
    launcher: Arc<dyn Launch>,
    room: Mutex<Room>,
    workers: Mutex<Vec<Arc<Worker>>>,
    /// How the lives of those ended that are no longer among them.
    retired: Mutex<[u64; Fault::LABELS.len()]>,
    /// One that warms up to take another's place.
    coming: Mutex<Option<Arc<Worker>>>,
    /// One is replaced at a time.
    renewing: tokio::sync::Mutex<()>,
    wishes: mpsc::UnboundedSender<Wish>,
}

impl Pool {
    /// Starts a worker for each spec; so many of them take orders, and the others are spares. `changed` is called
    /// whenever a seat begins or ceases to take orders. `room` tells whether a worker may be replaced by one that is
    /// warm before it goes.
    pub fn start(
        engine: &str,
        specs: Vec<WorkerSpec>,
        seats: usize,
        launcher: &Arc<dyn Launch>,
        changed: ChangeHook,
        room: Room,
    ) -> Self {
        let (wishes, mut heard) = mpsc::unbounded_channel::<Wish>();
        let crew = Arc::new(Crew {
            engine: engine.to_owned(),
            seats: Arc::new(Seats::new(engine, seats, changed)),
            launcher: Arc::clone(launcher),
            room: Mutex::new(room),
            workers: Mutex::default(),
            retired: Mutex::default(),
            coming: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
            wishes,
        });
        let workers: Vec<_> = specs.into_iter().map(|spec| crew.spawn(spec, 0)).collect();
        crew.lock().extend(workers);
        let keeper = Arc::downgrade(&crew);
        tokio::spawn(async move {
            while let Some(wish) = heard.recv().await {
                let Some(crew) = keeper.upgrade() else { return };
                let found = crew.lock().iter().find(|worker| worker.key() == wish.worker).cloned();
                if let Some(worker) = found {
                    let spec = worker.spec();
                    // The log tells of one that does not come.
                    drop(crew.replace(&worker, spec, wish.why).await);
                }
            }
        });
        Self { crew }
    }

    /// Has room be asked for like this from now on.
    pub fn set_room(&self, room: Room) {
        *self.crew.room.lock().unwrap_or_else(PoisonError::into_inner) = room;
    }

    /// Name of the engine.
    pub fn engine(&self) -> &str {
        &self.crew.engine
    }

    /// Takes the worker in a seat, if it is warm and nobody uses it.
    pub fn lease(&self, seat: usize) -> Option<Lease> {
        Some(Lease { permit: self.crew.seats.take(seat)?, seats: Arc::clone(&self.crew.seats) })
    }

    /// Takes the worker in a seat for what it is to speak next, if it is used and takes that in meanwhile. What it is told
    /// by this, it begins when it has ended what it was told before.
    pub fn lease_ahead(&self, seat: usize) -> Option<Lease> {
        Some(Lease { permit: self.crew.seats.take_ahead(seat)?, seats: Arc::clone(&self.crew.seats) })
    }

    /// Has the worker in a seat stop at its next step and free its device, or go on.
    pub fn pause(&self, seat: usize, pause: bool) {
        self.crew.seats.say(seat, if pause { Command::Pause } else { Command::Resume });
    }

    /// Ends the worker in a seat at once, since it cannot be trusted any more; it is started again.
    /// In another sitting than this it is another worker, which is left alone.
    pub fn condemn(&self, seat: usize, sitting: u64, why: String) {
        if self.sitting(seat) == Some(sitting) {
            self.crew.seats.say(seat, Command::Condemn(why));
        }
    }

    /// Whether a warm worker is in a seat that nobody uses.
    pub fn is_resting(&self, seat: usize) -> bool {
        self.crew.seats.is_resting(seat)
    }

    /// How many seats there are.
    pub fn size(&self) -> usize {
        self.crew.seats.count()
    }

    /// The number of the sitting in a seat, if a worker takes orders there.
    pub fn sitting(&self, seat: usize) -> Option<u64> {
        self.crew.seats.sitting(seat)
    }

    /// The device of the worker in a seat.
    pub fn device(&self, seat: usize) -> Option<Arc<str>> {
        self.crew.seats.device(seat)
    }

    /// Whether a worker takes orders in any seat.
    pub fn takes_orders(&self) -> bool {
        (0..self.size()).any(|seat| self.sitting(seat).is_some())
    }

    /// Whether a worker that is in no seat may still come to take one.
    pub fn has_hope(&self) -> bool {
        let hope = |worker: &Arc<Worker>| {
            let state = worker.watch().borrow().state;
            !self.crew.seats.is_seated(worker.key()) && !matches!(state, State::Failed | State::Stopped)
        };
        self.crew.lock().iter().any(hope)
    }

    /// Each worker's name and present status.
    pub fn statuses(&self) -> Vec<(String, WorkerStatus)> {
        let told = |worker: &Arc<Worker>| {
            let mut status = worker.watch().borrow().clone();
            status.is_spare = status.ready.is_some() && !self.crew.seats.is_seated(worker.key());
            (worker.name().to_owned(), status)
        };
        self.crew.lock().iter().map(told).collect()
    }

    /// How the lives of all its workers ended so far, counted as [`Fault::LABELS`] names them.
    pub fn faults(&self) -> [u64; Fault::LABELS.len()] {
        let mut sums = *self.crew.retired.lock().unwrap_or_else(PoisonError::into_inner);
        for worker in self.crew.lock().iter() {
            add(&mut sums, &worker.watch().borrow().faults);
        }
        sums
    }

    /// Follows each worker's status.
    pub fn watch(&self) -> Vec<watch::Receiver<WorkerStatus>> {
        self.crew.lock().iter().map(|worker| worker.watch()).collect()
    }

    /// What a ready worker said of itself, once there is one.
    pub fn ready(&self) -> Option<Arc<Ready>> {
        self.crew.lock().iter().find_map(|worker| worker.watch().borrow().ready.clone())
    }

    /// Whether every worker was given up.
    pub fn has_failed(&self) -> bool {
        self.crew.lock().iter().all(|worker| worker.watch().borrow().state == State::Failed)
    }

    /// Replaces the workers one by one: where there is room, another is warm before one goes, and each finishes first
    /// what it is speaking. Given-up ones try again.
    pub async fn restart(&self) {
        let workers = self.crew.lock().clone();
        for worker in workers {
            // The log tells of one that does not come; the others may all the same.
            drop(self.crew.replace(&worker, worker.spec(), Fault::Asked).await);
        }
    }

    /// The same, each by one that is what `change` makes of its spec. If one does not start, those that serve stay as
    /// they are, and its reason is returned.
    pub async fn renew(&self, change: impl Fn(&WorkerSpec) -> WorkerSpec) -> Result<(), String> {
        let workers = self.crew.lock().clone();
        for worker in workers {
            let before = worker.spec();
            let replaced = self.crew.replace(&worker, change(&before), Fault::Asked).await;
            if replaced.is_err() && worker.watch().borrow().state == State::Failed {
                // It had to go before its successor was tried.
                drop(self.crew.replace(&worker, before, Fault::Asked).await);
            }
            replaced?;
        }
        Ok(())
    }

    /// Has given-up workers try again.
    pub async fn retry(&self) {
        let workers = self.crew.lock().clone();
        for worker in workers {
            if worker.watch().borrow().state == State::Failed {
                worker.tell(Command::Retire(Retirement::to_start_again(None, Fault::Asked))).await;
            }
        }
    }

    /// Ends all workers and waits until their processes are gone.
    pub async fn stop(&self) {
        let mut workers = self.crew.lock().clone();
        workers.extend(self.crew.coming().clone());
        for worker in &workers {
            worker.tell(Command::Stop).await;
        }
        for worker in &workers {
            worker.stopped().await;
        }
    }
}

/// Waits until a worker is warm that had so many lives before; an error tells why it does not become so.
async fn came(worker: &Worker, lives: u64) -> Result<(), String> {
    let settled = |now: &WorkerStatus| match now.state {
        // While it is being ended, nothing tells yet why.
        State::Starting | State::Stopping => false,
        State::Stopped => now.lives > lives,
        State::Ready | State::Busy | State::Backoff | State::Failed => true,
    };
    let state = worker.watch().wait_for(settled).await.map(|status| status.state);
    if matches!(state, Ok(State::Ready | State::Busy)) {
        return Ok(());
    }
    Err(reason(worker.watch().borrow().clone()))
}

/// Why a worker did not start.
fn reason(status: WorkerStatus) -> String {
    status.last_fault.unwrap_or_else(|| "it ended".into())
}

fn add(sums: &mut [u64; Fault::LABELS.len()], counts: &[u64; Fault::LABELS.len()]) {
    for (sum, count) in sums.iter_mut().zip(counts) {
        *sum += count;
    }
}

impl Crew {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Worker>>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn coming(&self) -> MutexGuard<'_, Option<Arc<Worker>>> {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self, spec: WorkerSpec, earlier_lives: u64) -> Arc<Worker> {
        let (launcher, seats) = (Arc::clone(&self.launcher), Arc::clone(&self.seats));
        Arc::new(Worker::spawn(spec, launcher, seats, self.wishes.clone(), earlier_lives))
    }

    /// Has a worker's place taken by another one; an error tells why that one does not start.
    async fn replace(&self, old: &Arc<Worker>, spec: WorkerSpec, why: Fault) -> Result<(), String> {
        let _one_at_a_time = self.renewing.lock().await;
        if !self.lock().iter().any(|worker| worker.key() == old.key()) {
            // There are fewer by now, or another one has its place.
            return Ok(());
        }
        let status = old.watch().borrow().clone();
        let serves = matches!(status.state, State::Ready | State::Busy);
        let beside = if serves { self.beside(old, &spec, status.clone()).await } else { None };
        let Some(beside) = beside else {
            let life = status.lives;
            old.keep_spec(&spec);
            old.tell(Command::Retire(Retirement::to_start_again(Some(spec), why))).await;
            let renewed = |status: &WorkerStatus| {
                let settled =
                    matches!(status.state, State::Ready | State::Busy | State::Failed | State::Stopped);
                status.lives > life && settled
            };
            // Only a worker whose task ended breaks the watch; it needs no waiting for.
            drop(old.watch().wait_for(renewed).await);
            let status = old.watch().borrow().clone();
            return if status.state == State::Failed { Err(reason(status)) } else { Ok(()) };
        };
        tracing::info!(worker = old.name(), "Warming up another worker before this one goes: {why}");
        let new = self.spawn(beside, status.lives);
        *self.coming() = Some(Arc::clone(&new));
        if let Err(why) = came(&new, status.lives).await {
            tracing::error!(worker = old.name(), "Its successor does not start, so it stays: {why}");
            new.tell(Command::Stop).await;
            new.stopped().await;
            self.count(&new);
            *self.coming() = None;
            return Err(why);
        }
        if let Some(place) = self.lock().iter_mut().find(|worker| worker.key() == old.key()) {
            *place = new;
        }
        *self.coming() = None;
        old.tell(Command::Retire(Retirement::for_good(why))).await;
        old.stopped().await;
        self.count(old);
        Ok(())
    }

    /// A successor that may be warm beside a worker. Asks on a thread of its own: a driver may take its time.
    async fn beside(&self, old: &Worker, spec: &WorkerSpec, status: WorkerStatus) -> Option<WorkerSpec> {
        let others =
            self.lock().iter().filter(|worker| worker.key() != old.key()).cloned().collect::<Vec<_>>();
        let others: Vec<String> =
            others.iter().map(|worker| worker.watch().borrow().device.clone()).collect();
        let room = Arc::clone(&self.room.lock().unwrap_or_else(PoisonError::into_inner));
        let spec = spec.clone();
        tokio::task::spawn_blocking(move || room(spec, &status, &others)).await.unwrap_or(None)
    }

    /// Keeps what a worker that goes for good has counted.
    fn count(&self, gone: &Worker) {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        add(&mut retired, &gone.watch().borrow().faults);
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").field("engine", &self.engine).finish_non_exhaustive()
    }
}
