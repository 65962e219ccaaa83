//! Who serves: the seats of a pool, the warm workers that sit in them, and those that wait for one to become free.
//!
//! A seat is what orders are given to. Which worker sits in it changes: when one is lost or retires, a warm one that
//! waits takes its place at once. Each sitting has a number that grows, so that whoever hears of changes late, or not
//! in their order, can tell the old from the new.
//!
//! How many seats there are may change. One that is given up, always the last, takes no further orders; who sits there
//! finishes, and then is a spare. A number that a seat had is its own when there are as many again.
//!
//! On a device, workers take turns; so those in the seats are spread over the devices as evenly as those who are warm
//! allow, and one that shares its device changes places with a spare whose device does nothing.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::mpsc;

use crate::{
    hook::{Change, ChangeHook, ChangeTo},
    lifecycle::Command,
    protocol::Ready,
};

/// Names a worker within the process, and never another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WorkerKey(u64);

impl WorkerKey {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A warm worker, in one of its lives.
#[derive(Clone, Debug)]
pub(crate) struct Warm {
    worker: WorkerKey,
    device: Arc<str>,
    pub(crate) life: u64,
    pub(crate) ready: Arc<Ready>,
    pub(crate) mailbox: mpsc::Sender<Command>,
}

/// A warm worker in a seat.
#[derive(Debug)]
struct Sitting {
    warm: Warm,
    number: u64,
    /// Takes no further orders in this life.
    draining: bool,
    /// Takes no further orders in this seat, which was given up.
    rising: bool,
    /// How many permits of it are out.
    held: u8,
}

impl Sitting {
    fn takes_orders(&self) -> bool {
        !self.draining && !self.rising
    }

    fn is_held(&self) -> bool {
        self.held > 0
    }
}

/// Permission to use the worker in a seat, during one sitting.
#[derive(Debug)]
pub(crate) struct Permit {
    seat: usize,
    pub(crate) number: u64,
    pub(crate) warm: Warm,
}

/// The seats of one pool.
#[derive(Debug)]
pub(crate) struct Seats {
    engine: String,
    table: Mutex<Table>,
    changed: ChangeHook,
}

#[derive(Debug)]
struct Table {
    /// Those that were given up, too, which are the last.
    seats: Vec<Place>,
    /// How many of them are to be taken.
    open: usize,
    spares: VecDeque<Warm>,
    hook: ChangeHook,
    /// How often a worker of the pool became ready.
    arrivals: u64,
}

#[derive(Debug, Default)]
struct Place {
    sitting: Option<Sitting>,
    /// The number of its last sitting.
    number: u64,
}

/// What has changed, to be told once the table is free.
type Changes = Vec<(usize, ChangeTo)>;

impl Seats {
    pub(crate) fn new(engine: &str, seats: usize, changed: ChangeHook) -> Self {
        let places = (0..seats).map(|_| Place::default()).collect();
        let table =
            Table { seats: places, open: seats, spares: VecDeque::new(), hook: changed.clone(), arrivals: 0 };
        Self { engine: engine.to_owned(), table: Mutex::new(table), changed }
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().open
    }

    /// Has so many seats from now on.
    pub(crate) fn resize(&self, seats: usize) {
        let mut table = self.lock();
        let before = std::mem::replace(&mut table.open, seats);
        while table.seats.len() < seats {
            table.seats.push(Place::default());
        }
        let mut changes = Changes::new();
        for seat in seats..before {
            changes.extend(table.give_up(seat));
        }
        for seat in before..seats {
            // Whoever schedules hears of a seat that is empty, too. One who has yet to leave it tells of that then.
            if let Some(place) = table.seats.get(seat).filter(|place| place.sitting.is_none()) {
                changes.push((seat, ChangeTo::Gone { sitting: place.number }));
            }
        }
        changes.extend(table.fill_all());
        drop(table);
        self.tell(changes);
    }

    /// The number of the present sitting in a seat, if somebody takes orders there.
    pub(crate) fn sitting(&self, seat: usize) -> Option<u64> {
        let table = self.lock();
        let sitting = table.seats.get(seat)?.sitting.as_ref()?;
        sitting.takes_orders().then_some(sitting.number)
    }

    /// The device of the worker in a seat.
    pub(crate) fn device(&self, seat: usize) -> Option<Arc<str>> {
        Some(Arc::clone(&self.lock().seats.get(seat)?.sitting.as_ref()?.warm.device))
    }

    /// Whether somebody sits in a seat whom nobody uses.
    pub(crate) fn is_resting(&self, seat: usize) -> bool {
        let table = self.lock();
        let sitting = table.seats.get(seat).and_then(|place| place.sitting.as_ref());
        sitting.is_some_and(|sitting| !sitting.is_held() && sitting.takes_orders())
    }

