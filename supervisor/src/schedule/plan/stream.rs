//! A stream as the plan sees it: segments with their costs, and listeners with their clocks.

use super::{Micros, fairness::ClientIndex};
use crate::speech::Priority;

/// One segment before it was spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Index of the pool that speaks it.
    pub pool: usize,
    /// How long its worker will be busy with it.
    pub total: Micros,
    /// From its beginning until its first audio can be released: all of `total` if it is released whole.
    pub first: Micros,
    /// How long its audio will be.
    pub audio: Micros,
}

/// Who waits for a stream's audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listener {
    pub(super) id: u32,
    pub(super) kind: Kind,
    /// How much of the audio it has taken.
    pub(super) read: Micros,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Plays while it is made. Its audio at position p must be there at `base` + p.
    Live {
        base: Micros,
        /// It plays; until then `base` is the latest moment at which it may begin.
        plays: bool,
    },
    /// Wants all of it by `due`.
    Whole { due: Micros },
}

/// Where a segment is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting,
    /// Until about then.
    Running {
        until: Micros,
    },
    Done,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) piece: Piece,
    /// Audio of all segments before it.
    pub(super) before: Micros,
    pub(super) stage: Stage,
    /// It goes to a worker by itself, since what it ran beside before may have been what went wrong.
    pub(super) alone: bool,
}

impl Segment {
    /// The earliest moment at which its stream may begin if this goes to a worker at `began`.
    pub(super) fn needs(&self, began: Micros) -> Micros {
        let Piece { first, total, audio, .. } = self.piece;
        began + first.max(total - audio) - self.before
    }
}

/// The segments of one pool, in order: they go to its workers one after the other, and those of different pools
/// beside each other.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) pool: usize,
    pub(super) segments: Vec<usize>,
    /// The first that is not yet running, as an index into `segments`.
    pub(super) next: usize,
    /// Its key among those that wait, while it is there.
    pub(super) key: Option<Key>,
}

impl Lane {
    pub(super) fn head(&self) -> Option<usize> {
        self.segments.get(self.next).copied()
    }

    /// A segment that went to a worker waits again, in its order among those that wait.
    fn take_back(&mut self, segment: usize) {
        let Some(at) = self.segments.iter().take(self.next).position(|taken| *taken == segment) else {
            return;
        };
        self.segments.remove(at);
        self.next -= 1;
        let behind = self.segments.iter().skip(self.next).filter(|waiting| **waiting < segment).count();
        self.segments.insert(self.next + behind, segment);
    }
}

/// Which streams go first, whatever their deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Interactive, and kept in time.
    Interactive,
    /// Interactive, and behind those that can be kept in time since capacity was lost.
    Behind,
    /// Nobody listens.
    Batch,
}

/// What segments that wait are ordered by: the most urgent first, of two equals the stream that came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) rank: Rank,
    pub(super) deadline: Micros,
    pub(super) seq: u64,
    pub(super) slot: usize,
    pub(super) lane: usize,
}

/// A stream on the board.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// Counts admissions: the smaller came first.
    pub(super) seq: u64,
    pub(super) client: ClientIndex,
    pub(super) class: Priority,
    pub(super) rank: Rank,
    pub(super) listeners: Vec<Listener>,
    pub(super) segments: Vec<Segment>,
    pub(super) lanes: Vec<Lane>,
    /// More text may come; this is what a segment of it is expected to be like.
    pub(super) open: Option<Piece>,
    /// Audio that may be held for it, in bytes.
    pub(super) bytes: u64,
    /// Its longest segment.
    pub(super) longest: Micros,
    /// Time to first audio that it was promised.
    pub(super) target: Micros,
    /// Cost of what is not yet done.
    pub(super) left: Micros,
}

impl Stream {
    /// Adds segments at the end.
    pub(super) fn append(&mut self, pieces: &[Piece]) {
        let mut before = self.audio();
        for &piece in pieces {
            let index = self.segments.len();
            self.segments.push(Segment { piece, before, stage: Stage::Waiting, alone: false });
            before += piece.audio;
            self.left += piece.total;
            self.longest = self.longest.max(piece.audio);
            match self.lanes.iter_mut().find(|lane| lane.pool == piece.pool) {
                Some(lane) => lane.segments.push(index),
                None => {
                    self.lanes.push(Lane { pool: piece.pool, segments: vec![index], next: 0, key: None });
                }
            }
        }
    }

    /// All of its audio, as far as it is known.
    pub(super) fn audio(&self) -> Micros {
        self.segments.last().map_or(Micros::ZERO, |last| last.before + last.piece.audio)
    }

    /// Audio made so far without a gap.
    pub(super) fn made(&self) -> Micros {
        match self.segments.iter().find(|segment| segment.stage != Stage::Done) {
            Some(segment) => segment.before,
            None => self.audio(),
        }
    }

    /// When the audio at a position must be there for the most demanding listener.
    pub(super) fn deadline(&self, before: Micros) -> Micros {
        deadline(self.base(), self.due(), before)
    }

    /// The earliest clock among those who play it.
    pub(super) fn base(&self) -> Micros {
        let bases = self.listeners.iter().filter_map(|listener| match listener.kind {
            Kind::Live { base, .. } => Some(base),
            Kind::Whole { .. } => None,
        });
        bases.min().unwrap_or(Micros::NEVER)
    }

