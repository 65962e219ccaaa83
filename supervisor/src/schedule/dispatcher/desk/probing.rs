//! Workers that are tried, when nobody needs them.

use std::{sync::Arc, time::Instant};

use ishowtts_workers::{Expectation, Failure, SynthesisSummary, Task};

use super::{
    super::super::{Segment, plan::Micros},
    Desk, Event, Probe, Probed, Proof, Scheduler, expect, kind, probes,
};
use crate::speech::estimated_ms;

impl Desk {
    /// Has a worker that was not heard for so long say a few words, if nobody needs it or its device.
    pub(in super::super) fn next_probe(
        &mut self,
        scheduler: &Arc<Scheduler>,
        every: Micros,
        now: Micros,
    ) -> Option<Probe> {
        let due = |(worker, proof): (usize, &Proof)| proof.is_due(every, now).then_some(worker);
        let due: Vec<usize> = self.proofs.iter().enumerate().filter_map(due).collect();
        due.into_iter().find_map(|worker| self.probe(scheduler, worker, now))
    }

    fn probe(&mut self, scheduler: &Arc<Scheduler>, worker: usize, now: Micros) -> Option<Probe> {
        let (engine, seat) = self.names.engine_of(worker).map(|(engine, seat)| (engine.to_owned(), seat))?;
        let pool = scheduler.pools.at_work(&engine)?;
        let language = self.facts.get(&engine)?.ready.languages.first().cloned();
        let request = probes::words(language.as_deref());
        let spoken_ms = f64::from(estimated_ms(&request.text));
        let segment = Segment { engine: engine.clone(), request, spoken_ms };
        let estimate = self.costs.estimate(&kind(&segment), spoken_ms, 0);
        if !self.board.probe(worker, estimate.total, now) {
            return None;
        }
        let Some(lease) = pool.lease(seat) else {
            self.board.probed(worker, now);
            return None;
        };
        let (sitting, weak) = (lease.sitting(), Arc::downgrade(scheduler));
        let on_end = move |_outcome: Result<SynthesisSummary, Failure>| {
            if let Some(scheduler) = weak.upgrade() {
                scheduler.tell(Event::Probed { worker });
            }
        };
        // Whether all of it is read tells nothing of the worker, and how long it is just as little.
        let silence = Some(expect::silence(estimate.total));
        let expected = Expectation { silence, audio: None, sounds: true };
        let task = Task { request: segment.request, expected, on_end: Box::new(on_end) };
        let synthesis = lease.synthesize(vec![task]).pop()?;
        Some(Probe { engine, seat, synthesis, sitting, worker, began: Instant::now() })
    }

    pub(in super::super) fn probed(&mut self, worker: usize, probed: Probed, now: Micros) {
        if let Some(proof) = self.proofs.get_mut(worker) {
            *proof = Proof { heard: Some(now), probed: Some(probed) };
        }
    }

    /// How the workers in an engine's seats were tried last.
    pub(in super::super) fn probes(&self, engine: &str) -> Vec<Option<Probed>> {
        let own = self.names.workers(engine).iter();
        own.map_while(|worker| Some(self.proofs.get(*worker)?.probed.clone())).collect()
    }
}
