//! Cutting a text into segments: the units of scheduling, retry and cancellation.
//!
//! A segment ends where a speaker would rest: behind a sentence if one fits, else behind a clause, else between two
//! words, and only if a single word is longer than a segment anywhere ([`breaks`] finds these places and
//! grades them). The first segment is short, so that the first audio comes early; later ones grow. Lengths are
//! counted in milliseconds of speech, estimated from the characters: a Chinese character takes three times as long
//! as a Latin letter. The same text and budget are always cut the same way.

mod arriving;
mod breaks;
mod length;
#[cfg(test)]
mod tests;

use breaks::{Break, Strength};

pub use arriving::complete;
pub(super) use breaks::{Rest, rest_after};
pub use length::estimated_ms;

/// How long segments may be, in milliseconds of speech at the usual rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The first segment.
    pub first_ms: u32,
    /// The longest segment; from the first on, each may be twice as long as the one before it.
    pub most_ms: u32,
}

impl Budget {
    /// For an engine whose reference clause took so long and gave so much audio, both in milliseconds: a segment is to
    /// cost at most half the time to first audio that listeners are promised, since for so long it keeps everybody
    /// else waiting, and is never shorter than a clause. The first one is one or two sentences at most, since an engine
    /// that gives a segment only when it is whole would let the listener wait for more. Costs are told apart in steps of the root
    /// of two, so that two measurements of one engine come to the same length, mostly.
    pub fn for_engine(elapsed_ms: f64, audio_ms: f64) -> Self {
        const HALF_OF_TARGET_MS: f64 = 150.0;
        let longest = HALF_OF_TARGET_MS * audio_ms / elapsed_ms;
        let longest = if longest.is_finite() { longest } else { f64::from(LONGEST_MS) };
        let fits = |length: &&u32| f64::from(**length) <= longest * 1.05;
        let most_ms = LENGTHS_MS.iter().rev().find(fits).copied().unwrap_or(SHORTEST_MS);
        Self { first_ms: most_ms.min(FIRST_MS), most_ms }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { first_ms: SHORTEST_MS, most_ms: SHORTEST_MS }
    }
}

/// A clause; what is shorter sounds like words read from a list.
const SHORTEST_MS: u32 = 1500;
/// Nearly every sentence.
const FIRST_MS: u32 = 6000;
/// A few sentences: an engine that is fast enough for more speaks no better for it.
const LONGEST_MS: u32 = 12_000;
const LENGTHS_MS: [u32; 7] = [SHORTEST_MS, 2100, 3000, 4200, FIRST_MS, 8500, LONGEST_MS];

/// How far a segment may exceed its budget to end at a better place, as a fraction: half as long again.
const TOLERANCE: (u32, u32) = (3, 2);

/// Cuts `text` into segments. Nothing is lost and nothing doubled: the segments are the text. None is longer than the
/// budget and its tolerance allow, unless it is a single character.
pub fn cut(text: &str, budget: Budget) -> Vec<&str> {
    let places = measured(text, budget.most_ms);
    let mut segments = Vec::new();
    let mut start = Measured { at: 0, strength: Strength::Paragraph, spoken_ms: 0 };
    let mut limit = budget.first_ms.min(budget.most_ms);
    while start.at < text.len() {
        let end = end_of_segment(text, start, limit, &places);
        segments.extend(text.get(start.at..end.at));
        start = end;
        limit = limit.saturating_mul(2).min(budget.most_ms);
    }
    segments
}

/// A place where a text may be cut, and how long all before it takes to speak.
#[derive(Clone, Copy)]
struct Measured {
    at: usize,
    strength: Strength,
    spoken_ms: u64,
}

/// Every place between words, and the end.
fn measured(text: &str, most_ms: u32) -> Vec<Measured> {
    let mut places = breaks::find(text, most_ms);
    places.retain(|place| place.at < text.len());
    places.push(Break { at: text.len(), strength: Strength::Paragraph });
    let (mut from, mut spoken_ms) = (0, 0);
    let measure = |Break { at, strength }| {
        spoken_ms += u64::from(estimated_ms(text.get(from..at).unwrap_or_default()));
        from = at;
        Measured { at, strength, spoken_ms }
    };
    places.into_iter().map(measure).collect()
}

fn end_of_segment(text: &str, start: Measured, limit: u32, places: &[Measured]) -> Measured {
    let tolerated = u64::from(limit) * u64::from(TOLERANCE.0) / u64::from(TOLERANCE.1);
    let limit_ms = u64::from(limit);
    let length = |place: &Measured| place.spoken_ms - start.spoken_ms;
    let from = places.partition_point(|place| place.at <= start.at);
    let ahead = places.get(from..).unwrap_or_default();
    if let Some(end) = ahead.last().filter(|end| length(end) <= limit_ms) {
        return *end;
    }
    let near = || ahead.iter().take_while(|place| length(place) <= tolerated);
    let last = |strength: Strength, least: u64| {
        let fits =
            |place: &&Measured| place.strength >= strength && (least..=limit_ms).contains(&length(place));
        near().filter(fits).last()
    };
    let beyond =
        |strength: Strength| near().find(|place| place.strength >= strength && length(place) > limit_ms);
    // Of the places within the budget the last one that is good enough; one that is a little beyond it is better than
    // one that is no good.
    let end = last(Strength::Paragraph, limit_ms / 3)
        .or_else(|| last(Strength::Sentence, limit_ms / 4))
        .or_else(|| last(Strength::Clause, limit_ms / 4))
        .or_else(|| beyond(Strength::Clause))
        .or_else(|| last(Strength::Clause, 0))
        .or_else(|| last(Strength::Word, 0))
        .or_else(|| beyond(Strength::Word))
        .or_else(|| last(Strength::Quoted, 0));
    end.copied().unwrap_or_else(|| {
        let at = breaks::within_a_word(text, start.at, limit);
        let spoken = estimated_ms(text.get(start.at..at).unwrap_or_default());
        Measured { at, strength: Strength::Quoted, spoken_ms: start.spoken_ms + u64::from(spoken) }
    })
}
