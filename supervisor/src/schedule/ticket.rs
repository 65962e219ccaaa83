//! A stream's place at the scheduler, and the audio of its segments once it is their turn.

use std::{
    collections::VecDeque,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use ishowtts_workers::{Failure, Synthesis, SynthesisEvent, SynthesisSummary};
use tokio::{
    sync::{oneshot, watch},
    time::sleep_until,
};

use super::{Refusal, Scheduler, Segment, plan::StreamId};

/// It is a segment's turn.
#[derive(Debug)]
pub struct Granted {
    /// What the worker sends.
    pub synthesis: Synthesis,
    /// How long the segment waited, from the moment that its stream was let in.
    pub waited: Duration,
    /// When its turn came.
    pub at: Instant,
    /// Its next turn, if this one comes to nothing; closed when there will be none.
    pub(super) again: Turn,
    /// Whose turn it is.
    pub(super) engine: String,
}

/// One segment's turn, to come or refused.
pub(super) type Grant = oneshot::Sender<Result<Granted, Refusal>>;

pub(super) type Turn = oneshot::Receiver<Result<Granted, Refusal>>;

/// The turns of a stream's segments, in order.
#[derive(Debug, Default)]
pub struct Turns(pub(super) VecDeque<Turn>);

/// What is heard of a segment: audio, and perhaps that it begins anew, and then how it ended.
#[derive(Debug)]
pub enum Heard {
    /// PCM16 at its engine's rate.
    Audio(Bytes),
    /// Its worker was lost or gave nothing of use, and it is another one's turn: the audio comes from the segment's
    /// first sample again.
    Anew,
    /// All of it was heard.
    Done(SynthesisSummary),
    /// It will not become complete.
    Failed(Failure),
    /// It waited for another turn, and that was refused.
    Refused(Refusal),
    /// It waited for another turn, and for so long nobody was there who could have given it one.
    Late(Failure, Duration),
}

/// What a stream that was let in gets: a listener's ear, and the tickets of its segments.
#[derive(Debug)]
pub struct Place {
    /// The first listener.
    pub ear: Ear,
    /// The segments, in order.
    pub tickets: Tickets,
    /// When its audio is promised: the first of it if it is live, else all of it.
    pub promised: Instant,
    /// The end at which more text comes, where some may.
    pub tail: Option<Tail>,
}

/// The end of a stream whose text is still arriving. Until it is dropped, the stream keeps its share of the workers.
pub struct Tail {
    pub(super) scheduler: Arc<Scheduler>,
    pub(super) id: StreamId,
}

impl Tail {
    /// More text has come. Gives the turns of its segments, in order; of a stream that nobody listens to any more they
    /// never come. An error refuses all of these segments.
    pub fn append(&self, segments: Vec<Segment>) -> Result<Turns, Refusal> {
        self.scheduler.append(self.id, segments)
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.scheduler.close_text(self.id);
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").field("id", &self.id).finish_non_exhaustive()
    }
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
    waiting: VecDeque<Turn>,
    present: Option<Present>,
    told: bool,
    /// How long a segment that failed waits for its engine to have a worker again.
    patience: Duration,
}

/// The segment whose turn came.
struct Present {
    synthesis: Synthesis,
    /// When its turn came.
    at: Instant,
    again: Turn,
    engine: String,
    failed: Option<Waiting>,
}

/// A segment that failed and waits for another turn.
struct Waiting {
    failure: Failure,
    /// It is over then, unless somebody serves before that: who waits behind others waits for as long as they take.
    until: Instant,
    /// Changes with each worker that comes or goes.
    news: watch::Receiver<()>,
}

impl From<Granted> for Present {
    fn from(granted: Granted) -> Self {
        let Granted { synthesis, at, again, engine, waited: _ } = granted;
        Self { synthesis, at, again, engine, failed: None }
    }
}

impl Tickets {
    pub(super) fn new(scheduler: Arc<Scheduler>, id: StreamId, waiting: Turns, patience: Duration) -> Self {
        Self { scheduler, id, waiting: waiting.0, present: None, told: false, patience }
    }

    /// Further segments have come, with these turns.
    pub fn extend(&mut self, turns: Turns) {
        self.waiting.extend(turns.0);
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
            let waited = granted.waited;
            (self.present, self.told) = (Some(granted.into()), true);
            waited
        }))
    }

    /// When the present segment's turn came, which may be long before anybody asked for it.
    pub fn turned(&self) -> Option<Instant> {
        self.present.as_ref().map(|present| present.at)
    }

    /// What is heard next of the present segment; `None` before its turn and after its end. Safe to cancel.
    pub async fn next(&mut self) -> Option<Heard> {
        let patience = self.patience;
        let present = self.present.as_mut()?;
        let heard = loop {
            if let Some(waiting) = &mut present.failed {
                let turn = tokio::select! {
                    biased;
                    turn = &mut present.again => turn,
                    // Its sender lives as long as the scheduler.
                    _ = waiting.news.changed() => {
                        if self.scheduler.speaks(&present.engine) {
                            waiting.until = Instant::now() + patience;
                        }
                        continue;
                    }
                    () = sleep_until(waiting.until.into()) => {
                        if self.scheduler.speaks(&present.engine) {
                            waiting.until = Instant::now() + patience;
                            continue;
                        }
                        break Heard::Late(waiting.failure.clone(), patience);
                    }
                };
                break match turn {
                    Ok(Ok(granted)) => {
                        *present = granted.into();
                        Heard::Anew
                    }
                    Ok(Err(refusal)) => Heard::Refused(refusal),
                    Err(_closed) => Heard::Failed(waiting.failure.clone()),
                };
            }
            match present.synthesis.next().await? {
                SynthesisEvent::Audio(pcm) => break Heard::Audio(pcm),
                SynthesisEvent::Done(summary) => break Heard::Done(summary),
                SynthesisEvent::Failed(failure) => {
                    let (until, news) = (Instant::now() + patience, self.scheduler.news());
                    present.failed = Some(Waiting { failure, until, news });
                }
            }
        };
        if !matches!(heard, Heard::Audio(_) | Heard::Anew) {
            (self.present, self.told) = (None, false);
        }
        Some(heard)
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