    /// Whether a worker is in a seat.
    pub(crate) fn is_seated(&self, worker: WorkerKey) -> bool {
        self.lock().seat_of(worker).is_some()
    }

    /// Whether a worker is in a seat that was not given up.
    pub(crate) fn is_kept(&self, worker: WorkerKey) -> bool {
        let table = self.lock();
        table.seat_of(worker).is_some_and(|seat| seat < table.open)
    }

    /// The worker in a seat, if nobody uses it.
    pub(crate) fn take(&self, seat: usize) -> Option<Permit> {
        self.take_if(seat, |sitting| !sitting.is_held())
    }

    /// The worker in a seat, if it is used and takes in what comes next meanwhile.
    pub(crate) fn take_ahead(&self, seat: usize) -> Option<Permit> {
        self.take_if(seat, |sitting| sitting.held == 1 && sitting.warm.ready.ahead)
    }

    fn take_if(&self, seat: usize, may: impl FnOnce(&Sitting) -> bool) -> Option<Permit> {
        let mut table = self.lock();
        let sitting = table.seats.get_mut(seat)?.sitting.as_mut()?;
        if !sitting.takes_orders() || !may(sitting) {
            return None;
        }
        sitting.held += 1;
        Some(Permit { seat, number: sitting.number, warm: sitting.warm.clone() })
    }

    pub(crate) fn give_back(&self, permit: &Permit) {
        let mut table = self.lock();
        let Some(place) = table.seats.get_mut(permit.seat) else { return };
        // The permit of an earlier sitting is worth nothing any more.
        let Some(sitting) = place.sitting.as_mut().filter(|sitting| sitting.number == permit.number) else {
            return;
        };
        sitting.held = sitting.held.saturating_sub(1);
        let is_draining = sitting.draining;
        let changes = if sitting.is_held() {
            return;
        } else if is_draining {
            table.vacate(permit.seat)
        } else if sitting.rising {
            table.rise(permit.seat)
        } else {
            table.even_out(permit.seat)
        };
        drop(table);
        self.tell(changes);
        if !is_draining {
            return;
        }
        // A worker that is behind with its commands looks again after each of them.
        drop(permit.warm.mailbox.try_send(Command::Drained));
    }

    /// Says something to the worker in a seat without waiting.
    pub(crate) fn say(&self, seat: usize, command: Command) {
        let mailbox = {
            let table = self.lock();
            table.seats.get(seat).and_then(|place| Some(place.sitting.as_ref()?.warm.mailbox.clone()))
        };
        if let Some(mailbox) = mailbox {
            // A mailbox that is full is one of a worker that does not get along anyway.
            drop(mailbox.try_send(command));
        }
    }

