//! A known sound, and how far another one is from it.

use std::f64::consts::TAU;

/// Vowels of a voice: 25 harmonics of a pitch that glides and trembles, in syllables with pauses between them.
/// The same sound at every rate, for nothing in it is above 3.5 kHz.
pub(crate) fn speech(rate: u32, milliseconds: u32) -> Vec<i16> {
    let sample = |n: u32| {
        let time = f64::from(n) / f64::from(rate);
        let pitch = TAU * (110.0 * time + 10.0 * time * time) + (TAU * 5.0 * time).sin();
        let harmonic = |number: u32| (pitch * f64::from(number)).sin() / f64::from(number).powf(0.8);
        let syllable = (TAU * 2.2 * time + 0.3).sin().max(0.0).sqrt();
        (6000.0 * syllable * (1..=25).map(harmonic).sum::<f64>()).round() as i16
    };
    (0..rate * milliseconds / 1000).map(sample).collect()
}

/// A decoded sound beside its original.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// Samples before the original begins.
    pub(crate) before: usize,
    /// Samples behind its end; `None` if the end is missing.
    pub(crate) behind: Option<usize>,
    pub(crate) level_db: f64,
    /// Signal over noise, of all of it and of the worst 20 ms (its noise against the signal of the whole).
    pub(crate) snr_db: f64,
    pub(crate) worst_snr_db: f64,
    /// Greatest step from one sample to the next, as a ratio to the original's.
    pub(crate) jump: f64,
}

impl Comparison {
    pub(crate) fn of(original: &[i16], decoded: &[i16]) -> Self {
        let before = offset(original, decoded);
        let same = &decoded[before..];
        let length = same.len().min(original.len());
        let noise: Vec<i16> =
            original.iter().zip(same).map(|(original, heard)| heard.saturating_sub(*original)).collect();
        let frame = original.len() / 65;
        let worst = noise.chunks(frame).map(power).fold(0.0, f64::max);
        let signal = power(&original[..length]);
        Self {
            before,
            behind: same.len().checked_sub(original.len()),
            level_db: db(power(&same[..length]) / signal),
            snr_db: db(signal / power(&noise)),
            worst_snr_db: db(signal / worst),
            jump: greatest_jump(decoded) / greatest_jump(original),
        }
    }
}

/// Where the original begins in what was decoded: where the two are most alike.
fn offset(original: &[i16], decoded: &[i16]) -> usize {
    // Long enough for several periods of the voice.
    let window = &original[..original.len().min(6000)];
    let likeness = |at: usize| {
        window.iter().zip(&decoded[at..]).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum::<i64>()
    };
    (0..3500.min(decoded.len())).max_by_key(|&at| likeness(at)).unwrap_or_default()
}

fn greatest_jump(samples: &[i16]) -> f64 {
    let jump = |pair: &[i16]| (f64::from(pair[1]) - f64::from(pair[0])).abs();
    samples.windows(2).map(jump).fold(0.0, f64::max)
}

fn power(samples: &[i16]) -> f64 {
    samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / samples.len() as f64
}

fn db(ratio: f64) -> f64 {
    10.0 * ratio.log10()
}
