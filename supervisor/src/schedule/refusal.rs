//! Why nothing is spoken. Free of any thought of HTTP.

use std::time::Duration;

use super::plan::Rejection;

/// Why nothing is spoken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It could not be served in time beside those who are there.
    #[error("everybody who could serve this is busy; try again in {} ms", retry.as_millis())]
    Busy {
        /// When it can be.
        retry: Duration,
        /// Others, who were told to come back now, go first.
        is_fairness: bool,
    },
    /// Too much audio is held for others.
    #[error("too much audio waits for its listeners; try again in about {} ms", retry.as_millis())]
    Memory {
        /// An estimate of when there is less.
        retry: Duration,
    },
    /// Its deadline is earlier than even an idle machine could meet.
    #[error("deadline_ms is too short: this takes at least {} ms even with nothing else to do", needs.as_millis())]
    DeadlineTooShort {
        /// What an idle machine needs.
        needs: Duration,
    },
    /// Its engine is slower than speech, and too much would have to be made before it could begin.
    #[error(
        "the engine is slower than speech, and this would have to be prepared for {} s before it could play \
         without a gap; ask for the whole file, for a shorter text, or with a later deadline_ms",
        lead.as_secs()
    )]
    TooSlow {
        /// What has to pass before it could begin.
        lead: Duration,
    },
    /// The engine was given up.
    #[error("the engine {engine} is not available: {reason}")]
    EngineFailed {
        /// Which one.
        engine: String,
        /// Why.
        reason: String,
    },
    /// The engine is switched off.
    #[error("the engine {engine} is switched off in the configuration")]
    EngineDisabled {
        /// Which one.
        engine: String,
    },
    /// It ended one worker after the other.
    #[error(
        "the engine {engine} ended three times over this text, alone with it; no worker gets it again for {} s: \
         change the text or the voice", wait.as_secs().max(1)
    )]
    Poison {
        /// Which engine.
        engine: String,
        /// How long it is kept from workers.
        wait: Duration,
    },
    /// The server is ending.
    #[error("the server is shutting down")]
    Draining,
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Capacity { retry } => Self::Busy { retry: retry.duration(), is_fairness: false },
            Rejection::Fairness { retry } => Self::Busy { retry: retry.duration(), is_fairness: true },
            Rejection::Memory { retry } => Self::Memory { retry: retry.duration() },
            Rejection::DeadlineTooShort { needs } => Self::DeadlineTooShort { needs: needs.duration() },
            Rejection::TooSlow { lead } => Self::TooSlow { lead: lead.duration() },
        }
    }
}
