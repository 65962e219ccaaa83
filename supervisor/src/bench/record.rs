//! What is kept of one request.

use std::time::Duration;

/// One request, from its sending to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// How it ended.
    pub outcome: Outcome,
    /// From sending to the last byte.
    pub latency: Duration,
    /// How much later than planned it was sent; `None` when nothing was planned.
    pub late: Option<Duration>,
    /// What the server said of its own real-time factor.
    pub server_rtf: Option<f64>,
    /// What it said of how long the request waited for a worker.
    pub queue_wait: Option<Duration>,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// With all of its audio.
    Complete(Heard),
    /// The answer began, and ended too soon.
    Incomplete(String),
    /// The server was busy and said so: 429 or 503.
    Rejected {
        /// Status and code.
        reason: String,
        /// How long to stay away.
        retry_after: Option<Duration>,
    },
    /// In any other way.
    Failed(String),
    /// We stopped first.
    Interrupted,
}

/// What a listener heard of a complete answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// From sending to the first byte of audio; a file's header is none.
    pub ttfa: Duration,
    /// How long it plays.
    pub audio: Duration,
    /// The longest silence of a player that began with the first audio, where the answer is played as it comes.
    pub underrun: Option<Duration>,
    /// How long that player goes on after the last byte.
    pub ahead: Duration,
}

impl Record {
    /// What went wrong, in a word or two.
    pub fn trouble(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Complete(_) | Outcome::Interrupted => None,
            Outcome::Incomplete(reason) | Outcome::Failed(reason) | Outcome::Rejected { reason, .. } => {
                Some(reason)
            }
        }
    }
}
