//! More workers and devices, or fewer. Numbers stay: what is given up keeps its own, and may be taken into use again.

use super::{Floor, Layout, Seat, Station, WorkerIndex};

impl Floor {
    /// Nobody is there yet.
    pub(in super::super) fn new(layout: &Layout) -> Self {
        let mut floor = Self {
            seats: Vec::new().into(),
            free: Vec::new(),
            room: Vec::new(),
            most: Vec::new().into(),
            is_ample: true,
        };
        for room in &layout.devices {
            floor.add_device(*room);
        }
        for seats in &layout.pools {
            let pool = floor.add_pool();
            for seat in seats {
                floor.add_worker(pool, *seat);
            }
        }
        floor
    }

    /// One more device, with so much room.
    pub(in super::super) fn add_device(&mut self, room: u32) {
        self.room.push(room.into());
        self.most = self.most.iter().copied().chain([room]).collect();
    }

    /// A device has so much room in all from now on.
    pub(in super::super) fn set_room(&mut self, device: usize, most: u32) {
        let mut all = self.most.to_vec();
        let (Some(before), Some(room)) = (all.get_mut(device), self.room.get_mut(device)) else { return };
        *room += i64::from(most) - i64::from(*before);
        *before = most;
        self.most = all.into();
        self.look();
    }

    /// One more pool, without workers; tells its number.
    pub(in super::super) fn add_pool(&mut self) -> usize {
        self.free.push(Vec::new());
        self.free.len() - 1
    }

    /// One more worker of a pool, which is not there yet; tells its number.
    pub(in super::super) fn add_worker(&mut self, pool: usize, seat: Seat) -> WorkerIndex {
        let station = Station { pool, seat: self.fitted(seat), is_open: true };
        self.seats = self.seats.iter().copied().chain([station]).collect();
        self.look();
        self.seats.len() - 1
    }

    /// A worker is given nothing any more, or something again; what it speaks it may finish.
    pub(in super::super) fn set_open(&mut self, worker: WorkerIndex, is_open: bool) {
        if !is_open {
            self.remove(worker);
        }
        self.alter(worker, |station| station.is_open = is_open);
    }

    /// A worker that is not on the floor computes elsewhere from now on.
    pub(in super::super) fn relocate(&mut self, worker: WorkerIndex, seat: Seat) {
        let seat = self.fitted(seat);
        if self.seats.get(worker).is_some_and(|station| station.seat != seat) {
            self.alter(worker, |station| station.seat = seat);
        }
    }

    fn alter(&mut self, worker: WorkerIndex, change: impl Fn(&mut Station)) {
        let mut seats = self.seats.to_vec();
        if let Some(station) = seats.get_mut(worker) {
            change(station);
        }
        self.seats = seats.into();
        self.look();
    }

    /// Who needs more than the device has takes all of it.
    fn fitted(&self, seat: Seat) -> Seat {
        let all = seat.device.and_then(|device| self.most.get(device)).copied();
        Seat { slots: seat.slots.min(all.unwrap_or(seat.slots)), ..seat }
    }

    /// Looks whether devices have room for all workers at once.
    fn look(&mut self) {
        let taken = |device: usize| {
            let seats = self.open().filter(|(_, station)| station.seat.device == Some(device));
            seats.map(|(_, station)| station.seat.slots).fold(0, u32::saturating_add)
        };
        self.is_ample = self.most.iter().enumerate().all(|(device, room)| taken(device) <= *room);
    }
}