    /// When the first of those must have it who want all of it.
    pub(super) fn due(&self) -> Micros {
        let dues = self.listeners.iter().filter_map(|listener| match listener.kind {
            Kind::Whole { due } => Some(due),
            Kind::Live { .. } => None,
        });
        dues.min().unwrap_or(Micros::NEVER)
    }

    /// How far production may run: past what the fastest listener has read by so much as the buffer holds.
    pub(super) fn read_to(&self) -> Micros {
        let read = self.listeners.iter().map(|listener| match listener.kind {
            Kind::Live { .. } => listener.read,
            Kind::Whole { .. } => Micros::NEVER,
        });
        read.max().unwrap_or(Micros::ZERO)
    }

    /// Whether there is room for a whole segment; for the one that is read next there always is.
    pub(super) fn has_room(&self, segment: &Segment, buffer: Micros) -> bool {
        let read = self.read_to();
        segment.before <= read || segment.before + segment.piece.audio <= read + self.buffer(buffer)
    }

    /// Most audio that is made ahead of its fastest listener: at least a segment that is listened to and the one that
    /// follows it.
    pub(super) fn buffer(&self, usual: Micros) -> Micros {
        usual.max(self.longest * 2)
    }

    /// Those who have yet to begin do so at `start`.
    pub(super) fn begin(&mut self, start: Micros) {
        for listener in &mut self.listeners {
            if let Kind::Live { base, plays: plays @ false } = &mut listener.kind {
                (*base, *plays) = (start - listener.read, true);
            }
        }
    }

    /// Whether something of it waits for a worker, or for room.
    pub(super) fn waits(&self) -> bool {
        self.lanes.iter().any(|lane| lane.head().is_some())
    }

    /// Whether somebody has yet to begin.
    pub(super) fn has_to_begin(&self) -> bool {
        self.listeners.iter().any(|listener| matches!(listener.kind, Kind::Live { plays: false, .. }))
    }

    /// It must not begin before, since its engine is slower than speech.
    pub(super) fn held_until(&self) -> Option<Micros> {
        let plays = |listener: &Listener| match listener.kind {
            Kind::Live { base, plays: true } => Some(base + listener.read),
            _ => None,
        };
        self.listeners.iter().filter_map(plays).max()
    }

    /// The earliest moment at which it could begin, its first audio being there, even if all that waits went to workers
    /// now.
    pub(super) fn could_begin(&self, now: Micros) -> Micros {
        let needs = self.segments.iter().filter_map(|segment| match segment.stage {
            Stage::Waiting => Some(segment.needs(now)),
            Stage::Running { until } if segment.before == Micros::ZERO => Some(until - segment.piece.audio),
            Stage::Running { until } => Some(segment.needs(until - segment.piece.total)),
            Stage::Done => None,
        });
        needs.chain(self.held_until()).max().unwrap_or(now).max(now)
    }

    /// A segment that ran waits again. False if it did not run.
    pub(super) fn take_back(&mut self, index: usize) -> bool {
        let Some(segment) = self.segments.get_mut(index) else { return false };
        if !matches!(segment.stage, Stage::Running { .. }) {
            return false;
        }
        segment.stage = Stage::Waiting;
        self.lanes.iter_mut().for_each(|lane| lane.take_back(index));
        true
    }

    /// A segment is spoken, and its audio is that long.
    pub(super) fn done(&mut self, index: usize, audio: Micros) {
        let Some(segment) = self.segments.get_mut(index) else { return };
        segment.stage = Stage::Done;
        self.left -= segment.piece.total;
        let shift = audio - segment.piece.audio;
        segment.piece.audio = audio;
        for later in self.segments.iter_mut().skip(index + 1) {
            later.before += shift;
        }
    }

    /// A listener takes audio. `waited`: it was there before the audio was. A reader that comes late for what was
    /// ready has paused, and its clock moves on for good; one that waits for us is still owed what it waits for.
    pub(super) fn read(&mut self, id: u32, audio: Micros, waited: bool, now: Micros) {
        let Some(listener) = self.listeners.iter_mut().find(|listener| listener.id == id) else { return };
        if let Kind::Live { base, plays } = &mut listener.kind {
            let at_the_latest = now - listener.read;
            if !*plays {
                (*base, *plays) = (at_the_latest, true);
            } else if !waited {
                *base = (*base).max(at_the_latest);
            }
        }
        listener.read += audio;
    }

    /// Whether somebody who plays has read less than it must have played, and more is there.
    pub(super) fn is_paused(&self, now: Micros) -> bool {
        self.listeners.iter().any(|listener| {
            matches!(listener.kind, Kind::Live { base, plays: true } if base + listener.read < now)
                && listener.read < self.made()
        })
    }

    /// Nobody has read what is there: who plays cannot be further than what it has read.
    pub(super) fn notice_pause(&mut self, now: Micros) {
        let made = self.made();
        for listener in &mut self.listeners {
            if let Kind::Live { base, plays: true } = &mut listener.kind
                && listener.read < made
            {
                *base = (*base).max(now - listener.read);
            }
        }
    }
}

/// When audio that `before` stands before must be there.
pub(super) fn deadline(base: Micros, due: Micros, before: Micros) -> Micros {
    due.min(base + before).min(Micros::NEVER)
}
