//! Slow batch work that makes room on its device for work that is due: its worker stops between two steps, and goes on
//! when nobody who listens waits for the device.

use super::{Board, Micros, WorkerIndex, board::Presence, stream::Rank};

/// How far a worker that speaks has been asked to make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// Not at all.
    Speaks,
    /// It was asked, and will stop at its next step.
    Asked,
    /// It has stopped with so much left to do, and its device is free.
    Paused { left: Micros },
}

/// How soon a worker stops that is asked to: a step of a slow engine.
pub(super) const STEP: Micros = Micros::ms(150);

impl Board {
    /// A worker that is to be told to pause, if one speaks for nobody who listens, would do so for long, and keeps
    /// somebody from its device whose worker is free.
    pub fn next_pause(&mut self, now: Micros) -> Option<WorkerIndex> {
        let long = self.rules.target / 2;
        // One that takes longer than was expected will go on for as long again.
        let (worker, _) = self.in_the_way().find(|(_, until)| (*until - now).max(now - *until) > long)?;
        if let Some(Presence::Busy { hold, .. }) = self.workers.get_mut(worker) {
            *hold = Hold::Asked;
        }
        Some(worker)
    }

    /// When to look again for one that is to pause: somebody is in the way who should be done soon.
    pub fn next_look(&self) -> Option<Micros> {
        self.in_the_way().map(|(_, until)| until + self.rules.target / 2).min()
    }

    /// Workers that speak for nobody who listens and keep somebody who does from their device, and until when.
    fn in_the_way(&self) -> impl Iterator<Item = (WorkerIndex, Micros)> {
        self.workers.iter().enumerate().filter_map(|(worker, presence)| match presence {
            Presence::Busy { until, is_batch: true, hold: Hold::Speaks, .. } => {
                let device = self.floor.device_of(worker)?;
                self.device_is_wanted(device).then_some((worker, *until))
            }
            _ => None,
        })
    }

    /// A worker has paused: what it had of its device is free.
    pub fn paused(&mut self, worker: WorkerIndex, now: Micros) {
        if let Some(Presence::Busy { until, hold: hold @ Hold::Asked, .. }) = self.workers.get_mut(worker) {
            *hold = Hold::Paused { left: (*until - now).max(Micros::ZERO) };
            self.floor.vacate(worker);
        }
    }

    /// A worker that is to be told to go on: its device has room, and nobody who listens waits for it; or it was asked
    /// to pause and had nothing left to speak.
    pub fn next_resume(&mut self, now: Micros) -> Option<WorkerIndex> {
        if let Some(worker) = self.owed.pop() {
            return Some(worker);
        }
        let worker = self.workers.iter().enumerate().position(|(worker, presence)| {
            matches!(presence, Presence::Busy { hold: Hold::Paused { .. }, .. })
                && self.floor.has_room(worker)
                && !self.floor.device_of(worker).is_some_and(|device| self.device_is_wanted(device))
        })?;
        if let Some(Presence::Busy { until, hold, .. }) = self.workers.get_mut(worker)
            && let Hold::Paused { left } = *hold
        {
            (*until, *hold) = (now + left, Hold::Speaks);
            self.floor.occupy(worker);
        }
        Some(worker)
    }

    /// Whether work has paused on every device of a pool: it goes on before other work begins that nobody listens to.
    pub(super) fn has_paused(&self, pool: usize) -> bool {
        let paused = self
            .workers
            .iter()
            .enumerate()
            .filter(|(_, presence)| matches!(presence, Presence::Busy { hold: Hold::Paused { .. }, .. }));
        let paused: Vec<usize> = paused.filter_map(|(worker, _)| self.floor.device_of(worker)).collect();
        let devices = self.floor.devices_of(pool);
        !paused.is_empty() && devices.iter().all(|device| paused.contains(device)) && !devices.is_empty()
    }

    /// Whether a segment waits for nothing but room on this device, and somebody listens to it.
    fn device_is_wanted(&self, device: usize) -> bool {
        (0..self.floor.pools()).any(|pool| {
            let head = self.waiting.get(pool).and_then(|waiting| waiting.first());
            head.is_some_and(|head| head.rank != Rank::Batch) && self.floor.has_free_worker(pool, device)
        })
    }

    /// A worker that had been asked to pause has nothing left to speak.
    pub(super) fn released(&mut self, worker: WorkerIndex, hold: Hold) {
        if hold != Hold::Speaks {
            self.owed.push(worker);
        }
        if !matches!(hold, Hold::Paused { .. }) {
            self.floor.vacate(worker);
        }
    }
}
