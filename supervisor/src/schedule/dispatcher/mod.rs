//! The scheduler at work: it tells the plan what happens and when, and has the workers do what the plan says.
//!
//! Free workers are given out by whoever changes something: the request that is let in, or the task of a worker that
//! has ended a segment. A task of its own for that would add a switch to every segment. What workers tell comes
//! through an inbox, since it may be told while the desk is in use.

mod alarm;
mod desk;
mod engines;
mod expect;
mod figures;
mod probes;
mod pulse;
mod retry;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use ishowtts_workers::{ChangeTo, protocol::Ready};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch},
    time::sleep_until,
};

use self::{
    alarm::Alarm,
    desk::{Desk, Event},
};
pub use self::{
    figures::{Load, Recoveries},
    probes::{Probe, Probed},
};
use super::{
    Booking, Delivery, Refusal, Segment,
    plan::{Micros, StreamId},
    ticket::{Ear, Place, Tail, Tickets, Turns},
};
use crate::{
    config::{Config, Limits},
    pools::Pools,
    speech::{Budget, Priority},
};

/// How long a client that finds all places taken is to stay away: somebody leaves every moment.
const NO_PLACE: Duration = Duration::from_secs(1);

/// More requests than may ever be in flight, however the limit is set.
const SLOTS: u32 = 1 << 20;

/// A little later than necessary, so that it is true by then.
const A_MOMENT: Duration = Duration::from_millis(2);

/// Lets streams in and gives workers out.
#[derive(Debug)]
pub struct Scheduler {
    desk: Mutex<Desk>,
    inbox: Mutex<Vec<(Instant, Event)>>,
    /// Something changed while the desk was in use.
    again: AtomicBool,
    alarm: Alarm,
    slots: Arc<Semaphore>,
    /// Requests that may have entered at once.
    most: AtomicUsize,
    pools: Arc<Pools>,
    draining: AtomicBool,
    epoch: Instant,
    /// How long a segment that failed waits for its engine to have a worker again.
    patience: Duration,
    /// Seen by those who wait for an engine to come up.
    news: watch::Sender<()>,
}

/// The right of one request to be worked on, until it is dropped.
#[derive(Debug)]
pub struct Entry {
    _slot: OwnedSemaphorePermit,
}

impl Scheduler {
    /// Schedules over the pools.
    pub fn start(pools: Arc<Pools>, config: &Config) -> Arc<Self> {
        let epoch = Instant::now();
        let scheduler = Arc::new(Self {
            desk: Mutex::new(Desk::new(config, &pools)),
            inbox: Mutex::default(),
            again: AtomicBool::new(false),
            alarm: Alarm::default(),
            slots: Arc::new(Semaphore::new(SLOTS as usize)),
            most: AtomicUsize::new(config.limits.max_requests),
            pools,
            draining: AtomicBool::new(false),
            epoch,
            patience: config.limits.patience,
            news: watch::Sender::new(()),
        });
        let weak = Arc::downgrade(&scheduler);
        scheduler.pools.on_change(move |change| {
            if let Some(scheduler) = weak.upgrade() {
                let engine = change.engine.to_owned();
                scheduler.tell(Event::Worker { engine, index: change.worker, to: change.to });
                scheduler.news.send_replace(());
            }
        });
        // Those that were ready before anybody listened.
        for pool in scheduler.pools.iter() {
            for index in 0..pool.size() {
                let to = match pool.sitting(index) {
                    Some(sitting) => ChangeTo::Ready { sitting },
                    None => ChangeTo::Gone { sitting: 0 },
                };
                scheduler.tell(Event::Worker { engine: pool.engine().to_owned(), index, to });
            }
        }
        scheduler
    }

    /// The pools that it spends the leases of.
    pub fn pools(&self) -> &Arc<Pools> {
        &self.pools
    }

    /// A request that needs these engines enters, or is refused at once.
    pub fn enter(&self, engines: &[&str]) -> Result<Arc<Entry>, Refusal> {
        if self.is_draining() {
            return Err(Refusal::Draining);
        }
        engines.iter().try_for_each(|engine| self.usable(engine))?;
        let slot = Arc::clone(&self.slots).try_acquire_owned().ok();
        let slot = slot.filter(|_| self.in_flight() <= self.most.load(Ordering::Relaxed));
        slot.map(|slot| Arc::new(Entry { _slot: slot }))
            .ok_or(Refusal::Busy { retry: NO_PLACE, is_fairness: false })
    }

    fn usable(&self, engine: &str) -> Result<(), Refusal> {
        if let Some(reason) = self.pools.failure(engine) {
            return Err(Refusal::EngineFailed { engine: engine.to_owned(), reason });
        }
        match self.pools.get(engine) {
            Some(_) => Ok(()),
            None => Err(Refusal::EngineDisabled { engine: engine.to_owned() }),
        }
    }