    fn tell(&self, changes: Changes) {
        for (seat, to) in changes {
            self.changed.call(Change { engine: &self.engine, worker: seat, to });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn seat_of(&self, worker: WorkerKey) -> Option<usize> {
        let sits =
            |place: &Place| place.sitting.as_ref().is_some_and(|sitting| sitting.warm.worker == worker);
        self.seats.iter().position(sits)
    }

    /// How many in the seats compute on a device.
    fn seated_on(&self, device: &str) -> usize {
        let sitting = self.seats.iter().filter_map(|place| place.sitting.as_ref());
        sitting.filter(|sitting| &*sitting.warm.device == device).count()
    }

    /// The spare whose device has the fewest in the seats, and of those the one that waits longest.
    fn best_spare(&self) -> Option<usize> {
        let spares = self.spares.iter().enumerate();
        spares.min_by_key(|(_, warm)| self.seated_on(&warm.device)).map(|(at, _)| at)
    }

    /// Has whoever sits there unused become a spare, if its place on another device is of more use.
    fn even_out(&mut self, seat: usize) -> Changes {
        let Some(at) = self.best_spare() else { return Changes::new() };
        let sitting = self.seats.get(seat).and_then(|place| place.sitting.as_ref());
        let Some(sitting) = sitting.filter(|sitting| !sitting.is_held() && sitting.takes_orders()) else {
            return Changes::new();
        };
        let other = self.spares.get(at).map_or(0, |warm| self.seated_on(&warm.device));
        if self.seated_on(&sitting.warm.device) < other + 2 {
            return Changes::new();
        }
        let warm = sitting.warm.clone();
        let changes = self.vacate(seat);
        self.spares.push_back(warm);
        changes
    }

    /// A seat is there no longer: whoever sits there finishes first.
    fn give_up(&mut self, seat: usize) -> Changes {
        match self.seats.get_mut(seat).and_then(|place| place.sitting.as_mut()) {
            Some(sitting) if sitting.is_held() => {
                sitting.rising = true;
                Changes::new()
            }
            Some(_) => self.rise(seat),
            None => Changes::new(),
        }
    }

    /// Whoever sits there is a spare, and may take another seat that is free.
    fn rise(&mut self, seat: usize) -> Changes {
        let sitting = self.seats.get_mut(seat).and_then(|place| Some((place.sitting.take()?, place.number)));
        let Some((sitting, number)) = sitting else { return Changes::new() };
        self.spares.push_back(sitting.warm);
        let mut changes = vec![(seat, ChangeTo::Gone { sitting: number })];
        changes.extend(self.fill_all());
        changes
    }

    /// Spares take the seats that are free.
    fn fill_all(&mut self) -> Changes {
        (0..self.open).flat_map(|seat| self.fill(seat)).collect()
    }

    /// A spare takes a seat that is free.
    fn fill(&mut self, seat: usize) -> Changes {
        if seat >= self.open {
            return Changes::new();
        }
        let spare = self.best_spare();
        let Some(place) = self.seats.get_mut(seat).filter(|place| place.sitting.is_none()) else {
            return Changes::new();
        };
        let Some(warm) = spare.and_then(|at| self.spares.remove(at)) else { return Changes::new() };
        let number = self.hook.next_sitting();
        place.number = number;
        place.sitting = Some(Sitting { warm, number, draining: false, rising: false, held: 0 });
        vec![(seat, ChangeTo::Ready { sitting: number })]
    }

    fn vacate(&mut self, seat: usize) -> Changes {
        let Some(place) = self.seats.get_mut(seat) else { return Changes::new() };
        place.sitting = None;
        let mut changes = vec![(seat, ChangeTo::Gone { sitting: place.number })];
        changes.extend(self.fill(seat));
        changes
    }
}

/// A worker's way to the seats of its pool: how its task says that it takes orders, or no longer does.
#[derive(Debug)]
pub(crate) struct Chair {
    pub(crate) seats: Arc<Seats>,
    pub(crate) worker: WorkerKey,
    pub(crate) mailbox: mpsc::WeakSender<Command>,
}

impl Chair {
    /// Takes orders from now on, as long as this life lasts, once there is a seat.
    pub(crate) fn offer(&self, life: u64, device: &str, ready: Arc<Ready>) {
        let Some(mailbox) = self.mailbox.upgrade() else { return };
        let mut table = self.seats.lock();
        table.arrivals += 1;
        table.spares.push_back(Warm { worker: self.worker, device: device.into(), life, ready, mailbox });
        let mut changes = table.fill_all();
        changes.extend((0..table.open).flat_map(|seat| table.even_out(seat)).collect::<Changes>());
        drop(table);
        self.seats.tell(changes);
    }

    /// How often any worker of the pool has become ready.
    pub(crate) fn arrivals(&self) -> u64 {
        self.seats.lock().arrivals
    }

    /// Tells whoever gives orders that it has stopped between two steps.
    pub(crate) fn paused(&self) {
        let seat = self.seats.lock().seat_of(self.worker);
        if let Some(seat) = seat {
            self.seats.tell(vec![(seat, ChangeTo::Paused)]);
        }
    }

    /// Takes no further orders in this life. True if none is being worked on or on its way; else the task is told
    /// when the last one has ended.
    pub(crate) fn drain(&self) -> bool {
        let mut table = self.seats.lock();
        table.spares.retain(|warm| warm.worker != self.worker);
        let Some(seat) = table.seat_of(self.worker) else { return true };
        if let Some(sitting) = table.seats.get_mut(seat).and_then(|place| place.sitting.as_mut())
            && sitting.is_held()
        {
            sitting.draining = true;
            return false;
        }
        let changes = table.vacate(seat);
        drop(table);
        self.seats.tell(changes);
        true
    }

    /// Its life is over. True if another one has taken its seat.
    pub(crate) fn revoke(&self) -> bool {
        let mut table = self.seats.lock();
        table.spares.retain(|warm| warm.worker != self.worker);
        let changes = table.seat_of(self.worker).map(|seat| table.vacate(seat)).unwrap_or_default();
        drop(table);
        let is_covered = changes.iter().any(|(_, to)| matches!(to, ChangeTo::Ready { .. }));
        self.seats.tell(changes);
        is_covered
    }

    /// Its process is gone, and what follows is known: whoever waits for a seat that is empty looks again.
    pub(crate) fn gone(&self) {
        let table = self.seats.lock();
        let empty =
            table.seats.iter().take(table.open).enumerate().filter(|(_, place)| place.sitting.is_none());
        let changes = empty.map(|(seat, place)| (seat, ChangeTo::Gone { sitting: place.number })).collect();
        drop(table);
        self.seats.tell(changes);
    }
}

#[cfg(test)]
mod tests;
