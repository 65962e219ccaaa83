//! A stream's place at the scheduler, and the audio of its segments once it is their turn.

use std::{
    collections::VecDeque,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use ishowtts_workers::{Synthesis, SynthesisEvent};
use tokio::sync::oneshot;

use super::{Refusal, Scheduler, plan::StreamId};

/// It is a segment's turn.
#[derive(Debug)]
pub struct Granted {
    /// What the worker sends.
    pub synthesis: Synthesis,
    /// How long the segment waited, from the moment that its stream was let in.
    pub waited: Duration,
}

/// One segment's turn, to come or refused.
pub(super) type Grant = oneshot::Sender<Result<Granted, Refusal>>;

/// The turns of a stream's segments, in order.
pub(super) type Turns = VecDeque<oneshot::Receiver<Result<Granted, Refusal>>>;

/// What a stream that was let in gets: a listener's ear, and the tickets of its segments.
#[derive(Debug)]
pub struct Place {
    /// The first listener.
    pub ear: Ear,
    /// The segments, in order.
    pub tickets: Tickets,
    /// When its audio is promised: the first of it if it is live, else all of it.
    pub promised: Instant,
}

/// A listener to a stream. Dropping it tells that it has gone; with the last one the stream goes.
pub struct Ear {
    pub(super) scheduler: Arc<Scheduler>,
    pub(super) id: StreamId,
    pub(super) listener: u32,
}

impl Ear {
    /// The listener has taken so much audio. `waited`: it was there before the audio was.
    pub fn took(&self, audio: Duration, waited: bool) {
        self.scheduler.read(self.id, self.listener, audio, waited);
    }

    /// Its number, unlike that of any other listener.
    pub fn listener(&self) -> u32 {
        self.listener
    }

    /// The stream.
    pub fn stream(&self) -> StreamId {
        self.id
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.scheduler.leave(self.id, self.listener);
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ear").field("id", &self.id).field("listener", &self.listener).finish_non_exhaustive()
    }
}

/// The tickets of a stream's segments, in order. Dropping them takes back whatever is running.
pub struct Tickets {
    scheduler: Arc<Scheduler>,
    id: StreamId,
    waiting: Turns,
    present: Option<Synthesis>,
    told: bool,
}

impl Tickets {
    pub(super) fn new(scheduler: Arc<Scheduler>, id: StreamId, waiting: Turns) -> Self {
        Self { scheduler, id, waiting, present: None, told: false }
    }

    /// The first audio is there: when it may be passed on.
    pub fn begin(&self) -> Instant {
        self.scheduler.begin(self.id)
    }

    /// Waits for the present segment's turn; then tells how long it waited. `None` if it was told before, or if no
    /// segment is left. Safe to cancel.
    pub async fn turn(&mut self) -> Option<Result<Duration, Refusal>> {
        if self.told {
            return None;
        }
        let granted = self.waiting.front_mut()?.await.unwrap_or(Err(Refusal::Draining));
        self.waiting.pop_front();
        Some(granted.map(|granted| {
            (self.present, self.told) = (Some(granted.synthesis), true);
            granted.waited
        }))
    }

    /// The next event of the present segment's synthesis; `None` before its turn and after its end. Safe to cancel.
    pub async fn next(&mut self) -> Option<SynthesisEvent> {
        let event = self.present.as_mut()?.next().await?;
        if !matches!(event, SynthesisEvent::Audio(_)) {
            (self.present, self.told) = (None, false);
        }
        Some(event)
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets")
            .field("id", &self.id)
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}
