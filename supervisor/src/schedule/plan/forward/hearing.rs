//! When a stream in a play begins to be heard.

use std::cmp::Reverse;

use super::{
    super::{Micros, stream::Stage},
    Play, Run, index,
};

impl<'s> Play<'s> {
    /// What runs already of a stream that has yet to begin.
    pub(super) fn will_be_heard(&mut self, run: &mut Run<'s>) {
        for segment in &run.stream.segments {
            let Stage::Running { until } = segment.stage else { continue };
            let began = until - segment.piece.total;
            if segment.before == Micros::ZERO {
                let index = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
                self.heard.push(Reverse(((began + segment.piece.first).max(self.now), index)));
                run.need = run.need.max(until - segment.piece.audio);
            } else {
                run.need = run.need.max(segment.needs(began));
            }
        }
    }

    /// A stream's first audio is there: it begins as soon as it can, as `could_begin` has it.
    pub(super) fn is_heard(&mut self, number: usize, time: Micros) {
        let Some(run) = self.runs.get_mut(number) else { return };
        let lanes = self.lanes.get(run.lanes.0..run.lanes.1).unwrap_or_default();
        let waiting =
            lanes.iter().filter_map(|lane| Some((run.stream.lanes.get(index(lane.lane))?, lane.next)));
        let waiting = waiting.flat_map(|(lane, next)| lane.segments.iter().skip(index(next)));
        let needs = waiting.filter_map(|segment| Some(run.stream.segments.get(*segment)?.needs(time)));
        let soonest = needs.chain(run.stream.held_until()).max().unwrap_or(time).max(run.need).max(time);
        let soonest = self.expected.map_or(soonest, |expected| expected.at_least(run.stream.seq, soonest));
        run.begins = false;
        if soonest < run.base {
            run.base = soonest;
            self.begun.push((run.stream.seq, soonest));
        } else {
            return;
        }
        for lane in run.lanes.0..run.lanes.1 {
            if self.lanes.get(lane).is_some_and(|lane| lane.key != 0) {
                self.expose(u32::try_from(lane).unwrap_or(u32::MAX), time);
            }
        }
    }
}
