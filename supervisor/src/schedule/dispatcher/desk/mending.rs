//! What the desk does about segments that did not come to their end, and about those that end workers.

use ishowtts_workers::{Failure, Part};

use super::{
    super::super::{
        Refusal, Segment,
        plan::{Ended, Micros, StreamId},
    },
    Beside, Desk, Next,
};

impl Desk {
    /// Nothing is begun of a text of which a part would not be spoken.
    pub(super) fn check_quarantine(&self, segments: &[Segment], now: Micros) -> Result<(), Refusal> {
        if self.quarantine.is_empty() {
            return Ok(());
        }
        segments.iter().try_for_each(|segment| self.poison(segment, now).map_or(Ok(()), Err))
    }

    /// Why no worker gets a segment, if that is so.
    fn poison(&self, segment: &Segment, now: Micros) -> Option<Refusal> {
        let until = self.quarantine.holds(self.quarantine.mark(segment), now)?;
        Some(Refusal::Poison { engine: segment.engine.clone(), wait: (until - now).duration() })
    }

    /// A segment did not come to its end: whether it is tried again. Else its stream is told.
    pub(super) fn failed(&mut self, id: StreamId, segment: usize, failure: &Failure, now: Micros) -> Ended {
        // Of a stream that nobody listens to any more nothing is left here.
        let Some(place) = self.orders.get_mut(&id).and_then(|orders| orders.get_mut(segment)) else {
            return Ended::Failed;
        };
        let Some(mut order) = place.take() else { return Ended::Failed };
        let Beside(beside) = order.running.take().unwrap_or(Beside(false));
        let engine = &order.segment.engine;
        let next = order.tries.failed(failure, beside);
        if let Failure::WorkerLost { part: Part::Alone, .. } = failure
            && self.quarantine.ended_a_worker(
                self.quarantine.mark(&order.segment),
                order.tries.ended_alone(),
                now,
            )
        {
            tracing::error!(
                engine,
                characters = order.segment.request.text.chars().count(),
                "Three workers ended over one text alone: it is kept from the others for a while"
            );
            self.recoveries.of(engine).quarantined += 1;
            if let Some(refusal) = self.poison(&order.segment, now) {
                // Who does not listen any more needs not be told.
                drop(order.grant.send(Err(refusal)));
            }
            return Ended::Failed;
        }
        match next {
            Next::Again { alone } if !self.is_closed => {
                tracing::info!(engine, segment, alone, "A segment is tried again: {failure}");
                self.recoveries.of(engine).retries += 1;
                if let Some(place) = self.orders.get_mut(&id).and_then(|orders| orders.get_mut(segment)) {
                    *place = Some(order);
                }
                Ended::Again { alone }
            }
            Next::Again { .. } => {
                // Who does not listen any more needs not be told.
                drop(order.grant.send(Err(Refusal::Draining)));
                Ended::Failed
            }
            // With the order goes the sender of a further turn, which tells the stream that there is none.
            Next::GiveUp => Ended::Failed,
        }
    }
}
