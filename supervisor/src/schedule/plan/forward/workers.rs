//! Workers in a play: who speaks already, who comes back, and when which room is free again.

use std::cmp::Reverse;

use super::{
    super::{
        Board, Micros, WorkerIndex,
        board::Presence,
        pause::{Hold, STEP},
    },
    Play,
};

impl Play<'_> {
    /// Workers as they are now.
    pub(super) fn seat(&mut self, board: &Board) {
        let now = self.now;
        for (worker, presence) in board.workers.iter().enumerate() {
            match presence {
                // One that takes longer than was expected is expected to take as long again.
                Presence::Busy { until, is_batch, hold, .. } => {
                    let until = (*until).max(now + now - *until);
                    self.still_busy(worker, until, *is_batch, *hold);
                }
                // Numbers beyond the last worker's: who comes back has no room to give back.
                Presence::Away { back: Some(back) } => {
                    self.busy.push(Reverse(((*back).max(now), worker + board.workers.len())));
                }
                Presence::Free | Presence::Away { back: None } => {}
            }
        }
    }

    /// Every worker is there and has nothing to do.
    pub(super) fn seat_all(&mut self, board: &Board) {
        for (worker, presence) in board.workers.iter().enumerate() {
            match presence {
                Presence::Free => {}
                Presence::Busy { hold, .. } => {
                    if !matches!(hold, Hold::Paused { .. }) {
                        self.floor.vacate(worker);
                    }
                    self.floor.add(worker);
                }
                Presence::Away { .. } => self.floor.add(worker),
            }
        }
    }

    /// A worker that speaks already. If nobody listens to that, its device is free at its next step for those who do.
    fn still_busy(&mut self, worker: WorkerIndex, until: Micros, is_batch: bool, hold: Hold) {
        let workers = self.floor.workers();
        let makes_room = is_batch && self.floor.device_of(worker).is_some() && until - self.now > STEP;
        match hold {
            Hold::Paused { left } => self.busy.push(Reverse((self.now + left, worker + workers))),
            _ if makes_room => {
                self.busy.push(Reverse((self.now + STEP, worker + 2 * workers)));
                self.busy.push(Reverse((until, worker + workers)));
            }
            _ => self.busy.push(Reverse((until, worker))),
        }
    }

    /// A worker is free again, and its device with it. Beyond the last worker's number: the worker alone, which had
    /// no room to give back; and beyond that again: the room alone.
    pub(super) fn free(&mut self, worker: WorkerIndex) {
        let workers = self.floor.workers();
        match (worker / workers.max(1), worker % workers.max(1)) {
            (0, worker) => {
                self.floor.vacate(worker);
                self.floor.add(worker);
            }
            (1, worker) => self.floor.add(worker),
            (_, worker) => self.floor.vacate(worker),
        }
    }
}
