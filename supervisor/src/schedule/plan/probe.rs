//! A word in between: an idle worker is tried, when nobody has work for it or for its device.

use super::{Board, Micros, StreamId, WorkerIndex, board::Presence, pause::Hold};

/// Stands for the segment of a probe, which belongs to no stream.
pub(super) const NOBODY: (StreamId, usize) = (StreamId { slot: usize::MAX, seq: u64::MAX }, 0);

impl Board {
    /// Takes a worker that is free for about so long, if nothing waits that it, or its device, could work on instead.
    /// It is free again with [`probed`](Self::probed).
    pub fn probe(&mut self, worker: WorkerIndex, cost: Micros, now: Micros) -> bool {
        let (pool, device) = (self.floor.pool_of(worker), self.floor.device_of(worker));
        let is_free = matches!(self.workers.get(worker), Some(Presence::Free));
        if !is_free || !self.floor.has_room(worker) {
            return false;
        }
        let could = |other: usize| {
            other == pool || device.is_some_and(|device| self.floor.devices_of(other).contains(&device))
        };
        let lanes = self.slots.iter().flatten().flat_map(|stream| &stream.lanes);
        let is_wanted = lanes.clone().any(|lane| lane.head().is_some() && could(lane.pool));
        let is_shared = self.workers.iter().enumerate().any(|(other, presence)| {
            let same = device.is_some() && self.floor.device_of(other) == device;
            same && matches!(presence, Presence::Busy { .. })
        });
        if is_wanted || is_shared {
            return false;
        }
        self.floor.take(worker);
        if let Some(presence) = self.workers.get_mut(worker) {
            let members = vec![NOBODY];
            let (until, hold) = (now + cost, Hold::Speaks);
            *presence = Presence::Busy { until, cost, members, is_batch: false, hold, behind: None };
        }
        true
    }

    /// A probe is over, however it went.
    pub fn probed(&mut self, worker: WorkerIndex, now: Micros) {
        self.ended(worker, NOBODY.0, NOBODY.1, super::Ended::Failed, now);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Layout, Rules, Seat,
        tests::{piece, staffed},
    };
    use super::*;
    use crate::schedule::plan::{ClientIndex, Delivery, Offer};
    use crate::speech::Priority;

    fn offer() -> Offer {
        Offer {
            client: ClientIndex(1),
            class: Priority::Interactive,
            delivery: Delivery::Live,
            deadline: None,
            pieces: vec![piece(0, 1000, 0.1)],
            open: None,
            bytes: 0,
        }
    }

    #[test]
    fn an_idle_worker_is_tried_and_free_again() {
        let mut board =
            staffed(&Layout { devices: vec![], pools: vec![vec![Seat::default()]] }, Rules::default());
        assert!(board.probe(0, Micros::ms(50), Micros::ZERO));
        assert!(!board.probe(0, Micros::ms(50), Micros::ZERO), "it is busy");
        let admitted = board.admit(&offer(), Micros::ms(10));
        assert!(admitted.is_ok(), "who comes meanwhile waits for no more than that");
        assert_eq!(board.next_launch(Micros::ms(10)), None);
        board.probed(0, Micros::ms(50));
        assert!(board.next_launch(Micros::ms(50)).is_some());
    }

    #[test]
    fn nobody_waits_for_a_probe_and_no_device_is_shared_with_one() {
        let seat = Seat { device: Some(0), slots: 1 };
        let layout = Layout { devices: vec![2], pools: vec![vec![seat], vec![seat]] };
        let mut board = staffed(&layout, Rules::default());
        assert!(board.admit(&offer(), Micros::ZERO).is_ok());
        assert!(!board.probe(0, Micros::ms(50), Micros::ZERO), "there is work for it");
        assert!(!board.probe(1, Micros::ms(50), Micros::ZERO), "and for its device");
        assert!(board.next_launch(Micros::ZERO).is_some());
        assert!(!board.probe(1, Micros::ms(50), Micros::ZERO), "its device is at work");
    }
}
