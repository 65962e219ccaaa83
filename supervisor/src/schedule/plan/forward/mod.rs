//! Playing the schedule forward: what will happen from now on if every cost is as expected and nobody else comes.
//!
//! It follows the same rule as the real thing ([`Floor::pick`], the same keys, the same launches), so under exact
//! costs it *is* what will happen. What it cannot know is how fast readers read, which decides when their buffers have
//! room: all of them play in real time, or all of them take at once whatever is there. Streams begin with their first
//! audio, as [`begin`](super::begin) has it when all is as expected.

mod hearing;
mod parts;
mod queue;
mod workers;

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{
    Board, Micros, WorkerIndex,
    begin::Expected,
    floor::Floor,
    stream::{Rank, Stream},
};

pub(super) use parts::{Guest, Met, Miss, Survey, Weights};

/// What is to be played, and how far it is.
#[derive(Clone)]
pub(super) struct Play<'s> {
    floor: Floor,
    batch: &'s [usize],
    buffer: Micros,
    longest_launch: Micros,
    now: Micros,
    /// How far it is.
    time: Micros,
    /// When the last segment has ended that has begun.
    end: Micros,
    /// Somebody would wait for audio.
    is_over: bool,
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
#[derive(Clone)]
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
#[derive(Clone)]
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
        play.seat(board);
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
        play.seat_all(board);
        play
    }

    fn empty(board: &'s Board, now: Micros) -> Self {
        Self {
            floor: board.floor.clone(),
            batch: &board.batch,
            buffer: board.rules.buffer,
            longest_launch: board.rules.target / 2,
            now,
            time: now,
            end: now,
            is_over: false,
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

    /// Plays to the end, whoever would wait for audio.
    pub(super) fn survey(mut self) -> Survey {
        self.late = Some(Vec::new());
        // Nobody who is late ends it.
        let end = self.run().unwrap_or(Micros::NEVER);
        Survey { end, late: self.late.unwrap_or_default(), was_full: self.was_full }
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
        self.run_until(Micros::NEVER)?;
        Ok(self.end)
    }

    /// Plays on to a moment, unless somebody would wait for audio: what happens at that moment has yet to. Once somebody
    /// did, it is over.
    pub(super) fn run_until(&mut self, moment: Micros) -> Result<(), Miss> {
        if !self.is_over {
            self.is_over = true;
            self.go_on(moment)?;
            self.is_over = false;
            return Ok(());
        }
        Err(Miss)
    }

    fn go_on(&mut self, moment: Micros) -> Result<(), Miss> {
        loop {
            let time = self.time;
            while let Some((pool, worker)) = self.floor.pick(|pool| Some(self.ready.get(pool)?.peek()?.0)) {
                let until = self.launch(pool, time)?;
                if until > time {
                    self.floor.take(worker);
                    self.busy.push(Reverse((until, worker)));
                    self.end = self.end.max(until);
                }
            }
            if self.left == 0 && time >= self.horizon {
                return Ok(());
            }
            let next = [
                self.busy.peek().map(|next| next.0.0),
                self.later.peek().map(|next| next.0.0),
                self.heard.peek().map(|next| next.0.0),
            ];
            let Some(time) = next.into_iter().flatten().min().filter(|next| *next < moment) else {
                return Ok(());
            };
            self.time = time;
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
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
