//! Why an utterance was not, or not wholly, spoken. Free of any thought of HTTP.

use std::time::Duration;

use ishowtts_workers::Failure;

use crate::{metrics::Outcome, schedule::Refusal, speech::EncodeError, voices::CastError};

/// What ended an utterance before its end.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SpeechError {
    /// It was not, or no longer, let in.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its time was over before it was done.
    #[error("it could not be spoken in time")]
    Deadline,
    /// Its worker was lost, and its engine had no other for too long.
    #[error("{failure}; its engine had no other worker for {} s", waited.as_secs())]
    NobodyCame {
        /// How it failed.
        failure: Failure,
        /// How long it was waited for one.
        waited: Duration,
    },
    /// Its audio could not be brought into the format that was asked for.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// What has come of a text that is still arriving has no cast.
    #[error(transparent)]
    Cast(#[from] CastError),
    /// It needs a voice that was sent to us and that no worker knows.
    #[error("the voice {voice:?} cannot be used: {reason}")]
    Voice {
        /// Which voice.
        voice: String,
        /// Why its engine does not know it.
        reason: String,
    },
    /// An engine failed it.
    #[error("{failure}")]
    Failed {
        /// Which engine.
        engine: String,
        /// How.
        failure: Failure,
    },
}

impl SpeechError {
    /// No engine could read any of it.
    pub(super) fn nothing_to_speak() -> Self {
        let failure = Failure::Engine {
            code: "nothing_to_speak".into(),
            message: "no engine can read any of the text".into(),
            param: Some("text".into()),
        };
        Self::Failed { engine: String::new(), failure }
    }

    /// How metrics and logs count it.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(Refusal::DeadlineTooShort { .. } | Refusal::TooSlow { .. }) | Self::Cast(_) => {
                Outcome::Invalid
            }
            Self::Refused(Refusal::Poison { .. }) => Outcome::Failed,
            Self::Refused(_) => Outcome::Refused,
            Self::Deadline | Self::NobodyCame { .. } => Outcome::Deadline,
            Self::Failed { failure: Failure::Engine { code, .. }, .. }
                if matches!(code.as_str(), "bad_option" | "unknown_voice" | "nothing_to_speak") =>
            {
                Outcome::Invalid
            }
            Self::Voice { .. } | Self::Failed { .. } | Self::Encode(_) => Outcome::Failed,
        }
    }
}
