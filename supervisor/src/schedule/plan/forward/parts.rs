//! What goes into a play, and what comes out of it.

use super::super::{
    Micros,
    stream::{Rank, Stream},
};

/// A stream that is not on the board, and when it would come.
#[derive(Clone, Copy, Debug)]
pub(in crate::schedule::plan) struct Guest<'s> {
    pub(in crate::schedule::plan) stream: &'s Stream,
    pub(in crate::schedule::plan) arrives: Micros,
    /// How much later than it was written down for.
    pub(in crate::schedule::plan) shift: Micros,
}

/// What work takes of a worker's time, in relation to its cost: more than 1 leaves something to others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::schedule::plan) struct Weights {
    pub(in crate::schedule::plan) batch: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { batch: 1.0 }
    }
}

impl Weights {
    pub(super) fn of(self, rank: Rank, cost: Micros) -> Micros {
        if rank == Rank::Batch && self.batch > 1.0 { cost.times(self.batch) } else { cost }
    }
}

/// When a segment can first be heard, and when all of it is there.
#[derive(Clone, Copy, Debug)]
pub(in crate::schedule::plan) struct Met {
    pub(in crate::schedule::plan) before: Micros,
    pub(in crate::schedule::plan) audio: Micros,
    pub(in crate::schedule::plan) first: Micros,
    pub(in crate::schedule::plan) end: Micros,
}

impl Met {
    /// Whether somebody waits for it who comes to it at `position` and plays it, or wants all of it by `due`.
    pub(super) fn is_late(&self, position: Micros, due: Micros) -> bool {
        self.first > position || self.end > position + self.audio || self.end > due
    }

    /// The earliest moment at which a stream may begin that has this in it.
    pub(in crate::schedule::plan) fn needs(&self) -> Micros {
        self.first.max(self.end - self.audio) - self.before
    }
}

/// The first stream that would wait for audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::schedule::plan) struct Miss;

/// What becomes of everybody.
#[derive(Debug)]
pub(in crate::schedule::plan) struct Survey {
    /// When the last segment has ended.
    pub(in crate::schedule::plan) end: Micros,
    /// Streams that would wait for audio.
    pub(in crate::schedule::plan) late: Vec<u64>,
    /// Somebody's buffer was full, so that it matters how fast they read.
    pub(in crate::schedule::plan) was_full: bool,
}
