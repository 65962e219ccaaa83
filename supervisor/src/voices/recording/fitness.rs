//! Whether a sound is fit to be imitated: long enough and not too long, loud enough, not clipped. Pure.

use super::{Sound, Unfit};
use crate::config::Cloning;

/// What is quieter is silence at the ends, in dB below full scale; the engines cut there too.
const SILENCE_DB: f64 = -42.0;
/// Length of the pieces that are judged, in parts of a second.
const BLOCKS_A_SECOND: u32 = 100;
/// So much is kept of the silence at both ends, in blocks: a word dies away softly.
const MARGIN: usize = 5;
/// Speech that is quieter than this is mostly noise once it is brought to a usual level.
const QUIETEST_DB: f64 = -36.0;
/// From here on a sample counts as full scale.
const FULL: f32 = 0.999;
/// So many in a row at full scale are cut off, not just loud.
const RUN: usize = 3;
/// Share of samples that may be cut off, in percent, before it can be heard.
const MOST_CLIPPED: f64 = 0.5;

/// The part of a sound that is speech, if an engine can imitate it.
pub(super) fn speech<'s>(sound: &'s Sound, engine: &Cloning) -> Result<&'s [f32], Unfit> {
    let size = usize::try_from(sound.rate / BLOCKS_A_SECOND).unwrap_or(1).max(1);
    let levels: Vec<f64> = sound.samples.chunks(size).map(level_db).collect();
    let loudest = levels.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let first = levels.iter().position(|level| *level > SILENCE_DB);
    let last = levels.iter().rposition(|level| *level > SILENCE_DB);
    let (Some(first), Some(last)) = (first, last) else {
        return Err(Unfit(format!(
            "the recording is silent: its loudest moment has {}, and speech has more than {SILENCE_DB} dBFS; record \
             it nearer to the microphone",
            shown(loudest)
        )));
    };
    let spoken = &levels[first..=last];
    let seconds = count(spoken.len()) / f64::from(BLOCKS_A_SECOND);
    let Cloning { engine: name, shortest_s, longest_s, .. } = engine;
    if seconds < *shortest_s {
        return Err(Unfit(format!(
            "the recording has {seconds:.1} s of speech; {name} needs at least {shortest_s} s"
        )));
    }
    // The engines count a moment behind the last word too.
    if seconds + 0.1 > *longest_s {
        return Err(Unfit(format!(
            "the recording has {seconds:.1} s of speech; {name} takes at most {longest_s} s, a moment behind the last \
             word included; cut it between words"
        )));
    }
    let loud: Vec<f64> = spoken.iter().copied().filter(|level| *level > SILENCE_DB).collect();
    let power = loud.iter().map(|level| 10_f64.powf(level / 10.0)).sum::<f64>() / count(loud.len());
    let level = 10.0 * power.log10();
    if level < QUIETEST_DB {
        return Err(Unfit(format!(
            "the recording is too quiet: its speech has {}, and at least {QUIETEST_DB} dBFS are needed; record it \
             louder",
            shown(level)
        )));
    }
    let clipped = count(clipped(&sound.samples)) * 100.0 / count(sound.samples.len());
    if clipped > MOST_CLIPPED {
        return Err(Unfit(format!(
            "the recording is clipped: {clipped:.1} % of its samples are cut off at full scale, at most \
             {MOST_CLIPPED} % may be; record it with less gain"
        )));
    }
    let begin = first.saturating_sub(MARGIN) * size;
    let end = ((last + 1 + MARGIN) * size).min(sound.samples.len());
    Ok(&sound.samples[begin..end])
}

fn level_db(block: &[f32]) -> f64 {
    let power = block.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / count(block.len());
    10.0 * power.log10()
}

/// Samples that are cut off, alone ones not counted.
fn clipped(samples: &[f32]) -> usize {
    let runs = samples.chunk_by(|one, other| (one.abs() >= FULL) == (other.abs() >= FULL));
    runs.filter(|run| run.len() >= RUN && run.first().is_some_and(|one| one.abs() >= FULL))
        .map(<[f32]>::len)
        .sum()
}

/// There are never more than a few million.
fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn shown(level: f64) -> String {
    if level.is_finite() { format!("{level:.1} dBFS") } else { "nothing at all".into() }
}
