//! Workers and the devices that they compute on: who is free, and which free worker has room on its device.

mod change;

use std::sync::Arc;

/// What there is to schedule on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Room on each device: a GPU has one slot, the CPU one for each core. More than anybody takes where engines
    /// may overlap.
    pub devices: Vec<u32>,
    /// The workers of each pool.
    pub pools: Vec<Vec<Seat>>,
}

/// One worker's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seat {
    /// Index of the device that it computes on; `None` if it takes no share of any.
    pub device: Option<usize>,
    /// Slots of the device that it takes while it speaks.
    pub slots: u32,
}

/// Number of a worker, counted through all pools.
pub type WorkerIndex = usize;

/// Who is free, and how much room the devices have. Cheap to copy, so that a schedule can be played forward.
#[derive(Clone, Debug)]
pub(super) struct Floor {
    seats: Arc<[Station]>,
    /// Free workers by pool.
    free: Vec<Vec<WorkerIndex>>,
    /// What is left of each device: less than nothing where it has become smaller than what is taken of it.
    room: Vec<i64>,
    most: Arc<[u32]>,
    /// The devices have room for all workers at once.
    is_ample: bool,
}

/// The place of one worker on the floor.
#[derive(Clone, Copy, Debug)]
struct Station {
    pool: usize,
    seat: Seat,
    /// Whoever speaks there is given something else to speak afterwards.
    is_open: bool,
}

/// A set of small numbers. What lies beyond shares its last place with others, which makes them wait for each other.
#[derive(Clone, Copy, Default)]
struct Marks(u128);

impl Marks {
    fn bit(index: usize) -> u128 {
        1 << index.min(127)
    }

    fn set(&mut self, index: usize) {
        self.0 |= Self::bit(index);
    }

    fn has(self, index: usize) -> bool {
        self.0 & Self::bit(index) != 0
    }
}

impl Floor {
    /// Whether no worker ever waits for room on its device.
    pub(super) fn is_ample(&self) -> bool {
        self.is_ample
    }

    pub(super) fn workers(&self) -> usize {
        self.seats.len()
    }

    pub(super) fn pools(&self) -> usize {
        self.free.len()
    }

    pub(super) fn pool_of(&self, worker: WorkerIndex) -> usize {
        self.seats.get(worker).map_or(0, |station| station.pool)
    }

    /// Slots of each device, and at the end how many workers take no share of any.
    pub(super) fn rooms(&self) -> Vec<f64> {
        let free = self.open().filter(|(_, station)| station.seat.device.is_none()).count();
        let workers = u32::try_from(free).unwrap_or(u32::MAX);
        self.most.iter().copied().chain([workers]).map(f64::from).collect()
    }

    /// Where in [`rooms`](Self::rooms) the workers of a pool compute that are there, or all if none is: for each of them
    /// the room, and how much of it is taken by that share of the pool's work which is the worker's.
    pub(super) fn rooms_of(&self, pool: usize, is_there: impl Fn(WorkerIndex) -> bool) -> Vec<(usize, f64)> {
        let seats = self.open().filter(|(_, station)| station.pool == pool);
        let (there, away): (Vec<_>, Vec<_>) = seats.partition(|(worker, _)| is_there(*worker));
        let seats = if there.is_empty() { away } else { there };
        let share = 1.0 / f64::from(u32::try_from(seats.len()).unwrap_or(u32::MAX)).max(1.0);
        let room = |(_, Station { seat, .. }): (WorkerIndex, &Station)| match seat.device {
            Some(device) => (device, f64::from(seat.slots) * share),
            None => (self.most.len(), share),
        };
        seats.into_iter().map(room).collect()
    }

    /// Those that are given something to speak.
    fn open(&self) -> impl Iterator<Item = (WorkerIndex, &Station)> + Clone {
        self.seats.iter().enumerate().filter(|(_, station)| station.is_open)
    }

    /// Whether a worker is given something to speak, when it is there and free.
    pub(super) fn is_open(&self, worker: WorkerIndex) -> bool {
        self.seats.get(worker).is_some_and(|station| station.is_open)
    }

    pub(super) fn device_of(&self, worker: WorkerIndex) -> Option<usize> {
        self.seats.get(worker)?.seat.device
    }

