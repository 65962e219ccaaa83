//! Playing the schedule forward: what will happen from now on if every cost is as expected and nobody else comes.
//!
//! It follows the same rule as the real thing ([`Floor::pick`], the same keys, the same launches), so under exact
//! costs it *is* what will happen. What it cannot know is how fast readers read, which decides when their buffers have
//! room: all of them play in real time, or all of them take at once whatever is there. Streams begin with their first
//! audio, as [`begin`](super::begin) has it when all is as expected.

mod parts;

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{
    Board, Micros, WorkerIndex,
    begin::Expected,
    board::Presence,
    floor::Floor,
    launch::Batch,
    pause::{Hold, STEP},
    stream::{Piece, Rank, Stage, Stream, deadline},
};

pub(super) use parts::{Guest, Met, Miss, Weights};

/// What is to be played.
pub(super) struct Play<'s> {
    floor: Floor,
    batch: &'s [usize],
    buffer: Micros,
    longest_launch: Micros,
    now: Micros,
    weights: Weights,
    runs: Vec<Run<'s>>,
    lanes: Vec<LaneRun>,
    ready: Vec<BinaryHeap<Reverse<u128>>>,
    /// Lanes that wait for room in a buffer, or for their stream to come.
    later: BinaryHeap<Reverse<(Micros, u32)>>,
    busy: BinaryHeap<Reverse<(Micros, WorkerIndex)>>,
    /// Streams whose first audio will be there.
    heard: BinaryHeap<Reverse<(Micros, u32)>>,
    /// Segments that are known and not yet begun.
    left: usize,
    /// Streams whose text is still arriving are followed at least until then.
    horizon: Micros,
    /// The stream whose segments are written down, and when each is met.
    watched: Option<usize>,
    /// Readers take at once what is there.
    is_eager: bool,
    /// Nobody begins before it was expected to.
    expected: Option<&'s Expected>,
    /// Who began, and when.
    pub(super) begun: Vec<(u64, Micros)>,
    /// Streams that would wait for audio, if they are to be told and not to end the play.
    late: Option<Vec<u64>>,
    /// Somebody's buffer was full.
    pub(super) was_full: bool,
    pub(super) met: Vec<Met>,
}

/// A stream in this play.
struct Run<'s> {
    stream: &'s Stream,
    rank: Rank,
    base: Micros,
    due: Micros,
    read: Micros,
    /// Somebody has yet to begin to play it.
    begins: bool,
    /// What went to workers needs it to begin no earlier than this.
    need: Micros,
    /// Its lanes: the first, and behind the last.
    lanes: (usize, usize),
    /// Whether a miss of it counts.
    checked: bool,
}

/// A lane in this play. Behind the known segments of a stream whose text is still arriving, it goes on without end.
struct LaneRun {
    run: u32,
    lane: u32,
    next: u32,
    key: u128,
}

/// Lane of the text that has yet to arrive.
const TAIL: u32 = u32::MAX;

impl<'s> Play<'s> {
    /// From the board as it is now.
    pub(super) fn of(board: &'s Board, now: Micros) -> Self {
        Self::ranked(board, now, |stream| Some(stream.rank))
    }

    /// The same, with those streams alone that `rank` gives a rank.
    pub(super) fn ranked(board: &'s Board, now: Micros, rank: impl Fn(&Stream) -> Option<Rank>) -> Self {
        let mut play = Self::empty(board, now);
        for (worker, presence) in board.workers.iter().enumerate() {
            match presence {
                // One that takes longer than was expected is expected to take as long again.
                Presence::Busy { until, is_batch, hold, .. } => {
                    let until = (*until).max(now + now - *until);
                    play.still_busy(worker, until, *is_batch, *hold);
                }
                // Numbers beyond the last worker's: who comes back has no room to give back.
                Presence::Away { back: Some(back) } => {
                    play.busy.push(Reverse(((*back).max(now), worker + board.workers.len())));
                }
                Presence::Free | Presence::Away { back: None } => {}
            }
        }
        for stream in board.slots.iter().flatten() {
            if let Some(rank) = rank(stream) {
                play.add(stream, rank, Micros::ZERO, now);
            }
        }
        play
    }

    /// On a machine with nothing else to do, every worker being there and nobody's buffer being full.
    pub(super) fn idle(board: &'s Board, now: Micros) -> Self {
        let mut play = Self { is_eager: true, ..Self::empty(board, now) };
        for (worker, presence) in board.workers.iter().enumerate() {
            match presence {
                Presence::Free => {}
                Presence::Busy { hold, .. } => {
                    if !matches!(hold, Hold::Paused { .. }) {
                        play.floor.vacate(worker);
                    }
                    play.floor.add(worker);
                }
                Presence::Away { .. } => play.floor.add(worker),
            }
        }
        play
    }

    fn empty(board: &'s Board, now: Micros) -> Self {
        Self {
            floor: board.floor.clone(),
            batch: &board.batch,
            buffer: board.rules.buffer,
            longest_launch: board.rules.target / 2,
            now,
            weights: Weights::default(),
            runs: Vec::with_capacity(board.streams + 1),
            lanes: Vec::with_capacity(board.streams + 1),
            ready: (0..board.floor.pools()).map(|_| BinaryHeap::new()).collect(),
            later: BinaryHeap::new(),
            busy: BinaryHeap::new(),
            heard: BinaryHeap::new(),
            expected: None,
            begun: Vec::new(),
            left: 0,
            horizon: now,
            watched: None,
            is_eager: false,
            late: None,
            was_full: false,
            met: Vec::new(),
        }
    }

