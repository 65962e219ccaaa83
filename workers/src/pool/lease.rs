//! The right to one worker, and what it is spent on.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::mpsc;

use crate::{
    expectation::Expectation,
    lifecycle::{Command, Order},
    protocol::Ready,
    seats::{Permit, Seats},
    synthesis::{Failure, Part, Synthesis, SynthesisEvent, SynthesisId, SynthesisRequest, SynthesisSummary},
};

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// The right to one worker, given back on drop or when the synthesis it was spent on has ended.
pub struct Lease {
    pub(super) permit: Permit,
    pub(super) seats: Arc<Seats>,
}

impl Lease {
    /// What the worker said when it became ready.
    pub fn ready(&self) -> &Ready {
        &self.permit.warm.ready
    }

    /// The number of the sitting that it belongs to.
    pub fn sitting(&self) -> u64 {
        self.permit.number
    }

    /// Spends the lease on syntheses in one launch; it returns when the last of them has ended.
    pub fn synthesize(self, tasks: Vec<Task>) -> Vec<Synthesis> {
        let (life, mailbox) = (self.permit.warm.life, self.permit.warm.mailbox.clone());
        let lease = Arc::new(self);
        let mut orders = Vec::with_capacity(tasks.len());
        let begin = |Task { request, expected, on_end }| {
            let id = SynthesisId(NEXT_ID.fetch_add(1, Ordering::Relaxed));
            let (events, receiver) = mpsc::unbounded_channel();
            let lease = Some(Arc::clone(&lease));
            let ending = Ending { events, on_end: Some(on_end), lease };
            orders.push(Order { id, request, expected, life, ending });
            Synthesis::new(id, receiver, mailbox.clone())
        };
        let syntheses = tasks.into_iter().map(begin).collect();
        drop(lease);
        if let Err(refused) = mailbox.try_send(Command::Synthesize(orders))
            && let Command::Synthesize(orders) = refused.into_inner()
        {
            for order in orders {
                let (reason, part) = ("it takes no orders".into(), Part::NotToBlame);
                order.ending.end(SynthesisEvent::Failed(Failure::WorkerLost { reason, part }));
            }
        }
        syntheses
    }
}

/// What a worker is to speak, and who is told when it is over.
pub struct Task {
    /// The segment.
    pub request: SynthesisRequest,
    /// What may be expected of it.
    pub expected: Expectation,
    /// Called once, whatever happens, when the synthesis has ended and its lease has returned.
    pub on_end: OnEnd,
}

/// Told how a synthesis went. Called on the worker's task: it must be quick.
pub type OnEnd = Box<dyn FnOnce(Result<SynthesisSummary, Failure>) + Send>;

/// The end of a synthesis, which comes exactly once: when it is told, or else when this is dropped.
pub(crate) struct Ending {
    events: mpsc::UnboundedSender<SynthesisEvent>,
    on_end: Option<OnEnd>,
    lease: Option<Arc<Lease>>,
}

impl Ending {
    /// Passes an event on that is not the last one. False if nobody listens any more.
    pub(crate) fn pass_on(&self, event: SynthesisEvent) -> bool {
        self.events.send(event).is_ok()
    }

    /// The last event.
    pub(crate) fn end(mut self, event: SynthesisEvent) {
        self.over(event);
    }

    fn over(&mut self, event: SynthesisEvent) {
        let outcome = match &event {
            SynthesisEvent::Done(summary) => Ok(summary.clone()),
            SynthesisEvent::Failed(failure) => Err(failure.clone()),
            // Audio ends nothing.
            SynthesisEvent::Audio(_) => return,
        };
        let Some(on_end) = self.on_end.take() else { return };
        // Nobody may be listening any more; the lease returns all the same.
        drop(self.events.send(event));
        self.lease = None;
        on_end(outcome);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let (reason, part) = ("its task ended".into(), Part::NotToBlame);
        self.over(SynthesisEvent::Failed(Failure::WorkerLost { reason, part }));
    }
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ending").finish_non_exhaustive()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.seats.give_back(&self.permit);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("permit", &self.permit).finish_non_exhaustive()
    }
}
