//! How many workers there are, and on what: it may change while others speak. Numbers of workers, pools and devices stay
//! what they are; what is given up keeps its own.

use std::collections::BTreeSet;

use super::{Board, Micros, WorkerIndex, board::Presence, floor::Seat, stream::Stage};

impl Board {
    /// One more device, with so much room.
    pub fn add_device(&mut self, room: u32) {
        self.floor.add_device(room);
    }

    /// A device has so much room in all from now on.
    pub fn set_room(&mut self, device: usize, room: u32) {
        self.floor.set_room(device, room);
    }

    /// One more pool, without workers; tells its number.
    pub fn add_pool(&mut self) -> usize {
        self.batch.push(1);
        self.waiting.push(BTreeSet::new());
        self.floor.add_pool()
    }

    /// One more worker of a pool, which has yet to appear; tells its number.
    pub fn add_worker(&mut self, pool: usize, seat: Seat) -> WorkerIndex {
        self.workers.push(Presence::Away { back: None });
        self.floor.add_worker(pool, seat)
    }

    /// Whether any stream has yet to be spoken by a pool, or may have more for it.
    pub fn asks(&self, pool: usize) -> bool {
        self.slots.iter().flatten().any(|stream| {
            let left = stream.segments.iter().filter(|segment| segment.stage != Stage::Done);
            let mut pieces = left.map(|segment| &segment.piece).chain(&stream.open);
            pieces.any(|piece| piece.pool == pool)
        })
    }

    /// A worker gets nothing to speak any more. What it speaks it finishes, and then it counts as one that is not there.
    pub fn close_worker(&mut self, worker: WorkerIndex, now: Micros) {
        if !self.floor.is_open(worker) {
            return;
        }
        self.floor.set_open(worker, false);
        if let Some(presence @ (Presence::Free | Presence::Away { .. })) = self.workers.get_mut(worker) {
            *presence = Presence::Away { back: None };
        }
        self.reconsider(now);
    }

    /// A worker that was given up gets something to speak again, once it is there.
    pub fn open_worker(&mut self, worker: WorkerIndex) {
        self.floor.set_open(worker, true);
    }
}
