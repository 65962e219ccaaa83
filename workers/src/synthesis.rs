//! A synthesis: one segment of text on its way through a worker.

use std::fmt;

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::{expectation::Flaw, lifecycle::Command, protocol::Timings};

/// Names one synthesis on the wire. Given out by the supervisor and never used twice in a worker's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct SynthesisId(pub u64);

impl fmt::Display for SynthesisId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a worker is asked to speak.
#[derive(Clone, Debug, PartialEq)]
pub struct SynthesisRequest {
    /// One clause or sentence, or as much as the engine is to speak in one go.
    pub text: String,
    /// A voice that the engine named in its `ready`, or `None` for its default.
    pub voice: Option<String>,
    /// Language of the text (`en`, `zh`), where it is known.
    pub language: Option<String>,
    /// Speaking rate, 1.0 being the engine's own; 2.0 takes half the time.
    pub speed: f64,
    /// Seed of whatever the engine draws at random.
    pub seed: u64,
    /// Settings of this engine for this synthesis alone.
    pub options: Map<String, Value>,
    /// Words of the text whose sounds are given, in order, for an engine that takes phonemes.
    pub phonemes: Vec<Phonemes>,
}

/// The sounds of a stretch of a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Phonemes {
    /// Where the stretch begins, in characters.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
    /// The sounds, in the International Phonetic Alphabet.
    pub ipa: String,
}

/// What happens to a synthesis, in order: any number of `Audio`, then exactly one of the others.
#[derive(Debug)]
pub enum SynthesisEvent {
    /// PCM, signed 16 bit little endian, mono, at the worker's sample rate.
    Audio(Bytes),
    /// All of it was sent.
    Done(SynthesisSummary),
    /// It ended without being complete.
    Failed(Failure),
}

/// How a finished synthesis went.
#[derive(Clone, Debug, PartialEq)]
pub struct SynthesisSummary {
    /// Samples sent in all.
    pub samples: u64,
    /// Where the time went, as the worker measured it.
    pub timings: Timings,
    /// Characters that the engine's front end could not read and left out.
    pub skipped: u64,
}

/// Why a synthesis ended without being complete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The engine refused or failed this one request; the worker lives on.
    #[error("{message}")]
    Engine {
        /// Stable code, such as `bad_option`.
        code: String,
        /// What failed, for a person.
        message: String,
        /// The option at fault, if it is one.
        param: Option<String>,
    },
    /// The worker's life ended before the synthesis did.
    #[error("the worker ended in the middle of the request: {reason}")]
    WorkerLost {
        /// How the worker ended.
        reason: String,
        /// What it had of the synthesis by then.
        part: Part,
    },
    /// What came of it cannot be right; the worker lives on.
    #[error("the engine gave audio that cannot be right: {flaw}")]
    Garbled {
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// It was cancelled by its owner.
    #[error("the synthesis was cancelled")]
    Cancelled,
}

/// What a worker that ended had of a synthesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Nothing: it never began.
    NotBegun,
    /// It was one of several, or the worker ended because somebody wanted it to: nothing points at this one.
    NotToBlame,
    /// It was the only one that the worker was busy with.
    Alone,
}

/// The receiving end of a running synthesis. Dropping it cancels what is left of it.
#[derive(Debug)]
pub struct Synthesis {
    id: SynthesisId,
    events: mpsc::UnboundedReceiver<SynthesisEvent>,
    worker: mpsc::Sender<Command>,
    ended: bool,
}

impl Synthesis {
    pub(crate) fn new(
        id: SynthesisId,
        events: mpsc::UnboundedReceiver<SynthesisEvent>,
        worker: mpsc::Sender<Command>,
    ) -> Self {
        Self { id, events, worker, ended: false }
    }

    /// The next event, or `None` once the last one was handed out. Safe to cancel.
    pub async fn next(&mut self) -> Option<SynthesisEvent> {
        if self.ended {
            return None;
        }
        let event = self.events.recv().await.unwrap_or_else(|| {
            let (reason, part) = ("its task ended".into(), Part::NotToBlame);
            SynthesisEvent::Failed(Failure::WorkerLost { reason, part })
        });
        self.ended = !matches!(event, SynthesisEvent::Audio(_));
        Some(event)
    }
}

impl Drop for Synthesis {
    fn drop(&mut self) {
        if !self.ended {
            // A full mailbox loses nothing: the worker's task sees at its next chunk that nobody listens.
            drop(self.worker.try_send(Command::Cancel(self.id)));
        }
    }
}
