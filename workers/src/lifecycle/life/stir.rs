//! Whether a worker that is starting does anything at all. One that is frozen, or waits for what never comes, is
//! found long before the longest time that a start may take without a word.

use std::time::Duration;

use tokio::time::Instant;

use crate::process::Vitals;

/// So often it is looked at in the time that it may do nothing. One look tells nothing: we may have stood still
/// ourselves, and then whoever waits for us has done nothing either.
const LOOKS: u32 = 4;

/// The looks at a worker that is starting.
#[derive(Debug)]
pub(super) struct Stir {
    vitals: Vitals,
    /// Looks in a row at which nothing had been done.
    still: u32,
    looked: Instant,
    every: Duration,
}

impl Stir {
    /// Of one that may do nothing for so long.
    pub(super) fn new(patience: Duration) -> Self {
        Self { vitals: Vitals::default(), still: 0, looked: Instant::now(), every: patience / LOOKS }
    }

    /// When to look next.
    pub(super) fn due(&self) -> Instant {
        self.looked + self.every
    }

    /// Takes in what a look shows; `heard` is when it last said something. True if it has stood still for too long.
    pub(super) fn is_frozen(&mut self, vitals: Vitals, heard: Instant, now: Instant) -> bool {
        let stirs = heard > self.looked || vitals.show_life_since(&self.vitals);
        self.still = if stirs { 0 } else { self.still + 1 };
        (self.vitals, self.looked) = (vitals, now);
        self.still >= LOOKS
    }
}
