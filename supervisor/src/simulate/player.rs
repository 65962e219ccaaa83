//! A listener's player: it begins with the first audio, plays on in real time, and is silent while it waits.

use crate::schedule::plan::Micros;

/// One player.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Player {
    began: Option<Micros>,
    /// When position zero would have been played, all waiting and pausing counted in.
    base: Micros,
    /// How much audio has been received.
    position: Micros,
    worst: Micros,
    paused_at: Option<usize>,
}

impl Player {
    /// The first audio is there. True the first time.
    pub(super) fn begin(&mut self, now: Micros) -> bool {
        let first = self.began.is_none();
        if first {
            (self.began, self.base) = (Some(now), now);
        }
        first
    }

    /// A segment was received, whose first audio and whose last were there at these moments.
    pub(super) fn receive(&mut self, heard: Micros, ended: Micros, audio: Micros) {
        let silent = heard - (self.base + self.position);
        let silent = silent.max(ended - (self.base + self.position + audio)).max(Micros::ZERO);
        self.base += silent;
        self.worst = self.worst.max(silent);
        self.position += audio;
    }

    /// Its listener stops it for so long before a segment, once.
    pub(super) fn pause(&mut self, segment: usize, length: Micros) {
        if self.paused_at != Some(segment) {
            self.paused_at = Some(segment);
            self.base += length;
        }
    }

    /// When it plays what stands at a position.
    pub(super) fn reaches(&self, position: Micros) -> Micros {
        self.base + position
    }

    pub(super) fn position(&self) -> Micros {
        self.position
    }

    pub(super) fn began(&self) -> Option<Micros> {
        self.began
    }

    pub(super) fn worst(&self) -> Micros {
        self.worst
    }
}
