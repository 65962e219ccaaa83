//! Where one listener's audio comes from.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{SpeechError, production::Totals, shared::Shared};
use crate::{
    cache::Recording,
    schedule::{Ear, Entry},
    speech::play_time,
};

/// How audio came about, as `X-Cache` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was made for this listener.
    Made,
    /// It was made for another one who asked for the same before, and still listens.
    Coalesced,
    /// It was there.
    Cached,
}

impl Origin {
    /// As in `X-Cache`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Made => "miss",
            Self::Coalesced => "coalesced",
            Self::Cached => "hit",
        }
    }
}

/// One listener's audio.
#[derive(Debug)]
pub(super) struct Source {
    kind: Kind,
    pub(super) origin: Origin,
    /// The request's place in the server.
    _entry: Arc<Entry>,
}

#[derive(Debug)]
enum Kind {
    Shared { shared: Arc<Shared>, ear: Ear },
    Recording { recording: Arc<Recording>, read: usize },
}

impl Source {
    /// From a production, if its beginning is still there.
    pub(super) fn listen(shared: Arc<Shared>, ear: Ear, origin: Origin, entry: Arc<Entry>) -> Option<Self> {
        let joined = shared.join(ear.listener());
        joined.then_some(Self { kind: Kind::Shared { shared, ear }, origin, _entry: entry })
    }

    pub(super) fn recording(recording: Arc<Recording>, entry: Arc<Entry>) -> Self {
        Self { kind: Kind::Recording { recording, read: 0 }, origin: Origin::Cached, _entry: entry }
    }

    /// Samples per second.
    pub(super) fn rate(&self) -> u32 {
        match &self.kind {
            Kind::Shared { shared, .. } => shared.rate,
            Kind::Recording { recording, .. } => recording.rate,
        }
    }

    /// The next piece of PCM16, or `None` at the end. Safe to cancel.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, SpeechError>> {
        match &mut self.kind {
            Kind::Shared { shared, ear } => shared.next(ear.listener()).await,
            Kind::Recording { recording, read } => {
                let piece = recording.pieces.get(*read).cloned();
                *read += 1;
                piece.map(Ok)
            }
        }
    }

    /// The listener has taken a piece. `waited`: it was there before the audio was.
    pub(super) fn took(&self, bytes: usize, waited: bool) {
        if let Kind::Shared { shared, ear } = &self.kind {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            ear.took(play_time(bytes, shared.rate.saturating_mul(2)), waited);
        }
    }

    /// What its making came to so far.
    pub(super) fn totals(&self) -> Totals {
        match &self.kind {
            Kind::Shared { shared, .. } => {
                let totals = shared.totals();
                let waited = if self.origin == Origin::Made { totals.queue_wait } else { Duration::ZERO };
                Totals { queue_wait: waited, ..totals }
            }
            Kind::Recording { recording, .. } => Totals { skipped: recording.skipped, ..Totals::default() },
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Kind::Shared { shared, ear } = &self.kind {
            shared.leave(ear.listener());
        }
    }
}