    /// A worker comes to the floor, or has finished: it is free from now on, unless its place was given up.
    pub(super) fn add(&mut self, worker: WorkerIndex) {
        if !self.is_open(worker) {
            return;
        }
        let pool = self.pool_of(worker);
        if let Some(free) = self.free.get_mut(pool) {
            free.push(worker);
        }
    }

    /// A free worker leaves the floor.
    pub(super) fn remove(&mut self, worker: WorkerIndex) {
        let pool = self.pool_of(worker);
        if let Some(free) = self.free.get_mut(pool) {
            // Who is picked stands at the front, mostly.
            if let Some(at) = free.iter().position(|other| *other == worker) {
                free.swap_remove(at);
            }
        }
    }

    /// A free worker begins to speak.
    pub(super) fn take(&mut self, worker: WorkerIndex) {
        self.remove(worker);
        self.give(worker, i64::saturating_sub);
    }

    /// How many workers of a pool can speak at the same time.
    pub(super) fn at_once(&self, pool: usize) -> u32 {
        let own = self.open().map(|(_, station)| station).filter(|station| station.pool == pool);
        let workers = u32::try_from(own.clone().count()).unwrap_or(u32::MAX);
        let devices = self.devices_of(pool);
        let slots = own.map(|station| station.seat.slots).max().unwrap_or(1).max(1);
        let room = self.most.iter().enumerate().filter(|(device, _)| devices.contains(device));
        let room: u32 = room.map(|(_, room)| room / slots).sum();
        if devices.is_empty() { workers } else { workers.min(room) }.max(1)
    }

    /// The devices of a pool's workers.
    pub(super) fn devices_of(&self, pool: usize) -> Vec<usize> {
        let own = self.open().filter(|(_, station)| station.pool == pool);
        own.filter_map(|(_, station)| station.seat.device).collect()
    }

    /// It goes on where it had stopped.
    pub(super) fn occupy(&mut self, worker: WorkerIndex) {
        self.give(worker, i64::saturating_sub);
    }

    /// Whether its device has room for a worker.
    pub(super) fn has_room(&self, worker: WorkerIndex) -> bool {
        match self.seats.get(worker) {
            Some(Station { seat: Seat { device: Some(device), slots }, .. }) => {
                self.room.get(*device).is_some_and(|room| *room >= i64::from(*slots))
            }
            _ => true,
        }
    }

    /// Whether a pool has a free worker on a device.
    pub(super) fn has_free_worker(&self, pool: usize, device: usize) -> bool {
        let free = self.free.get(pool).into_iter().flatten();
        free.into_iter().any(|worker| self.device_of(*worker) == Some(device))
    }

    /// It speaks no longer, and its device has its room back.
    pub(super) fn vacate(&mut self, worker: WorkerIndex) {
        self.give(worker, i64::saturating_add);
    }

    fn give(&mut self, worker: WorkerIndex, change: impl Fn(i64, i64) -> i64) {
        let Some(&Station { seat: Seat { device: Some(device), slots }, .. }) = self.seats.get(worker) else {
            return;
        };
        if let Some(room) = self.room.get_mut(device) {
            *room = change(*room, i64::from(slots));
        }
    }

    /// The pool whose most urgent segment comes next, and the worker for it. `head` tells the most urgent segment of
    /// a pool. A segment whose worker is free but whose device is full claims the room there as it comes free:
    /// nothing overtakes it on that device.
    pub(super) fn pick<K: Ord>(&self, head: impl Fn(usize) -> Option<K>) -> Option<(usize, WorkerIndex)> {
        let (mut claimed, mut passed) = (Marks::default(), Marks::default());
        loop {
            let waiting = self.free.iter().enumerate();
            let waiting = waiting.filter(|(pool, free)| !free.is_empty() && !passed.has(*pool));
            let (_, pool) = waiting.filter_map(|(pool, _)| Some((head(pool)?, pool))).min()?;
            let free = self.free.get(pool)?;
            let has_room = |worker: &&WorkerIndex| match self.seats.get(**worker) {
                Some(Station { seat: Seat { device: Some(device), .. }, .. }) => {
                    !claimed.has(*device) && self.has_room(**worker)
                }
                _ => true,
            };
            if let Some(worker) = free.iter().find(has_room) {
                return Some((pool, *worker));
            }
            passed.set(pool);
            free.iter().filter_map(|worker| self.device_of(*worker)).for_each(|device| claimed.set(device));
        }
    }
}

#[cfg(test)]
mod tests;
