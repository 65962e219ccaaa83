//! What a client is told instead of audio.

use serde_json::{Value, json};

use super::codec::Malformed;
use crate::{
    speech::EncodeError,
    stream::{SpeechError, TooLong},
    surface::{ApiError, error::shortened},
    voices::CastError,
};

/// Everything that an `error` event can say. Its codes are those of HTTP, and a few of the protocol's own.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Bytes that are no event.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A kind of event that makes no sense now.
    #[error("{0} comes without a synthesize-start before it")]
    OutOfOrder(&'static str),
    /// More is asked for than is remembered.
    #[error("more than {0} requests wait behind the one that is being spoken; ask for one after the other")]
    TooManyWaiting(usize),
    /// Text or the rest of an event did not come.
    #[error("nothing has come for {0} s, though more was announced")]
    TooSlow(u64),
    /// There is no room.
    #[error("too many connections are open; close some, or ask later")]
    TooManyConnections,
    /// What every surface may say.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl Trouble {
    /// The stable code.
    pub(super) fn code(&self) -> String {
        match self {
            Self::Malformed(Malformed::TooLong(_)) => "event_too_large".into(),
            Self::Malformed(_) => "invalid_event".into(),
            Self::OutOfOrder(_) => "event_out_of_order".into(),
            Self::TooManyWaiting(_) => "too_many_requests".into(),
            Self::TooSlow(_) => "event_too_slow".into(),
            Self::TooManyConnections => "too_many_connections".into(),
            Self::Api(error) => error.code(),
        }
    }

    /// The data of the event.
    pub(super) fn data(&self) -> Value {
        let mut data = json!({ "text": shortened(&self.to_string()), "code": self.code() });
        if let Self::Api(error) = self
            && let Some(retry) = error.retry()
        {
            data["retry_after_ms"] = u64::try_from(retry.as_millis()).unwrap_or(u64::MAX).max(1).into();
        }
        data
    }
}

impl From<SpeechError> for Trouble {
    fn from(error: SpeechError) -> Self {
        Self::Api(error.into())
    }
}

impl From<TooLong> for Trouble {
    fn from(TooLong { length, most }: TooLong) -> Self {
        Self::Api(ApiError::TextTooLong { length, most })
    }
}

impl From<CastError> for Trouble {
    fn from(error: CastError) -> Self {
        Self::Api(error.into())
    }
}

impl From<EncodeError> for Trouble {
    fn from(error: EncodeError) -> Self {
        SpeechError::from(error).into()
    }
}
