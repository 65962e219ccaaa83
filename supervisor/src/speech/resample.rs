//! Changing the sample rate of one segment's audio as it arrives.

use bytes::{BufMut, Bytes, BytesMut};
use rubato::{
    Fft, FixedSync, Indexing, Resampler as _, ResamplerConstructionError,
    audioadapter_buffers::direct::InterleavedSlice,
};

use super::EncodeError;

/// Samples converted at a time: 20 ms at 24 kHz, so that streaming stays prompt.
const BLOCK: usize = 512;

/// A resampler for one segment: same duration in as out, to the sample.
pub struct Resampler {
    fft: Fft<f32>,
    from: u32,
    to: u32,
    pending: Vec<f32>,
    /// Samples taken in and given out.
    taken: u64,
    given: u64,
    /// Samples of start-up delay that are still to be dropped.
    delay: usize,
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler").field("from", &self.from).field("to", &self.to).finish_non_exhaustive()
    }
}

impl Resampler {
    /// From one rate to another, both in samples per second.
    pub fn new(from: u32, to: u32) -> Result<Self, ResamplerConstructionError> {
        let rate = |rate: u32| usize::try_from(rate).unwrap_or(usize::MAX);
        let fft = Fft::new(rate(from), rate(to), BLOCK, 1, FixedSync::Input)?;
        let delay = fft.output_delay();
        Ok(Self { fft, from, to, pending: Vec::new(), taken: 0, given: 0, delay })
    }

    /// The way from one rate to another, if they are not the same.
    pub fn between(from: u32, to: u32) -> Result<Option<Self>, EncodeError> {
        let broken = |error: ResamplerConstructionError| EncodeError {
            codec: "pcm",
            act: "change the rate of audio",
            reason: format!("{from} to {to} Hz: {error}"),
        };
        if from == to { Ok(None) } else { Self::new(from, to).map(Some).map_err(broken) }
    }

    /// Takes in PCM16 and gives what is complete.
    pub fn push(&mut self, pcm: &[u8]) -> Bytes {
        let samples = pcm.chunks_exact(2).map(|pair| match pair {
            [low, high] => f32::from(i16::from_le_bytes([*low, *high])) / 32768.0,
            _ => 0.0,
        });
        self.pending.extend(samples);
        self.taken += u64::try_from(pcm.len() / 2).unwrap_or_default();
        let mut out = BytesMut::new();
        while self.pending.len() >= self.fft.input_frames_next() {
            self.block(&mut out, u64::MAX);
        }
        out.freeze()
    }

    /// Gives the rest.
    pub fn finish(&mut self) -> Bytes {
        let mut out = BytesMut::new();
        let whole = (self.taken * u64::from(self.to)).div_ceil(u64::from(self.from));
        while self.given < whole {
            self.pending.resize(self.fft.input_frames_next(), 0.0);
            self.block(&mut out, whole);
        }
        out.freeze()
    }

    fn block(&mut self, out: &mut BytesMut, whole: u64) {
        let wanted = self.fft.input_frames_next();
        let mut converted = vec![0.0; self.fft.output_frames_next()];
        let room = converted.len();
        let input = InterleavedSlice::new(&self.pending, 1, self.pending.len());
        let output = InterleavedSlice::new_mut(&mut converted, 1, room);
        let (Ok(input), Ok(mut output)) = (input, output) else { return };
        let result = self.fft.process_into_buffer(&input, &mut output, Some(&Indexing::new()));
        let (taken, given) = result.unwrap_or((wanted, 0));
        self.pending.drain(..taken);
        for sample in converted.into_iter().take(given) {
            if self.delay > 0 {
                self.delay -= 1;
            } else if self.given < whole {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a float cast saturates, which is what is wanted"
                )]
                out.put_i16_le((sample * 32768.0).round() as i16);
                self.given += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(rate: u32, hertz: f32, seconds: f32) -> Vec<i16> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "small numbers")]
        let sample =
            |n: u32| ((n as f32 / rate as f32 * hertz * std::f32::consts::TAU).sin() * 16000.0) as i16;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "small"
        )]
        (0..(rate as f32 * seconds) as u32).map(sample).collect()
    }

    fn resampled(input: &[i16], from: u32, to: u32, chunk: usize) -> Vec<i16> {
        let mut resampler = Resampler::new(from, to).unwrap();
        let mut bytes = Vec::new();
        for part in input.chunks(chunk) {
            let pcm: Vec<u8> = part.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            bytes.extend_from_slice(&resampler.push(&pcm));
        }
        bytes.extend_from_slice(&resampler.finish());
        bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }

    #[test]
    fn a_tone_keeps_its_pitch_length_and_level() {
        for (from, to) in [(22_050, 24_000), (24_000, 22_050), (24_000, 8_000), (24_000, 48_000)] {
            let output = resampled(&sine(from, 440.0, 0.7), from, to, 333);
            let expected = sine(to, 440.0, 0.7);
            assert!(output.len().abs_diff(expected.len()) <= 1, "{from} to {to}");
            let edge = expected.len() / 10;
            let middle = edge..expected.len() - edge;
            let worst = middle.map(|n| (i32::from(output[n]) - i32::from(expected[n])).abs()).max();
            assert!(worst.unwrap() < 160, "{from} to {to}: off by {worst:?} of 16000");
        }
    }

    #[test]
    fn chunking_changes_nothing_and_nothing_gives_nothing() {
        let input = sine(22_050, 300.0, 0.2);
        assert_eq!(resampled(&input, 22_050, 24_000, 1), resampled(&input, 22_050, 24_000, 100_000));
        assert_eq!(resampled(&[], 22_050, 24_000, 1), Vec::<i16>::new());
    }
}
