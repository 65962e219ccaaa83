//! Workers and the devices that they compute on: who is free, and which free worker has room on its device.

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
    seats: Arc<[(usize, Seat)]>,
    /// Free workers by pool.
    free: Vec<Vec<WorkerIndex>>,
    room: Vec<u32>,
    most: Arc<[u32]>,
    /// The devices have room for all workers at once.
    is_ample: bool,
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
    /// Nobody is there yet.
    pub(super) fn new(layout: &Layout) -> Self {
        let seats = layout.pools.iter().enumerate();
        let seats = seats.flat_map(|(pool, seats)| {
            seats.iter().map(move |seat| {
                // Who needs more than the device has takes all of it.
                let all = seat.device.and_then(|device| layout.devices.get(device)).copied();
                (pool, Seat { slots: seat.slots.min(all.unwrap_or(seat.slots)), ..*seat })
            })
        });
        let seats: Arc<[(usize, Seat)]> = seats.collect();
        Self {
            is_ample: are_ample(&layout.devices, &seats),
            seats,
            free: vec![Vec::new(); layout.pools.len()],
            room: layout.devices.clone(),
            most: layout.devices.as_slice().into(),
        }
    }

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
        self.seats.get(worker).map_or(0, |(pool, _)| *pool)
    }

    /// Slots of each device, and at the end how many workers take no share of any.
    pub(super) fn rooms(&self) -> Vec<f64> {
        let free = self.seats.iter().filter(|(_, seat)| seat.device.is_none()).count();
        let workers = u32::try_from(free).unwrap_or(u32::MAX);
        self.most.iter().copied().chain([workers]).map(f64::from).collect()
    }

    /// Where in [`rooms`](Self::rooms) the workers of a pool compute that are there, or all if none is: for each of them
    /// the room, and how much of it is taken by that share of the pool's work which is the worker's.
    pub(super) fn rooms_of(&self, pool: usize, is_there: impl Fn(WorkerIndex) -> bool) -> Vec<(usize, f64)> {
        let seats = self.seats.iter().enumerate().filter(|(_, (of, _))| *of == pool);
        let (there, away): (Vec<_>, Vec<_>) = seats.partition(|(worker, _)| is_there(*worker));
        let seats = if there.is_empty() { away } else { there };
        let share = 1.0 / f64::from(u32::try_from(seats.len()).unwrap_or(u32::MAX)).max(1.0);
        let room = |(_, (_, seat)): (WorkerIndex, &(usize, Seat))| match seat.device {
            Some(device) => (device, f64::from(seat.slots) * share),
            None => (self.most.len(), share),
        };
        seats.into_iter().map(room).collect()
    }

    /// A worker that is not on the floor computes on another device from now on.
    pub(super) fn relocate(&mut self, worker: WorkerIndex, device: Option<usize>) {
        if self.seats.get(worker).is_none_or(|(_, seat)| seat.device == device) {
            return;
        }
        let mut seats = self.seats.to_vec();
        if let Some((_, seat)) = seats.get_mut(worker) {
            seat.device = device;
        }
        self.is_ample = are_ample(&self.most, &seats);
        self.seats = seats.into();
    }

    pub(super) fn device_of(&self, worker: WorkerIndex) -> Option<usize> {
        self.seats.get(worker)?.1.device
    }

    /// A worker comes to the floor, or has finished: it is free from now on.
    pub(super) fn add(&mut self, worker: WorkerIndex) {
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
        self.give(worker, u32::saturating_sub);
    }

    /// How many workers of a pool can speak at the same time.
    pub(super) fn at_once(&self, pool: usize) -> u32 {
        let own = self.seats.iter().filter(|(of, _)| *of == pool);
        let workers = u32::try_from(own.clone().count()).unwrap_or(u32::MAX);
        let devices = self.devices_of(pool);
        let slots = own.map(|(_, seat)| seat.slots).max().unwrap_or(1).max(1);
        let room = self.most.iter().enumerate().filter(|(device, _)| devices.contains(device));
        let room: u32 = room.map(|(_, room)| room / slots).sum();
        if devices.is_empty() { workers } else { workers.min(room) }.max(1)
    }

    /// The devices of a pool's workers.
    pub(super) fn devices_of(&self, pool: usize) -> Vec<usize> {
        self.seats.iter().filter(|(of, _)| *of == pool).filter_map(|(_, seat)| seat.device).collect()
    }

    /// It goes on where it had stopped.
    pub(super) fn occupy(&mut self, worker: WorkerIndex) {
        self.give(worker, u32::saturating_sub);
    }

    /// Whether its device has room for a worker.
    pub(super) fn has_room(&self, worker: WorkerIndex) -> bool {
        match self.seats.get(worker) {
            Some((_, Seat { device: Some(device), slots })) => {
                self.room.get(*device).is_some_and(|room| room >= slots)
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
        self.give(worker, u32::saturating_add);
    }

    fn give(&mut self, worker: WorkerIndex, change: impl Fn(u32, u32) -> u32) {
        let Some(&(_, Seat { device: Some(device), slots })) = self.seats.get(worker) else { return };
        if let Some(room) = self.room.get_mut(device) {
            *room = change(*room, slots);
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
                Some((_, Seat { device: Some(device), slots })) => {
                    !claimed.has(*device) && self.room.get(*device).is_some_and(|room| room >= slots)
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

/// Whether devices have room for all workers at once.
fn are_ample(devices: &[u32], seats: &[(usize, Seat)]) -> bool {
    let taken = |device: usize| {
        let seats = seats.iter().filter(|(_, seat)| seat.device == Some(device));
        seats.map(|(_, seat)| seat.slots).fold(0, u32::saturating_add)
    };
    devices.iter().enumerate().all(|(device, room)| taken(device) <= *room)
}

#[cfg(test)]
mod tests;
