//! What becomes of a segment that was not spoken. Pure.

use std::time::Duration;

use ishowtts_workers::Failure;

use super::JobError;
use crate::{schedule::Refusal, stream::SpeechError};

/// A segment that failed so often fails its job.
const MOST_TRIES: u32 = 5;
/// While an engine is away it is not asked more often.
const AWAY: Duration = Duration::from_secs(5);

/// What becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Its turn has not come: it asks again then, and nothing is told of it.
    Later(Duration),
    /// Nothing can be done for it now: others may try then.
    Waits(Duration, JobError),
    /// It was tried in vain, and is tried again then.
    Again(Duration, JobError),
    /// Nobody will ever speak it.
    Never(JobError),
    /// The server is ending.
    Ends,
}

/// Decides, after so many tries that failed before.
pub(super) fn verdict(error: &SpeechError, tries: u32) -> Verdict {
    let told = |code: &str| JobError { code: code.into(), message: error.to_string() };
    let again = |code: &str| {
        // 1, 2, 4, 8 s: an engine that starts anew takes its time.
        let delay = Duration::from_secs(1 << tries.min(5));
        if tries + 1 < MOST_TRIES { Verdict::Again(delay, told(code)) } else { Verdict::Never(told(code)) }
    };
    match error {
        SpeechError::Refused(refusal) => match refusal {
            Refusal::Busy { retry, .. } | Refusal::Memory { retry } => Verdict::Later(*retry),
            Refusal::EngineFailed { .. } => Verdict::Waits(AWAY, told("engine_failed")),
            Refusal::EngineDisabled { .. } => Verdict::Waits(AWAY, told("engine_disabled")),
            Refusal::Poison { .. } => Verdict::Never(told("poison")),
            Refusal::Draining => Verdict::Ends,
            // No deadline is asked for, and nobody listens: neither can be.
            Refusal::DeadlineTooShort { .. } | Refusal::TooSlow { .. } => again("internal"),
        },
        SpeechError::Voice { .. } => Verdict::Never(told("voice_failed")),
        SpeechError::Cast(_) => Verdict::Never(told("invalid_field")),
        SpeechError::Encode(_) => again("internal"),
        // Its engine is away, which is no fault of the segment's.
        SpeechError::NobodyCame { .. } => Verdict::Waits(AWAY, told("worker_lost")),
        SpeechError::Deadline => again("deadline_exceeded"),
        SpeechError::Failed { failure, .. } => match failure {
            Failure::WorkerLost { .. } => again("worker_lost"),
            Failure::Garbled { .. } => again("garbled_audio"),
            Failure::Cancelled => again("cancelled"),
            Failure::Engine { code, .. } => match code.as_str() {
                "bad_option" => Verdict::Never(told("invalid_field")),
                "unknown_voice" => Verdict::Never(told("unknown_voice")),
                "nothing_to_speak" => Verdict::Never(told("nothing_to_speak")),
                "out_of_memory" => again("out_of_memory"),
                _ => again("engine_error"),
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(code: &str) -> SpeechError {
        let failure = Failure::Engine { code: code.into(), message: "no".into(), param: None };
        SpeechError::Failed { engine: "tone".into(), failure }
    }

    #[test]
    fn what_the_job_is_to_blame_for_ends_it_and_what_others_are_does_not() {
        let second = Duration::from_secs(1);
        let busy = Refusal::Busy { retry: second, is_fairness: false };
        assert_eq!(verdict(&busy.into(), 9), Verdict::Later(second));
        let away = Refusal::EngineFailed { engine: "f5".into(), reason: "no model".into() };
        assert!(matches!(verdict(&away.into(), 99), Verdict::Waits(..)));
        assert!(
            matches!(verdict(&failed("bad_option"), 0), Verdict::Never(error) if error.code == "invalid_field")
        );
        assert!(matches!(verdict(&failed("cuda"), 0), Verdict::Again(delay, _) if delay == second));
        assert!(matches!(verdict(&failed("cuda"), 3), Verdict::Again(delay, _) if delay == second * 8));
        assert!(matches!(verdict(&failed("cuda"), 4), Verdict::Never(error) if error.code == "engine_error"));
        assert_eq!(verdict(&Refusal::Draining.into(), 0), Verdict::Ends);
    }
}
