//! What becomes of a segment that did not come to its end: another try, by itself, or the error. Pure.

use ishowtts_workers::{Failure, Part};

/// How often a segment is begun at most.
const MOST_TRIES: u32 = 3;

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
    odd_length: bool,
}

impl Tries {
    /// A try has failed. `beside` tells whether others were in the same launch.
    pub(super) fn failed(&mut self, failure: &Failure, beside: bool) -> Next {
        self.odd_length |= matches!(failure, Failure::Garbled { flaw } if flaw.is_about_length());
        match failure {
            // Nothing came of it, nothing was lost by it.
            Failure::WorkerLost { part: Part::NotBegun, .. } => Next::Again { alone: false },
            Failure::WorkerLost { .. } | Failure::Garbled { .. } => self.once_more(),
            // An engine fails all of a launch when it fails: one of them is at fault, and the others are not.
            Failure::Engine { code, .. } if beside && !REQUESTS_OWN.contains(&code.as_str()) => {
                self.once_more()
            }
            Failure::Engine { .. } | Failure::Cancelled => Next::GiveUp,
        }
    }

    /// Whether one of them gave audio of a length that is hard to believe. If the next gives the like, it is so.
    pub(super) fn gave_odd_length(self) -> bool {
        self.odd_length
    }

    fn once_more(&mut self) -> Next {
        self.begun += 1;
        if self.begun < MOST_TRIES { Next::Again { alone: true } } else { Next::GiveUp }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use ishowtts_workers::Flaw;

    use super::*;

    fn lost(part: Part) -> Failure {
        Failure::WorkerLost { reason: "killed".into(), part }
    }

    fn engine(code: &str) -> Failure {
        Failure::Engine { code: code.into(), message: "no".into(), param: None }
    }

    #[test]
    fn a_segment_is_begun_three_times_at_most() {
        let mut tries = Tries::default();
        let again = Next::Again { alone: true };
        assert_eq!(tries.failed(&lost(Part::Alone), false), again);
        assert_eq!(tries.failed(&Failure::Garbled { flaw: Flaw::Silent }, false), again);
        assert_eq!(tries.failed(&lost(Part::NotToBlame), true), Next::GiveUp);
    }

    #[test]
    fn what_the_engine_says_of_the_request_is_final_unless_others_were_beside_it() {
        for (code, beside, next) in [
            ("bad_option", true, Next::GiveUp),
            ("nothing_to_speak", true, Next::GiveUp),
            ("out_of_memory", false, Next::GiveUp),
            ("out_of_memory", true, Next::Again { alone: true }),
            ("engine_error", true, Next::Again { alone: true }),
        ] {
            assert_eq!(Tries::default().failed(&engine(code), beside), next, "{code} {beside}");
        }
        assert_eq!(Tries::default().failed(&Failure::Cancelled, false), Next::GiveUp);
    }

    proptest! {
        #[test]
        fn a_try_that_never_began_does_not_count(
            parts in prop::collection::vec(
                prop::sample::select(vec![Part::NotBegun, Part::NotToBlame, Part::Alone]), 0..40)
        ) {
            let mut tries = Tries::default();
            let mut begun = 0;
            for part in parts {
                let next = tries.failed(&lost(part), false);
                begun += u32::from(part != Part::NotBegun);
                match next {
                    Next::Again { alone } => {
                        prop_assert!(begun < MOST_TRIES || part == Part::NotBegun);
                        prop_assert_eq!(alone, part != Part::NotBegun);
                    }
                    Next::GiveUp => prop_assert!(begun >= MOST_TRIES),
                }
            }
        }
    }
}
