//! What a synthesis sounds like, as far as that tells whether something is wrong with it. Pure.

use std::time::Duration;

use crate::expectation::{Expectation, Flaw};

/// Nobody hears what is never louder than this: -60 dB below full scale.
const INAUDIBLE: u16 = 32;
/// A sample this loud is taken to be cut off: engines are limited to -1 dB, which is less.
const FULL: u16 = 32_700;
/// One sample in so many is looked at, once something was to be heard.
const STRIDE: usize = 8;
/// Audio that has to be there before it is called silent, unfinished as it is: a voice may begin with a rest.
const ENOUGH: Duration = Duration::from_secs(2);
/// Audio that has to be there before it is called clipped: no sound of speech is as loud as can be for so long.
const A_WHILE: Duration = Duration::from_millis(300);
/// So many of ten samples are as loud as can be in audio that is clipped throughout.
const MOST: u64 = 9;

/// What was heard of a synthesis so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sound {
    samples: u64,
    is_audible: bool,
    seen: u64,
    full: u64,
}

impl Sound {
    /// Takes in PCM16.
    pub(super) fn hear(&mut self, pcm: &[u8]) {
        self.samples += u64::try_from(pcm.len() / 2).unwrap_or_default();
        let samples = pcm.as_chunks::<2>().0;
        self.is_audible = self.is_audible || samples.iter().any(|sample| magnitude(*sample) > INAUDIBLE);
        for sample in samples.iter().step_by(STRIDE) {
            self.seen += 1;
            self.full += u64::from(magnitude(*sample) >= FULL);
        }
    }

    /// How many samples there were.
    pub(super) fn samples(&self) -> u64 {
        self.samples
    }

    /// What is wrong with it, before it is complete.
    pub(super) fn early_flaw(&self, expected: &Expectation, rate: u32) -> Option<Flaw> {
        let length = self.length(rate);
        if let Some((_, longest)) = expected.audio
            && length > longest
        {
            return Some(Flaw::TooLong(length));
        }
        if expected.sounds && !self.is_audible && length >= ENOUGH {
            return Some(Flaw::Silent);
        }
        (length >= A_WHILE && self.is_clipped()).then_some(Flaw::Clipped)
    }

    /// What is wrong with it now that it is complete. Of a text that the engine could not read whole less is expected.
    pub(super) fn flaw(&self, expected: &Expectation, rate: u32, skipped: u64) -> Option<Flaw> {
        let length = self.length(rate);
        let lenient = Expectation { sounds: expected.sounds && skipped == 0, ..*expected };
        match expected.audio {
            Some((_, longest)) if length > longest => Some(Flaw::TooLong(length)),
            Some((shortest, _)) if length < shortest && skipped == 0 => Some(Flaw::TooShort(length)),
            _ => self.noise(&lenient),
        }
    }

    fn noise(&self, expected: &Expectation) -> Option<Flaw> {
        if expected.sounds && !self.is_audible && self.samples > 0 {
            return Some(Flaw::Silent);
        }
        self.is_clipped().then_some(Flaw::Clipped)
    }

    fn is_clipped(&self) -> bool {
        self.seen > 0 && self.full * 10 >= self.seen * MOST
    }

    /// Whether it is too early to pass anything on: where there should be sound, none was heard yet.
    pub(super) fn is_still_silent(&self, expected: &Expectation) -> bool {
        expected.sounds && !self.is_audible
    }

    fn length(&self, rate: u32) -> Duration {
        let micros = self.samples.saturating_mul(1_000_000) / u64::from(rate.max(1));
        Duration::from_micros(micros)
    }
}

fn magnitude(sample: [u8; 2]) -> u16 {
    i16::from_le_bytes(sample).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 1000;

    fn pcm(samples: impl IntoIterator<Item = i16>) -> Vec<u8> {
        samples.into_iter().flat_map(i16::to_le_bytes).collect()
    }

    fn heard(samples: impl IntoIterator<Item = i16>) -> Sound {
        let mut sound = Sound::default();
        sound.hear(&pcm(samples));
        sound
    }

    fn expected(shortest_ms: u64, longest_ms: u64) -> Expectation {
        let audio = Some((Duration::from_millis(shortest_ms), Duration::from_millis(longest_ms)));
        Expectation { audio, sounds: true, silence: None }
    }

    #[test]
    fn each_flaw_is_found_when_the_audio_is_complete() {
        let tone = |count: usize| (0..count).map(|at| if at % 2 == 0 { 4000 } else { -4000 });
        let square = (0..500).map(|at| if at / 20 % 2 == 0 { i16::MAX } else { i16::MIN });
        let flaw = |sound: Sound| sound.flaw(&expected(100, 1000), RATE, 0);
        assert_eq!(flaw(heard(tone(500))), None);
        assert_eq!(flaw(heard([0; 500])), Some(Flaw::Silent));
        assert_eq!(flaw(heard([30; 500])), Some(Flaw::Silent));
        assert_eq!(flaw(heard(square)), Some(Flaw::Clipped));
        assert_eq!(flaw(heard(tone(50))), Some(Flaw::TooShort(Duration::from_millis(50))));
        assert_eq!(flaw(heard(tone(1500))), Some(Flaw::TooLong(Duration::from_millis(1500))));
    }

    #[test]
    fn a_text_that_was_not_read_whole_may_be_short_or_silent() {
        assert_eq!(heard([0; 500]).flaw(&expected(100, 1000), RATE, 3), None);
        assert_eq!(heard([900; 5]).flaw(&expected(100, 1000), RATE, 3), None);
    }

    #[test]
    fn nothing_is_expected_by_default() {
        assert_eq!(heard([0; 500]).flaw(&Expectation::default(), RATE, 0), None);
        assert_eq!(Sound::default().flaw(&Expectation::default(), RATE, 0), None);
    }

    #[test]
    fn what_begins_with_a_rest_is_not_silent_yet() {
        let rest = heard([0; 1900]);
        assert_eq!(rest.early_flaw(&expected(0, 10_000), RATE), None);
        assert_eq!(heard([0; 2100]).early_flaw(&expected(0, 10_000), RATE), Some(Flaw::Silent));
        let too_long = heard([900; 1100]).early_flaw(&expected(0, 1000), RATE);
        assert_eq!(too_long, Some(Flaw::TooLong(Duration::from_millis(1100))));
    }
}
