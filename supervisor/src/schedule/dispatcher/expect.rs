//! What a worker may be expected to make of a segment, from what is known of its cost. Pure.

use std::time::Duration;

use ishowtts_workers::Expectation;

use super::super::{Segment, cost::Estimate, plan::Micros};

/// A launch may be silent for so many times of what it should take as a whole.
const PATIENT: i64 = 10;
/// No worker is given up for a shorter silence: a busy machine, or one that swaps, holds any process up for a while.
const LEAST_SILENCE: Duration = Duration::from_secs(5);
/// The longest audio of a text is so many times what is expected, and some more, since what has to be spelled out
/// (`WWW`, `%`) takes far longer than its letters tell.
const LONGEST: i64 = 4;
const SOME_MORE: Micros = Micros::s(5);
/// The shortest is this part of what is expected, less what engines leave out in a short text.
const SHORTEST: i64 = 8;
const LEFT_OUT: Micros = Micros::ms(250);

/// What the pieces of one launch cost together.
pub(super) fn silence(launch: Micros) -> Duration {
    (launch * PATIENT).duration().max(LEAST_SILENCE)
}

/// Of a segment with this estimate. `silence` is known for segments like those that were spoken before.
/// `is_second_opinion`: another try gave a length that was hard to believe.
pub(super) fn expectation(
    segment: &Segment,
    estimate: &Estimate,
    silence: Option<Duration>,
    is_second_opinion: bool,
) -> Expectation {
    let told = Micros::from_ms(segment.spoken_ms);
    let longest = estimate.most_audio.max(told) * LONGEST + SOME_MORE;
    let shortest = Micros(estimate.audio.min(told).0 / SHORTEST) - LEFT_OUT;
    Expectation {
        silence,
        audio: (!is_second_opinion).then(|| (shortest.duration(), longest.duration())),
        sounds: segment.request.text.chars().any(char::is_alphanumeric),
    }
}

#[cfg(test)]
mod tests {
    use ishowtts_workers::SynthesisRequest;

    use super::*;

    fn expected(text: &str, spoken_ms: f64) -> Expectation {
        let request = SynthesisRequest {
            text: text.into(),
            voice: None,
            language: None,
            speed: 1.0,
            seed: 1,
            options: serde_json::Map::new(),
            phonemes: Vec::new(),
        };
        let audio = Micros::from_ms(spoken_ms);
        let estimate = Estimate { audio, most_audio: audio, first: audio, total: audio };
        expectation(&Segment { engine: "tone".into(), request, spoken_ms }, &estimate, None, false)
    }

    #[test]
    fn a_short_text_may_be_as_short_as_it_likes_and_a_long_one_may_not() {
        let (shortest, longest) = expected("Hi.", 130.0).audio.unwrap_or_default();
        assert_eq!(shortest, Duration::ZERO);
        assert!(longest > Duration::from_secs(5));
        let (shortest, longest) = expected("A long text.", 10_000.0).audio.unwrap_or_default();
        assert_eq!((shortest, longest), (Duration::from_secs(1), Duration::from_secs(45)));
    }

    #[test]
    fn marks_alone_need_not_be_heard() {
        assert!(!expected("…?!", 100.0).sounds);
        assert!(expected("好。", 100.0).sounds);
    }

    #[test]
    fn nobody_is_given_up_for_a_moment_of_silence() {
        assert_eq!(silence(Micros::ms(3)), LEAST_SILENCE);
        assert_eq!(silence(Micros::s(2)), Duration::from_secs(20));
    }
}