    /// Waits until each of these engines has had a ready worker once: before that nobody knows what it costs.
    pub async fn known(self: &Arc<Self>, engines: &[&str]) -> Result<(), Refusal> {
        self.heard_of(engines, |engine| self.usable(engine)).await
    }

    /// The same for a stream that was let in, and may ask more of an engine that nobody else may ask for any more.
    pub async fn still_known(self: &Arc<Self>, engines: &[&str]) -> Result<(), Refusal> {
        self.heard_of(engines, |engine| self.still_usable(engine)).await
    }

    async fn heard_of(
        self: &Arc<Self>,
        engines: &[&str],
        usable: impl Fn(&str) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut news = self.news.subscribe();
        loop {
            engines.iter().try_for_each(|engine| usable(engine))?;
            if self.look(|desk| engines.iter().all(|engine| desk.facts(engine).is_some())) {
                return Ok(());
            }
            // A text that is still arriving ends in peace, whoever speaks its next clause; nobody waits for an engine.
            if self.is_draining() {
                return Err(Refusal::Draining);
            }
            // The sender lives as long as we do.
            drop(news.changed().await);
        }
    }

    /// Whether an engine has a worker that takes orders.
    pub(super) fn speaks(&self, engine: &str) -> bool {
        self.pools.at_work(engine).is_some_and(|pool| pool.takes_orders())
    }

    /// Changes with each worker that begins or ceases to take orders.
    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// What an engine said of itself when a worker of it was ready for the first time.
    pub fn ready(self: &Arc<Self>, engine: &str) -> Option<Arc<Ready>> {
        self.look(|desk| desk.facts(engine).map(|facts| Arc::clone(&facts.ready)))
    }

    /// How long an engine's segments may be, so that one keeps nobody waiting for long. The same from the first ready
    /// worker on.
    pub fn budget(self: &Arc<Self>, engine: &str) -> Budget {
        self.look(|desk| desk.facts(engine).map_or_else(Budget::default, |facts| facts.budget))
    }

    /// Lets a stream in if everybody's audio comes in time then; else refuses it at once.
    pub fn admit(self: &Arc<Self>, booking: Booking) -> Result<Place, Refusal> {
        if self.is_draining() {
            return Err(Refusal::Draining);
        }
        for segment in &booking.segments {
            self.usable(&segment.engine)?;
        }
        let is_open = booking.open.is_some();
        let now = self.now();
        let seated = self.desk().admit(booking, now);
        self.settle();
        let seated = seated?;
        let ear = Ear { scheduler: Arc::clone(self), id: seated.id, listener: seated.listener };
        Ok(Place {
            ear,
            tickets: Tickets::new(Arc::clone(self), seated.id, seated.turns, self.patience),
            promised: self.epoch + seated.promised.duration(),
            tail: is_open.then(|| Tail { scheduler: Arc::clone(self), id: seated.id }),
        })
    }

    /// More text of a stream has come.
    pub(super) fn append(self: &Arc<Self>, id: StreamId, segments: Vec<Segment>) -> Result<Turns, Refusal> {
        for segment in &segments {
            self.still_usable(&segment.engine)?;
        }
        let now = self.now();
        let turns = self.desk().append(id, segments, now);
        self.settle();
        turns
    }

    /// All of a stream's text has come.
    pub(super) fn close_text(self: &Arc<Self>, id: StreamId) {
        self.desk().close_text(id);
        self.settle();
    }

    /// Lets one more listener join a stream, if everybody is still in time then; tells when its audio is promised.
    pub fn join(
        self: &Arc<Self>,
        stream: StreamId,
        class: Priority,
        delivery: Delivery,
        deadline: Option<Duration>,
    ) -> Result<(Ear, Instant), Refusal> {
        let now = self.now();
        let joined = self.desk().join(stream, class, delivery, deadline.map(Micros::from), now);
        self.settle();
        let joined = joined?;
        let ear = Ear { scheduler: Arc::clone(self), id: joined.id, listener: joined.listener };
        Ok((ear, self.epoch + joined.promised.duration()))
    }

    /// A stream's first audio is there: when it may be passed on.
    pub(super) fn begin(self: &Arc<Self>, id: StreamId) -> Instant {
        let now = self.now();
        let start = self.desk().begin(id, now);
        self.settle();
        self.epoch + start.duration()
    }

    pub(super) fn read(self: &Arc<Self>, id: StreamId, listener: u32, audio: Duration, waited: bool) {
        let now = self.now();
        self.desk().read(id, listener, audio.into(), waited, now);
        self.settle();
    }

    pub(super) fn leave(self: &Arc<Self>, id: StreamId, listener: u32) {
        let now = self.now();
        // What is given back is dropped when the desk is free again.
        let orders = self.desk().leave(id, listener, now);
        drop(orders);
        self.settle();
    }

