//! A recording that somebody sent to be imitated: decoded, cut to its speech, checked, and brought to one form.
//!
//! [`decode`] reads any common file within bounds of time and samples, [`fitness`] says whether it is fit to be
//! imitated. Both only compute; whoever calls them does so on a thread that may be kept busy.

mod decode;
mod fitness;
mod opus;

use bytes::Bytes;

use crate::{
    config::Cloning,
    speech::{Encoder, Format, Resampler},
};

/// Longest recording that is decoded, in seconds, whatever engine it is for.
pub const LONGEST_S: u32 = 30;
/// Highest rate that is kept: more is not heard, and no engine takes it.
const HIGHEST_RATE: u32 = 48_000;

/// Why a recording is not fit to be imitated: what was measured, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(pub(crate) String);

/// Mono samples as they were decoded.
#[derive(Clone, Debug, PartialEq)]
struct Sound {
    rate: u32,
    samples: Vec<f32>,
}

/// A recording that an engine can imitate.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Samples per second.
    pub rate: u32,
    /// Mono samples.
    pub samples: Vec<i16>,
}

impl Recording {
    /// Reads a file of any common format, and checks it for an engine.
    pub fn read(file: Bytes, engine: &Cloning) -> Result<Self, Unfit> {
        let sound = decode::decode(file, LONGEST_S)?;
        let speech = fitness::speech(&sound, engine)?;
        let full = f32::from(i16::MAX);
        #[expect(clippy::cast_possible_truncation, reason = "it is clamped to the range")]
        let samples: Vec<i16> =
            speech.iter().map(|sample| (sample.clamp(-1.0, 1.0) * full).round() as i16).collect();
        if sound.rate <= HIGHEST_RATE {
            return Ok(Self { rate: sound.rate, samples });
        }
        let mut resampler = Resampler::new(sound.rate, HIGHEST_RATE)
            .map_err(|error| Unfit(format!("its rate of {} Hz cannot be changed: {error}", sound.rate)))?;
        let pcm: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let (first, rest) = (resampler.push(&pcm), resampler.finish());
        let pairs = [first, rest].concat();
        let sample = |pair: &[u8]| Some(i16::from_le_bytes([*pair.first()?, *pair.get(1)?]));
        Ok(Self { rate: HIGHEST_RATE, samples: pairs.chunks_exact(2).filter_map(sample).collect() })
    }

    /// Its length in seconds.
    pub fn seconds(&self) -> f64 {
        let samples = u32::try_from(self.samples.len()).unwrap_or(u32::MAX);
        f64::from(samples) / f64::from(self.rate)
    }

    /// As a WAV file.
    pub fn wav(&self) -> Result<Vec<u8>, Unfit> {
        let pcm: Vec<u8> = self.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let encoder = Encoder::new(Format::Wav, self.rate).map_err(|error| Unfit(error.to_string()))?;
        Ok([&encoder.header(Some(pcm.len())), &pcm[..]].concat())
    }
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "small numbers of a test's own"
)]
mod tests;
