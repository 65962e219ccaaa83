//! What a listener makes of an answer's bytes: when the first audio came, how much it is, where it stuttered.

use std::time::{Duration, Instant};

use super::{
    record::Heard,
    wave::{NotWave, Wave},
};
use crate::speech::{Player, play_time};

/// Pure: every moment is handed in.
#[derive(Debug)]
pub(super) struct Ear {
    container: Container,
    first: Option<Instant>,
    bytes: u64,
    player: Player,
    worst_underrun: Duration,
}

#[derive(Debug)]
enum Container {
    Wave(Wave),
    Bare { bytes_per_second: u32 },
}

impl Ear {
    /// For a WAVE file.
    pub(super) fn wave() -> Self {
        Self::new(Container::Wave(Wave::default()))
    }

    /// For bare mono PCM16 at a sample rate.
    pub(super) fn bare(rate: u32) -> Self {
        Self::new(Container::Bare { bytes_per_second: rate.saturating_mul(2) })
    }

    fn new(container: Container) -> Self {
        Self { container, first: None, bytes: 0, player: Player::default(), worst_underrun: Duration::ZERO }
    }

    /// The next bytes arrive.
    pub(super) fn hear(&mut self, piece: &[u8], now: Instant) -> Result<(), NotWave> {
        let (samples, bytes_per_second) = match &mut self.container {
            Container::Wave(wave) => {
                let samples = wave.push(piece)?;
                let Some(speed) = wave.bytes_per_second() else { return Ok(()) };
                (samples, speed)
            }
            Container::Bare { bytes_per_second } => {
                (u64::try_from(piece.len()).unwrap_or(u64::MAX), *bytes_per_second)
            }
        };
        if samples == 0 {
            return Ok(());
        }
        self.first.get_or_insert(now);
        self.bytes += samples;
        let silent = self.player.receive(play_time(samples, bytes_per_second), now);
        self.worst_underrun = self.worst_underrun.max(silent);
        Ok(())
    }

    /// Fewer samples came than the answer itself had promised.
    pub(super) fn is_short(&self) -> bool {
        matches!(&self.container, Container::Wave(wave) if wave.is_short())
    }

    /// The account of an answer that was asked for at `sent` and complete at `now`; `None` if it was silent.
    /// A file that nobody plays while it arrives has no underrun.
    pub(super) fn heard(&self, sent: Instant, now: Instant, streamed: bool) -> Option<Heard> {
        let bytes_per_second = match &self.container {
            Container::Wave(wave) => wave.bytes_per_second()?,
            Container::Bare { bytes_per_second } => *bytes_per_second,
        };
        Some(Heard {
            ttfa: self.first?.saturating_duration_since(sent),
            audio: play_time(self.bytes, bytes_per_second),
            underrun: streamed.then_some(self.worst_underrun),
            ahead: self.player.ahead(now),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::{Encoder, Format};

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn a_header_is_no_audio_and_the_worst_gap_counts() {
        let start = Instant::now();
        let mut ear = Ear::wave();
        ear.hear(&Encoder::new(Format::Wav, 1000).unwrap().header(None), at(start, 10)).unwrap();
        assert_eq!(ear.heard(start, at(start, 20), true), None);
        // 100 ms each: dry at 150, then at 290, then at 395; it came 40 ms late and then 5.
        for ms in [50, 190, 295] {
            ear.hear(&[0; 200], at(start, ms)).unwrap();
        }
        let heard = ear.heard(start, at(start, 300), true).unwrap();
        assert_eq!(heard.ttfa, Duration::from_millis(50));
        assert_eq!(heard.audio, Duration::from_millis(300));
        assert_eq!(heard.underrun, Some(Duration::from_millis(40)));
        assert_eq!(heard.ahead, Duration::from_millis(95));
        assert_eq!(ear.heard(start, at(start, 300), false).unwrap().underrun, None);
    }

    #[test]
    fn bare_samples_may_be_cut_in_the_middle_of_one() {
        let start = Instant::now();
        let mut ear = Ear::bare(1000);
        for piece in [&[0; 3][..], &[0; 197], &[]] {
            ear.hear(piece, start).unwrap();
        }
        assert_eq!(ear.heard(start, start, true).unwrap().audio, Duration::from_millis(100));
        assert!(!ear.is_short());
    }
}
