//! Who sits in a worker's seat, and what is known of them.

use std::sync::Arc;

use super::{
    super::{
        super::{Refusal, plan::Micros},
        probes::Proof,
    },
    AT_ONCE, Absence, Desk, Facts, USUAL_START,
};
use crate::{config::Config, pools::Pools, speech::Budget};

impl Desk {
    /// An engine's workers are to be laid out as this configuration has it from now on.
    pub(in super::super) fn lay_out(&mut self, config: &Config, name: &str) {
        if let Some(engine) = config.engines.get(name) {
            self.names.lay_out(name, engine, &mut self.board);
        }
    }

    /// Has as many seats of an engine as its pool has.
    pub(in super::super) fn count(&mut self, engine: &str, pools: &Pools, now: Micros) {
        let seats = pools.at_work(engine).map_or(0, |pool| pool.size());
        self.names.resize(engine, seats, &mut self.board, now);
        // One that has yet to come takes as long as those before it did.
        let known = self.names.workers(engine).first().and_then(|worker| self.absences.get(*worker));
        let start = known.map_or(USUAL_START, |absence| absence.start);
        let count = self.names.count();
        self.absences.resize(count, Absence { since: now, start });
        self.sittings.resize(count, 0);
        self.proofs.resize(count, Proof::default());
    }

    /// Somebody sits there now, be it in place of another one whose end was not told yet.
    pub(super) fn seated(&mut self, engine: &str, worker: usize, sitting: u64, pools: &Pools, now: Micros) {
        let Some(known) = self.sittings.get_mut(worker) else { return };
        if sitting <= *known {
            return;
        }
        *known = sitting;
        // Whoever the other one was speaking for is told by that worker's task.
        self.board.worker_lost(worker, Some(now), now);
        self.arrived(engine, worker, pools, now);
    }

    fn arrived(&mut self, engine: &str, worker: usize, pools: &Pools, now: Micros) {
        let Some(ready) = pools.at_work(engine).and_then(|pool| pool.ready()) else { return };
        if let Some(absence) = self.absences.get_mut(worker) {
            // A spare was there at once, which tells nothing of a start.
            let took = now - absence.since;
            if took > AT_ONCE {
                absence.start = took;
            }
        }
        if let Some(proof) = self.proofs.get_mut(worker) {
            *proof = Proof { heard: Some(now), probed: None };
        }
        self.costs.seed(engine, &ready.warmup);
        let batch = usize::try_from(ready.max_batch).unwrap_or(usize::MAX);
        self.board.works_ahead(worker, ready.ahead);
        if let Some(facts) = self.facts.get_mut(engine) {
            // With other settings it may be another model; the cut of texts stays as it was.
            facts.ready = Arc::clone(&ready);
        }
        self.facts.entry(engine.to_owned()).or_insert_with(|| {
            let budget = Budget::for_engine(ready.warmup.elapsed_ms, ready.warmup.audio_ms);
            tracing::debug!(
                engine,
                first_ms = budget.first_ms,
                most_ms = budget.most_ms,
                "Segments are cut to length"
            );
            Facts { budget, ready }
        });
        let seat = self.names.engine_of(worker).map(|(_, seat)| seat);
        let device = seat.and_then(|seat| pools.at_work(engine)?.device(seat));
        if let Some(seat) = device.and_then(|device| self.names.seat_on(engine, &device)) {
            self.board.moved(worker, seat);
        }
        self.board.worker_ready(worker, batch, now);
    }

    pub(super) fn gone(&mut self, engine: &str, worker: usize, sitting: u64, pools: &Pools, now: Micros) {
        let (Some(absence), Some(known)) = (self.absences.get_mut(worker), self.sittings.get_mut(worker))
        else {
            return;
        };
        // Of a later one we know already.
        if sitting < *known {
            return;
        }
        *known = sitting;
        absence.since = now;
        let has_hope = pools.at_work(engine).is_some_and(|pool| pool.has_hope());
        let back = has_hope.then(|| now + absence.start);
        // Whoever it was speaking for is told by the worker's task.
        self.board.worker_lost(worker, back, now);
        self.board.expect(worker, back);
        if let Some(reason) = pools.failure(engine) {
            let refusal = Refusal::EngineFailed { engine: engine.to_owned(), reason };
            self.refuse(&refusal, |of| of == engine);
        }
    }

    /// Whether anything that was let in is still asked of an engine.
    pub(in super::super) fn is_asked_of(&self, engine: &str) -> bool {
        self.names.pool(engine).is_some_and(|pool| self.board.asks(pool))
    }

    /// Tells whoever waits for an engine that it does not come any more.
    pub(in super::super) fn abandon(&mut self, engine: &str) {
        let refusal = Refusal::EngineDisabled { engine: engine.to_owned() };
        self.refuse(&refusal, |of| of == engine);
    }

    pub(super) fn heard(&mut self, worker: usize, when: Option<Micros>) {
        if let Some(proof) = self.proofs.get_mut(worker) {
            proof.heard = when;
        }
    }
}
