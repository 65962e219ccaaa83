//! Segments in a play: which of them wait for a worker, which for room in a buffer, and how one begins.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{
    super::{
        Micros,
        launch::Batch,
        stream::{Piece, Rank, Stage, Stream, deadline},
    },
    LaneRun, Met, Miss, Play, Run, TAIL, index,
};

impl<'s> Play<'s> {
    pub(super) fn add(&mut self, stream: &'s Stream, rank: Rank, shift: Micros, arrives: Micros) {
        let index = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
        let later = |moment: Micros| if moment == Micros::NEVER { moment } else { moment + shift };
        let run = Run {
            stream,
            rank,
            base: later(stream.base()),
            due: later(stream.due()),
            read: if self.is_eager { Micros::NEVER } else { stream.read_to() },
            begins: stream.has_to_begin(),
            need: Micros::ZERO - Micros::NEVER,
            lanes: (self.lanes.len(), self.lanes.len()),
            checked: rank != Rank::Behind,
        };
        let hopeless = |run: &Run<'_>, piece: &Piece, before: Micros| {
            arrives + piece.first > deadline(run.base, run.due, before)
        };
        let (mut run, first_lane) = (run, self.lanes.len());
        for (number, lane) in stream.lanes.iter().enumerate() {
            let Some(segment) = lane.head().and_then(|head| stream.segments.get(head)) else { continue };
            run.checked &= !hopeless(&run, &segment.piece, segment.before);
            self.left += lane.segments.len() - lane.next;
            let (number, next) =
                (u32::try_from(number).unwrap_or(TAIL), u32::try_from(lane.next).unwrap_or(0));
            self.lanes.push(LaneRun { run: index, lane: number, next, key: 0 });
        }
        if stream.open.is_some() {
            self.horizon = self.horizon.max(arrives + self.buffer);
            if first_lane == self.lanes.len() {
                // It has run dry: what comes next begins anew.
                run.base = run.base.max(arrives + stream.target - stream.audio());
            }
            self.lanes.push(LaneRun { run: index, lane: TAIL, next: 0, key: 0 });
        }
        run.lanes.1 = self.lanes.len();
        if run.begins {
            self.will_be_heard(&mut run);
        }
        self.runs.push(run);
        for lane in first_lane..self.lanes.len() {
            let lane = u32::try_from(lane).unwrap_or(u32::MAX);
            if arrives > self.now {
                self.later.push(Reverse((arrives, lane)));
            } else {
                self.expose(lane, self.now);
            }
        }
    }

    /// The lane's next segment: what it is, where it stands, and whether it goes to a worker alone.
    fn head(&self, lane: u32) -> Option<(&Run<'s>, Piece, Micros, bool)> {
        let lane = self.lanes.get(index(lane))?;
        let run = self.runs.get(index(lane.run))?;
        if lane.lane == TAIL {
            let piece = run.stream.open?;
            let begins = run.stream.audio() + piece.audio * i64::from(lane.next);
            return Some((run, piece, begins, false));
        }
        let of_stream = run.stream.lanes.get(index(lane.lane))?;
        let segment = run.stream.segments.get(*of_stream.segments.get(index(lane.next))?)?;
        debug_assert!(segment.stage == Stage::Waiting);
        Some((run, segment.piece, segment.before, segment.alone))
    }

    /// Puts a lane's next segment among those that wait, or aside until there is room in its buffer.
    pub(super) fn expose(&mut self, lane: u32, time: Micros) {
        let Some((run, piece, before, _)) = self.head(lane) else { return };
        let buffer = run.stream.buffer(self.buffer);
        let room = run.base + before + piece.audio - buffer;
        // However fast somebody reads, text comes no faster than it is spoken.
        let is_tail = self.lanes.get(index(lane)).is_some_and(|held| held.lane == TAIL);
        let read = if is_tail { run.stream.read_to() } else { run.read };
        let is_full = before > read && before + piece.audio > read + buffer;
        if is_full && room > time && run.base < Micros::NEVER {
            self.was_full = true;
            self.later.push(Reverse((room, lane)));
            return;
        }
        let key = self.key(run, deadline(run.base, run.due, before), lane);
        if let Some(held) = self.lanes.get_mut(index(lane)) {
            held.key = key;
        }
        if let Some(ready) = self.ready.get_mut(piece.pool) {
            ready.push(Reverse(key));
        }
    }

    /// Rank, deadline, age and lane in one number, the more urgent the smaller.
    fn key(&self, run: &Run<'_>, deadline: Micros, lane: u32) -> u128 {
        // Two million seconds around now, to the microsecond; what is further away is as good as never.
        let span = 1_i64 << 41;
        let relative = (deadline - self.now).0.clamp(-span, span - 1) + span;
        let relative = u128::try_from(relative).unwrap_or(0);
        let seq = u128::from(run.stream.seq & 0xffff_ffff);
        let rank = match run.rank {
            Rank::Interactive => 0,
            Rank::Behind => 1,
            Rank::Batch => 2,
        };
        rank << 120 | relative << 72 | seq << 32 | u128::from(lane)
    }

    /// The most urgent segments of a pool begin at `time`; tells until when their worker is busy.
    pub(super) fn launch(&mut self, pool: usize, time: Micros) -> Result<Micros, Miss> {
        let most = self.batch.get(pool).copied().unwrap_or(1);
        let mut batch = Batch::new(self.longest_launch);
        let mut members = 0;
        while members < most {
            let Some(&Reverse(key)) = self.ready.get(pool).and_then(BinaryHeap::peek) else { break };
            let lane = u32::try_from(key & 0xffff_ffff).unwrap_or(u32::MAX);
            if self.lanes.get(index(lane)).is_none_or(|held| held.key != key) {
                self.pop(pool);
                continue;
            }
            let Some((run, piece, before, alone)) = self.head(lane) else { break };
            let due = deadline(run.base, run.due, before);
            let weighed = self.weights.of(run.rank, piece.total);
            let began = time + batch.cost;
            if !batch.joins(run.stream.seq, weighed, due, time, alone) {
                break;
            }
            self.pop(pool);
            self.begin(lane, piece, before, began)?;
            members += 1;
        }
        Ok(time + batch.cost)
    }

    fn pop(&mut self, pool: usize) {
        self.ready.get_mut(pool).map(BinaryHeap::pop);
    }

    /// A segment begins; fails if somebody would wait for it.
    fn begin(&mut self, lane: u32, piece: Piece, before: Micros, time: Micros) -> Result<(), Miss> {
        let Some(held) = self.lanes.get_mut(index(lane)) else { return Ok(()) };
        (held.next, held.key) = (held.next + 1, 0);
        let (number, is_tail) = (index(held.run), held.lane == TAIL);
        let Some(run) = self.runs.get_mut(number) else { return Ok(()) };
        self.left -= usize::from(!is_tail);
        let met = Met { before, audio: piece.audio, first: time + piece.first, end: time + piece.total };
        let missed = run.checked && met.is_late(run.base + before, run.due);
        if run.begins {
            if before == Micros::ZERO {
                self.heard.push(Reverse((met.first, held.run)));
            }
            run.need = run.need.max(met.needs());
        }
        if self.watched == Some(number) {
            self.met.push(met);
        }
        if missed {
            let Some(told) = &mut self.late else { return Err(Miss) };
            run.checked = false;
            told.push(run.stream.seq);
        }
        self.expose(lane, time);
        Ok(())
    }
}
