//! How workers get their launches.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ishowtts_workers::{Expectation, Failure, SynthesisSummary, Task};
use tokio::sync::oneshot;

use super::{
    super::{
        super::{
            Segment,
            cost::Observed,
            plan::{Ended, Launch, Micros, StreamId},
            ticket::Granted,
        },
        Scheduler, expect,
    },
    Beside, Desk, Event, Spoken, kind,
};

impl Desk {
    /// Gives every free worker its next launch.
    pub(in crate::schedule::dispatcher) fn dispatch(&mut self, scheduler: &Arc<Scheduler>) {
        let now = scheduler.now();
        while let Some(Launch { worker, members, is_ahead }) = self.board.next_launch(now) {
            let lease = self.names.engine_of(worker).and_then(|(engine, index)| {
                let pool = scheduler.pools.at_work(engine)?;
                if is_ahead { pool.lease_ahead(index) } else { pool.lease(index) }
            });
            let Some(lease) = lease else {
                if is_ahead {
                    // Of its end, too, we have not heard yet.
                    self.board.take_ahead_back(worker, now);
                    return;
                }
                // It is on its way out, and we have not heard of it yet.
                let back = self.absences.get(worker).map(|absence| now + absence.start);
                self.board.take_back(&members, now);
                self.board.worker_lost(worker, back, now);
                continue;
            };
            let (mut tasks, mut grants) =
                (Vec::with_capacity(members.len()), Vec::with_capacity(members.len()));
            let together = self.spoken_ms(&members);
            if let Some(known) = self.sittings.get_mut(worker) {
                *known = lease.sitting().max(*known);
            }
            let beside = Beside(members.len() > 1 || is_ahead);
            let silence = self.silence(&members);
            for (id, segment) in members {
                let order = self.orders.get_mut(&id).and_then(|orders| orders.get_mut(segment)?.as_mut());
                let Some(order) = order else {
                    self.board.ended(worker, id, segment, Ended::Failed, now);
                    continue;
                };
                let share = order.segment.spoken_ms / together;
                order.running = Some(beside);
                let (next, again) = oneshot::channel();
                let grant = std::mem::replace(&mut order.grant, next);
                let rate = lease.ready().sample_rate;
                let estimate = self.costs.estimate(&kind(&order.segment), order.segment.spoken_ms, 0);
                let expected =
                    expect::expectation(&order.segment, &estimate, silence, order.tries.gave_odd_length());
                let began = (!is_ahead).then(Instant::now);
                let what = (id, segment);
                tasks.push(task(scheduler, worker, what, &order.segment, expected, (rate, share, began)));
                grants.push((grant, order.admitted, again, order.segment.engine.clone()));
            }
            if tasks.is_empty() {
                continue;
            }
            for (synthesis, grant) in lease.synthesize(tasks).into_iter().zip(grants) {
                let (grant, admitted, again, engine) = grant;
                // Whoever left in this moment takes the synthesis along, which cancels it.
                let at = Instant::now();
                let waited = at.saturating_duration_since(admitted);
                drop(grant.send(Ok(Granted { synthesis, waited, at, again, engine })));
            }
        }
    }

    /// What all these segments are estimated at.
    fn spoken_ms(&self, members: &[(StreamId, usize)]) -> f64 {
        let order = |(id, segment): &(StreamId, usize)| self.orders.get(id)?.get(*segment)?.as_ref();
        members.iter().filter_map(order).map(|order| order.segment.spoken_ms).sum()
    }

    /// How long a worker may make no progress on these together, if anything is known of their like.
    fn silence(&self, members: &[(StreamId, usize)]) -> Option<Duration> {
        let mut total = Micros::ZERO;
        for (id, segment) in members {
            let Some(Some(order)) = self.orders.get(id).and_then(|orders| orders.get(*segment)) else {
                continue;
            };
            let kind = kind(&order.segment);
            if !self.costs.knows(&kind) {
                return None;
            }
            total += self.costs.estimate(&kind, order.segment.spoken_ms, 0).total;
        }
        Some(expect::silence(total))
    }
}

/// A segment as its worker gets it; when it has ended, the scheduler hears of it. `share` is its part of all that is to
/// be spoken in its launch: of those who share a launch each takes as long as all of them, but costs its share. `began`
/// tells when, unless the worker begins with it later.
fn task(
    scheduler: &Arc<Scheduler>,
    worker: usize,
    (id, segment): (StreamId, usize),
    what: &Segment,
    expected: Expectation,
    (rate, share, began): (u32, f64, Option<Instant>),
) -> Task {
    let (kind, spoken_ms) = (kind(what), what.spoken_ms);
    let weak = Arc::downgrade(scheduler);
    let on_end = move |outcome: Result<SynthesisSummary, Failure>| {
        let Some(scheduler) = weak.upgrade() else { return };
        let outcome = outcome.map(|summary| {
            #[expect(clippy::cast_precision_loss, reason = "exact up to some thousand years of audio")]
            let audio_ms = summary.samples as f64 * 1000.0 / f64::from(rate);
            let worked_ms = summary.timings.total_ms;
            let total_ms = began.map_or(worked_ms, |began| began.elapsed().as_secs_f64() * 1000.0);
            // What the way to and from the worker takes comes on top of what the worker measured.
            let way = (total_ms - worked_ms).max(0.0);
            let first_ms = (summary.timings.first_chunk_ms + way).min(total_ms);
            let (first_ms, total_ms) = (first_ms * share, total_ms * share);
            Spoken { observed: Observed { spoken_ms, audio_ms, first_ms, total_ms }, kind }
        });
        scheduler.tell(Event::Ended { worker, id, segment, outcome });
    };
    Task { request: what.request.clone(), expected, on_end: Box::new(on_end) }
}
