//! What becomes of a segment that did not come to its end: another try, by itself, or the error. Pure.
//!
//! What an accepted request is told in the end is an error of its own: that its engine failed it, that what came of it
//! was wrong three times, that it ended three workers which had nothing else in hand (that is the quarantine's to say).
//! That a worker was lost for some other reason is no answer; it only has the segment tried again.

use ishowtts_workers::{Failure, Part};

/// How often audio that cannot be right may come of a segment, or a worker end over it alone.
pub(super) const MOST_TRIES: u32 = 3;
/// How often a segment is begun at all. Workers that end for reasons of their own are not counted against it, but
/// something is wrong that none of us knows where so many of them do.
const MOST_BEGUN: u32 = 20;

/// Errors of the request itself: it would end the same way however often it is tried.
const REQUESTS_OWN: [&str; 3] = ["bad_option", "unknown_voice", "nothing_to_speak"];

/// What to do with the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It waits for a worker once more, in a launch of its own if it may have been what went wrong, or what went wrong
    /// may have been beside it.
    Again { alone: bool },
    /// Its stream is told how it failed.
    GiveUp,
}

/// The tries of one segment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tries {
    begun: u32,
    /// Of those, workers that ended while they had nothing else in hand.
    alone: u32,
    /// Of those, audio that cannot be right.
    garbled: u32,
    odd_length: bool,
}

impl Tries {
    /// A try has failed. `beside` tells whether others were in the same launch.
    pub(super) fn failed(&mut self, failure: &Failure, beside: bool) -> Next {
        self.odd_length |= matches!(failure, Failure::Garbled { flaw } if flaw.is_about_length());
        match failure {
            // Nothing came of it, nothing was lost by it.
            Failure::WorkerLost { part: Part::NotBegun, .. } => Next::Again { alone: false },
            Failure::WorkerLost { part: Part::NotToBlame, .. } => self.once_more(),
            Failure::WorkerLost { part: Part::Alone, .. } => {
                self.alone += 1;
                self.once_more()
            }
            Failure::Garbled { .. } => {
                self.garbled += 1;
                self.once_more()
            }
            // An engine fails all of a launch when it fails: one of them is at fault, and the others are not. By itself
            // it is not excused another time.
            Failure::Engine { code, .. } if beside && !REQUESTS_OWN.contains(&code.as_str()) => {
                self.once_more()
            }
            Failure::Engine { .. } | Failure::Cancelled => Next::GiveUp,
        }
    }

    /// Workers that have ended while they had nothing in hand but this.
    pub(super) fn ended_alone(self) -> u32 {
        self.alone
    }

    /// Whether one of them gave audio of a length that is hard to believe. If the next gives the like, it is so.
    pub(super) fn gave_odd_length(self) -> bool {
        self.odd_length
    }

    fn once_more(&mut self) -> Next {
        self.begun += 1;
        let is_over = self.alone.max(self.garbled) >= MOST_TRIES || self.begun >= MOST_BEGUN;
        if is_over { Next::GiveUp } else { Next::Again { alone: true } }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use ishowtts_workers::Flaw;

    use super::*;

    const AGAIN: Next = Next::Again { alone: true };

    fn lost(part: Part) -> Failure {
        Failure::WorkerLost { reason: "killed".into(), part }
    }

    fn garbled() -> Failure {
        Failure::Garbled { flaw: Flaw::Silent }
    }

    fn engine(code: &str) -> Failure {
        Failure::Engine { code: code.into(), message: "no".into(), param: None }
    }

    #[test]
    fn three_workers_may_end_over_it_alone_or_three_give_wrong_audio() {
        for failure in [lost(Part::Alone), garbled()] {
            let mut tries = Tries::default();
            let told = [(); MOST_TRIES as usize].map(|()| tries.failed(&failure, false));
            assert_eq!(told, [AGAIN, AGAIN, Next::GiveUp], "{failure}");
        }
    }

    #[test]
    fn what_happened_beside_others_is_not_held_against_it() {
        let mut tries = Tries::default();
        for failure in [lost(Part::NotToBlame), lost(Part::Alone), lost(Part::NotToBlame), lost(Part::Alone)]
        {
            assert_eq!(tries.failed(&failure, false), AGAIN);
        }
        assert_eq!(tries.ended_alone(), 2);
        assert_eq!(tries.failed(&lost(Part::Alone), false), Next::GiveUp);
    }

    #[test]
    fn what_the_engine_says_of_the_request_is_final_unless_others_were_beside_it() {
        for (code, beside, next) in [
            ("bad_option", true, Next::GiveUp),
            ("nothing_to_speak", true, Next::GiveUp),
            ("out_of_memory", false, Next::GiveUp),
            ("out_of_memory", true, AGAIN),
            ("engine_error", true, AGAIN),
        ] {
            assert_eq!(Tries::default().failed(&engine(code), beside), next, "{code} {beside}");
        }
        assert_eq!(Tries::default().failed(&Failure::Cancelled, false), Next::GiveUp);
    }

    proptest! {
        /// Where each loss is somebody's fault, a worker that is lost is never what a request is told: it is poison, or
        /// its audio is wrong.
        #[test]
        fn a_try_that_never_began_does_not_count_and_tries_come_to_an_end(
            parts in prop::collection::vec(
                prop::sample::select(vec![Part::NotBegun, Part::NotToBlame, Part::Alone]), 0..80)
        ) {
            let mut tries = Tries::default();
            let (mut begun, mut alone) = (0, 0);
            for part in parts {
                let next = tries.failed(&lost(part), false);
                begun += u32::from(part != Part::NotBegun);
                alone += u32::from(part == Part::Alone);
                match next {
                    Next::Again { alone: by_itself } => {
                        prop_assert!(part == Part::NotBegun || (alone < MOST_TRIES && begun < MOST_BEGUN));
                        prop_assert_eq!(by_itself, part != Part::NotBegun);
                    }
                    Next::GiveUp => prop_assert!(alone >= MOST_TRIES || begun >= MOST_BEGUN),
                }
            }
        }
    }
}
