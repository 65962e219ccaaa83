//! A discipline with a stop-watch: how long its decisions take on this machine.

use std::time::Instant;

use super::Discipline;
use crate::schedule::plan::{Admitted, Ended, Launch, Lost, Micros, Offer, Rejection, StreamId, WorkerIndex};

/// Microseconds that each decision took.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// To let somebody in.
    pub admission: Vec<f64>,
    /// To refuse somebody, and to find out when to come back.
    pub refusal: Vec<f64>,
    /// To tell when a stream begins.
    pub beginning: Vec<f64>,
    /// To give a free worker its next segment.
    pub dispatch: Vec<f64>,
}

/// Decides as another does, and writes down how long that took.
#[derive(Debug)]
pub struct Timed<D> {
    discipline: D,
    /// How long decisions took.
    pub times: Times,
}

impl<D> Timed<D> {
    /// Of decisions yet to come.
    pub fn new(discipline: D) -> Self {
        Self { discipline, times: Times::default() }
    }
}

fn microseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e6
}

impl<D: Discipline> Discipline for Timed<D> {
    fn admit(&mut self, offer: &Offer, now: Micros) -> Result<Admitted, Rejection> {
        let began = Instant::now();
        let verdict = self.discipline.admit(offer, now);
        let of_its_kind = if verdict.is_ok() { &mut self.times.admission } else { &mut self.times.refusal };
        of_its_kind.push(microseconds(began));
        verdict
    }

    fn next_launch(&mut self, now: Micros) -> Option<Launch> {
        let began = Instant::now();
        let launch = self.discipline.next_launch(now)?;
        self.times.dispatch.push(microseconds(began));
        Some(launch)
    }

    fn ended(&mut self, worker: WorkerIndex, id: StreamId, segment: usize, ended: Ended, now: Micros) {
        self.discipline.ended(worker, id, segment, ended, now);
    }

    fn begin(&mut self, id: StreamId, now: Micros) -> Micros {
        let began = Instant::now();
        let start = self.discipline.begin(id, now);
        self.times.beginning.push(microseconds(began));
        start
    }

    fn read(&mut self, id: StreamId, listener: u32, audio: Micros, waited: bool, now: Micros) {
        self.discipline.read(id, listener, audio, waited, now);
    }

    fn leave(&mut self, id: StreamId, listener: u32, now: Micros) {
        self.discipline.leave(id, listener, now);
    }

    fn remove(&mut self, id: StreamId, now: Micros) {
        self.discipline.remove(id, now);
    }

    fn worker_ready(&mut self, worker: WorkerIndex, now: Micros) {
        self.discipline.worker_ready(worker, now);
    }

    fn worker_lost(&mut self, worker: WorkerIndex, back: Micros, now: Micros) -> Lost {
        self.discipline.worker_lost(worker, back, now)
    }
}
