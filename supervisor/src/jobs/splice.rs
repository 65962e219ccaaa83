//! A job's segments in order → one sound: the same join and the same resamplers as a stream's, and so the same samples
//! however often it is done.

use bytes::Bytes;

use super::{Kept, Mark};
use crate::speech::{Join, Resampler};

/// Joins segments. Pure.
#[derive(Debug)]
pub(super) struct Splice {
    /// At which the segments are joined, in samples per second.
    rate: u32,
    join: Join,
    last: Option<Resampler>,
    /// Titles of chapters, by their numbers.
    titles: Vec<Option<String>>,
    marks: Vec<Mark>,
    /// Chapter of the segment before, and the rest behind it in milliseconds.
    before: Option<(u32, u32)>,
    /// Bytes that were joined so far, at `rate`.
    joined: u64,
    scratch: Vec<Bytes>,
}

impl Splice {
    /// Joins at one rate and gives out at another.
    pub(super) fn new(rate: u32, out: u32, titles: Vec<Option<String>>) -> Self {
        Self {
            rate,
            join: Join::new(rate),
            last: if rate == out { None } else { Resampler::new(rate, out).ok() },
            titles,
            marks: Vec::new(),
            before: None,
            joined: 0,
            scratch: Vec::new(),
        }
    }

    /// Takes in the next segment; what is complete is appended to `out`.
    pub(super) fn push(&mut self, kept: &Kept, out: &mut Vec<Bytes>) {
        if self.before.is_none() && kept.joint.lead_ms > 0 {
            self.join.begin_with(kept.joint.lead_ms);
        }
        if self.before.is_none_or(|(chapter, _)| chapter != kept.chapter) {
            self.mark(kept.chapter);
        }
        let mut pcm = kept.take.pcm.clone();
        if kept.take.rate != self.rate
            && !pcm.is_empty()
            && let Ok(mut resampler) = Resampler::new(kept.take.rate, self.rate)
        {
            self.join.push(resampler.push(&pcm), &mut self.scratch);
            pcm = resampler.finish();
        }
        if !pcm.is_empty() {
            self.join.push(pcm, &mut self.scratch);
        }
        self.join.end_segment(kept.joint.pause());
        self.before = Some((kept.chapter, kept.joint.least_ms));
        self.give(out);
    }

    /// Nothing follows.
    pub(super) fn finish(mut self, out: &mut Vec<Bytes>) -> Vec<Mark> {
        self.join.finish(&mut self.scratch);
        self.give(out);
        out.extend(self.last.as_mut().map(Resampler::finish).filter(|rest| !rest.is_empty()));
        self.marks
    }

    /// A chapter begins behind the rest that is due.
    fn mark(&mut self, chapter: u32) {
        let rest = self.before.map_or(0, |(_, rest)| u64::from(rest));
        let start_ms = self.joined * 500 / u64::from(self.rate.max(1)) + rest;
        let title =
            usize::try_from(chapter).ok().and_then(|number| self.titles.get(number).cloned()).flatten();
        self.marks.push(Mark { title, start_ms });
    }

    fn give(&mut self, out: &mut Vec<Bytes>) {
        for piece in self.scratch.drain(..).filter(|piece| !piece.is_empty()) {
            self.joined += u64::try_from(piece.len()).unwrap_or_default();
            let piece = match &mut self.last {
                Some(resampler) => resampler.push(&piece),
                None => piece,
            };
            out.extend(Some(piece).filter(|piece| !piece.is_empty()));
        }
    }
}