    /// Takes in what has happened, now or as soon as the desk is free.
    fn tell(self: &Arc<Self>, event: Event) {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), event));
        self.settle();
    }

    /// Hears what has happened and gives free workers out. Where another thread, or this one further up, is at it
    /// already, it is told to look again instead.
    fn settle(self: &Arc<Self>) {
        self.again.store(true, Ordering::SeqCst);
        // Whoever holds the desk looks at `again` once more after letting it go, so no change is missed.
        while self.again.load(Ordering::SeqCst) {
            let mut desk = match self.desk.try_lock() {
                Ok(desk) => desk,
                Err(TryLockError::Poisoned(desk)) => desk.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            while self.again.swap(false, Ordering::SeqCst) {
                let events = std::mem::take(&mut *self.inbox.lock().unwrap_or_else(PoisonError::into_inner));
                for (when, event) in events {
                    desk.hear(event, &self.pools, self.at(when));
                }
                desk.dispatch(self);
                if let Some(when) = desk.hold(self) {
                    self.look_again(when);
                }
            }
        }
    }

    /// Looks again at that moment, since nothing else may happen until then.
    fn look_again(self: &Arc<Self>, when: Micros) {
        if self.alarm.set(when) {
            let (scheduler, moment) = (Arc::downgrade(self), self.epoch + when.duration() + A_MOMENT);
            tokio::spawn(async move {
                sleep_until(moment.into()).await;
                if let Some(scheduler) = scheduler.upgrade() {
                    scheduler.alarm.rang(when);
                    scheduler.settle();
                }
            });
        }
    }

    /// Looks at the desk, and sees to what was told meanwhile: whoever tells it finds the desk taken, and leaves it to us.
    fn look<T>(self: &Arc<Self>, look: impl FnOnce(&Desk) -> T) -> T {
        let seen = look(&self.desk());
        if self.again.load(Ordering::SeqCst) {
            self.settle();
        }
        seen
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Micros {
        self.at(Instant::now())
    }

    fn at(&self, moment: Instant) -> Micros {
        moment.saturating_duration_since(self.epoch).into()
    }

    /// Sends a beat the way that everything goes which workers tell, and waits until it was heard. An error tells what
    /// should have moved since the last beat and has not; from a desk that is never free again nothing comes back.
    pub async fn pulse(self: &Arc<Self>) -> Result<(), String> {
        let (heard, beat) = oneshot::channel();
        self.tell(Event::Beat(heard));
        beat.await.unwrap_or_else(|_| Err("a beat was lost".into()))
    }

    /// Lets requests and streams in within other limits from now on, all but that of a stream's buffer.
    pub fn limit(self: &Arc<Self>, limits: &Limits) {
        self.most.store(limits.max_requests, Ordering::Relaxed);
        self.desk().limit(limits);
        self.settle();
    }

    /// What is asked of the machine.
    pub fn load(self: &Arc<Self>) -> Load {
        self.look(|desk| desk.load(self.now()))
    }

    /// Has a worker that was not heard for so long say a few words, if it is idle and nobody needs it now.
    pub fn next_probe(self: &Arc<Self>, every: Duration) -> Option<Probe> {
        let now = self.now();
        let probe = self.desk().next_probe(self, every.into(), now);
        self.settle();
        probe
    }

    /// A probe is over, and this was wrong with its worker, which then is ended.
    pub fn probed(self: &Arc<Self>, probe: &Probe, outcome: Result<(), String>) {
        let probed =
            Probed { at: probe.began, took: probe.began.elapsed(), error: outcome.as_ref().err().cloned() };
        let now = self.now();
        self.desk().probed(probe.worker, probed, now);
        self.settle();
        if let (Err(why), Some(pool)) = (outcome, self.pools.at_work(&probe.engine)) {
            pool.condemn(probe.seat, probe.sitting, why);
        }
    }

    /// How the workers in an engine's seats were tried last, by seat.
    pub fn probes(self: &Arc<Self>, engine: &str) -> Vec<Option<Probed>> {
        self.look(|desk| desk.probes(engine))
    }

    /// How often work had to be done again, since the start.
    pub fn recoveries(self: &Arc<Self>) -> Recoveries {
        self.look(Desk::recoveries)
    }

    /// Admits nobody any more.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.news.send_replace(());
    }

    /// Turns everybody away who still waits for a worker.
    pub fn turn_away(self: &Arc<Self>) {
        self.desk().close(&Refusal::Draining);
        self.settle();
    }

    /// Whether [`drain`](Self::drain) was called.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Waits until every request that entered has ended.
    pub async fn drained(&self) {
        // The semaphore is never closed.
        drop(self.slots.acquire_many(SLOTS).await);
    }

    /// Requests that have entered and not ended.
    pub fn in_flight(&self) -> usize {
        (SLOTS as usize).saturating_sub(self.slots.available_permits())
    }
}

#[cfg(test)]
mod tests;