    /// Readers take at once what is there.
    pub(super) fn eager(mut self) -> Self {
        self.is_eager = true;
        self.runs.iter_mut().for_each(|run| run.read = Micros::NEVER);
        self.later.clear();
        self.ready.iter_mut().for_each(BinaryHeap::clear);
        for lane in 0..self.lanes.len() {
            self.expose(u32::try_from(lane).unwrap_or(u32::MAX), self.now);
        }
        self
    }

    /// Nobody begins before it was expected to.
    pub(super) fn no_sooner(mut self, expected: &'s Expected) -> Self {
        self.expected = Some(expected);
        self
    }

    /// Nobody is to blame for these streams being late: they would be in any case.
    pub(super) fn excuse(mut self, late: &[u64]) -> Self {
        for run in &mut self.runs {
            run.checked &= !late.contains(&run.stream.seq);
        }
        self
    }

    /// Plays to the end, and tells which streams would wait for audio.
    pub(super) fn late(mut self) -> Vec<u64> {
        self.late = Some(Vec::new());
        // Nobody who is late ends it.
        let (Ok(_) | Err(Miss)) = self.run();
        self.late.unwrap_or_default()
    }

    /// Work counts for so many times its cost.
    pub(super) fn weigh(mut self, weights: Weights) -> Self {
        self.weights = weights;
        self
    }

    /// Adds a stream that is not on the board.
    pub(super) fn invite(mut self, guest: Guest<'s>) -> Self {
        self.add(guest.stream, guest.stream.rank, guest.shift, guest.arrives);
        self
    }

    /// Adds a stream that is not on the board, to write down when its segments are met, be it in time or not.
    pub(super) fn watch(mut self, guest: Guest<'s>) -> Self {
        self.watched = Some(self.runs.len());
        self.add(guest.stream, Rank::Behind, guest.shift, guest.arrives);
        self
    }

    /// Plays to the end, unless somebody would wait for audio. Tells when the last segment has ended.
    pub(super) fn run(&mut self) -> Result<Micros, Miss> {
        let (mut time, mut end) = (self.now, self.now);
        loop {
            while let Some((pool, worker)) = self.floor.pick(|pool| Some(self.ready.get(pool)?.peek()?.0)) {
                let until = self.launch(pool, time)?;
                if until > time {
                    self.floor.take(worker);
                    self.busy.push(Reverse((until, worker)));
                    end = end.max(until);
                }
            }
            if self.left == 0 && time >= self.horizon {
                return Ok(end);
            }
            let next = [
                self.busy.peek().map(|next| next.0.0),
                self.later.peek().map(|next| next.0.0),
                self.heard.peek().map(|next| next.0.0),
            ];
            let Some(next) = next.into_iter().flatten().min() else { return Ok(end) };
            time = next;
            while let Some(&Reverse((when, worker))) = self.busy.peek().filter(|next| next.0.0 <= time) {
                debug_assert!(when <= time);
                self.busy.pop();
                self.free(worker);
            }
            while let Some(Reverse((_, run))) = self.heard.peek().filter(|next| next.0.0 <= time).copied() {
                self.heard.pop();
                self.is_heard(index(run), time);
            }
            while let Some(Reverse((_, lane))) = self.later.peek().filter(|next| next.0.0 <= time).copied() {
                self.later.pop();
                self.expose(lane, time);
            }
        }
    }

    /// A worker that speaks already. If nobody listens to that, its device is free at its next step for those who do.
    fn still_busy(&mut self, worker: WorkerIndex, until: Micros, is_batch: bool, hold: Hold) {
        let workers = self.floor.workers();
        let makes_room = is_batch && self.floor.device_of(worker).is_some() && until - self.now > STEP;
        match hold {
            Hold::Paused { left } => self.busy.push(Reverse((self.now + left, worker + workers))),
            _ if makes_room => {
                self.busy.push(Reverse((self.now + STEP, worker + 2 * workers)));
                self.busy.push(Reverse((until, worker + workers)));
            }
            _ => self.busy.push(Reverse((until, worker))),
        }
    }

    /// A worker is free again, and its device with it. Beyond the last worker's number: the worker alone, which had
    /// no room to give back; and beyond that again: the room alone.
    fn free(&mut self, worker: WorkerIndex) {
        let workers = self.floor.workers();
        match (worker / workers.max(1), worker % workers.max(1)) {
            (0, worker) => {
                self.floor.vacate(worker);
                self.floor.add(worker);
            }
            (1, worker) => self.floor.add(worker),
            (_, worker) => self.floor.vacate(worker),
        }
    }

    fn add(&mut self, stream: &'s Stream, rank: Rank, shift: Micros, arrives: Micros) {
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
    fn expose(&mut self, lane: u32, time: Micros) {
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
    fn launch(&mut self, pool: usize, time: Micros) -> Result<Micros, Miss> {
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

    /// What runs already of a stream that has yet to begin.
    fn will_be_heard(&mut self, run: &mut Run<'s>) {
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

    /// A stream's first audio is there: it begins as soon as it can, as [`Stream::could_begin`] has it.
    fn is_heard(&mut self, number: usize, time: Micros) {
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

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
