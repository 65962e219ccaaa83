//! The state of the plan, and what each fact does to it.

use std::collections::BTreeSet;

use super::{
    Micros, WorkerIndex,
    ahead::Behind,
    begin::Expected,
    comeback::LastPlace,
    fairness::Holds,
    floor::{Floor, Layout, Seat},
    pause::Hold,
    stream::{Key, Kind, Piece, Rank, Stage, Stream},
};
use crate::speech::Priority;

/// What the plan promises, and within which bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Longest time to first audio for whoever listens, where the engine is fast enough for it.
    pub target: Micros,
    /// How long a whole answer may take, and how long anybody waits for an engine that is coming up.
    pub patience: Micros,
    /// Most audio that is made ahead of a reader.
    pub buffer: Micros,
    /// Share of all capacity that interactive work leaves to batch work, from 0 to below 1.
    pub batch_share: f64,
    /// Most streams at once.
    pub most_streams: usize,
    /// Most audio that may be held for all of them, in bytes.
    pub most_bytes: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            target: Micros::ms(300),
            patience: Micros::s(30),
            buffer: Micros::s(20),
            batch_share: 0.0,
            most_streams: 256,
            most_bytes: 256 << 20,
        }
    }
}

/// Names a stream on the board, and never another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId {
    pub(super) slot: usize,
    pub(super) seq: u64,
}

impl StreamId {
    /// For streams that are on no board.
    pub(crate) fn numbered(seq: u64) -> Self {
        Self { slot: 0, seq }
    }
}

/// How a segment came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All of its audio, this long.
    Spoken(Micros),
    /// Not at all, and it will not be tried again.
    Failed,
    /// Not at all, and it waits for another try, under the deadline that it had.
    Again {
        /// In a launch of its own.
        alone: bool,
    },
}

/// What a worker was speaking when it was lost.
pub type Lost = Vec<(StreamId, usize)>;

/// What a worker does.
#[derive(Clone, Debug)]
pub(super) enum Presence {
    /// Waiting for work.
    Free,
    /// Speaking until about this moment.
    Busy {
        until: Micros,
        /// Of what it speaks now.
        cost: Micros,
        members: Vec<(StreamId, usize)>,
        /// Nobody listens to any of it.
        is_batch: bool,
        hold: Hold,
        /// Those of the members that it begins with when it has ended the others.
        behind: Option<Behind>,
    },
    /// Not there; expected back at this moment, if at all.
    Away { back: Option<Micros> },
}

/// Segments that wait, by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Somebody listens.
    pub interactive: usize,
    /// Nobody does.
    pub batch: usize,
}

/// Every stream and every worker.
#[derive(Clone, Debug)]
pub struct Board {
    pub(super) rules: Rules,
    pub(super) floor: Floor,
    pub(super) workers: Vec<Presence>,
    /// Most syntheses in one launch, by pool.
    pub(super) batch: Vec<usize>,
    /// Which workers take the next launch in while they speak.
    pub(super) ahead: Vec<bool>,
    pub(super) slots: Vec<Option<Stream>>,
    vacant: Vec<usize>,
    pub(super) streams: usize,
    pub(super) next_seq: u64,
    /// What could be given to a worker now, by pool.
    pub(super) waiting: Vec<BTreeSet<Key>>,
    pub(super) holds: Holds,
    pub(super) last_place: LastPlace,
    /// When those will begin who have yet to, as it was counted with last.
    pub(super) expected: Expected,
    pub(super) bytes: u64,
    /// Workers that were asked to pause, and have to be told that it is over.
    pub(super) owed: Vec<WorkerIndex>,
    /// Until when the share of batch work is given away.
    pub(super) batch_until: Micros,
    next_listener: u32,
}

impl Board {
    /// Lets streams in by other rules from now on. Those that are on the board keep what they were promised; so the
    /// buffer stays, by which they may have been told to begin later.
    pub fn adopt(&mut self, rules: &Rules) {
        self.rules = Rules { buffer: self.rules.buffer, ..rules.clone() };
    }

    /// A board on which every worker has yet to appear.
    pub fn new(layout: &Layout, rules: Rules) -> Self {
        let floor = Floor::new(layout);
        Self {
            rules,
            workers: vec![Presence::Away { back: None }; floor.workers()],
            batch: vec![1; floor.pools()],
            ahead: Vec::new(),
            slots: Vec::new(),
            vacant: Vec::new(),
            streams: 0,
            next_seq: 0,
            waiting: vec![BTreeSet::new(); floor.pools()],
            holds: Holds::default(),
            last_place: LastPlace::default(),
            expected: Expected::default(),
            bytes: 0,
            owed: Vec::new(),
            batch_until: Micros::ZERO,
            next_listener: 0,
            floor,
        }
    }

    /// Streams on the board.
    pub fn streams(&self) -> usize {
        self.streams
    }

    /// Bytes of audio that are promised to streams.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Segments that wait, for a worker or for room in their stream's buffer.
    pub fn waiting(&self) -> Waiting {
        let mut waiting = Waiting::default();
        for stream in self.slots.iter().flatten() {
            let count = stream.lanes.iter().map(|lane| lane.segments.len() - lane.next).sum::<usize>();
            match stream.class {
                Priority::Interactive => waiting.interactive += count,
                Priority::Batch => waiting.batch += count,
            }
        }
        waiting
    }

    /// How long all workers of a pool together are busy with what is admitted for them.
    pub fn demand(&self, pool: usize) -> Micros {
        let streams = self.slots.iter().flatten();
        let segments = streams.flat_map(|stream| &stream.segments);
        let left = segments.filter(|segment| segment.piece.pool == pool && segment.stage != Stage::Done);
        left.map(|segment| segment.piece.total).sum()
    }

    /// A worker is ready, and takes so many syntheses in one launch.
    pub fn worker_ready(&mut self, worker: WorkerIndex, batch: usize, now: Micros) {
        let pool = self.floor.pool_of(worker);
        if let Some(most) = self.batch.get_mut(pool) {
            *most = batch.max(1);
        }
        let is_open = self.floor.is_open(worker);
        let Some(presence) = self.workers.get_mut(worker) else { return };
        if is_open && matches!(presence, Presence::Away { .. }) {
            *presence = Presence::Free;
            self.floor.add(worker);
            self.reconsider(now);
        }
    }

    /// Whoever comes next in a worker's place computes there.
    pub fn moved(&mut self, worker: WorkerIndex, seat: Seat) {
        if matches!(self.workers.get(worker), Some(Presence::Away { .. })) {
            self.floor.relocate(worker, seat);
        }
    }

    /// A worker is gone; `back` tells when it is expected again, if it is. Tells what it was speaking.
    pub fn worker_lost(&mut self, worker: WorkerIndex, back: Option<Micros>, now: Micros) -> Lost {
        let back = back.filter(|_| self.floor.is_open(worker));
        let Some(presence) = self.workers.get_mut(worker) else { return Lost::new() };
        let before = std::mem::replace(presence, Presence::Away { back });
        let lost = match before {
            Presence::Free => {
                self.floor.remove(worker);
                Lost::new()
            }
            Presence::Busy { members, hold, .. } => {
                // Whoever takes its place was never asked to pause.
                if !matches!(hold, Hold::Paused { .. }) {
                    self.floor.vacate(worker);
                }
                members
            }
            Presence::Away { .. } => return Lost::new(),
        };
        self.reconsider(now);
        lost
    }

    /// When a worker that is not there is expected, if it is, has become clearer.
    pub fn expect(&mut self, worker: WorkerIndex, back: Option<Micros>) {
        let back = back.filter(|_| self.floor.is_open(worker));
        if let Some(presence @ Presence::Away { .. }) = self.workers.get_mut(worker) {
            *presence = Presence::Away { back };
        }
    }

    /// Demand over capacity: how much work a second is needed to have everybody's audio in time, over how much can
    /// be done; for each device, and in the end for the workers that take no share of any.
    pub fn load(&self, now: Micros) -> Vec<f64> {
        let rooms = self.floor.rooms();
        let is_there = |worker: WorkerIndex| !matches!(self.workers.get(worker), Some(Presence::Away { .. }));
        let shares: Vec<_> =
            (0..self.floor.pools()).map(|pool| self.floor.rooms_of(pool, is_there)).collect();
        let mut demand = vec![0.0; rooms.len()];
        for stream in self.slots.iter().flatten() {
            let last = stream.segments.iter().rev().find(|segment| segment.stage != Stage::Done);
            let until = last.map_or(now, |last| stream.deadline(last.before).max(now + last.piece.total));
            let time = (until - now).to_ms().max(1.0);
            for segment in stream.segments.iter().filter(|segment| segment.stage != Stage::Done) {
                for (room, slots) in shares.get(segment.piece.pool).into_iter().flatten() {
                    if let Some(demand) = demand.get_mut(*room) {
                        *demand += segment.piece.total.to_ms() * slots / time;
                    }
                }
            }
        }
        demand.iter().zip(rooms).map(|(demand, room)| if room > 0.0 { demand / room } else { 0.0 }).collect()
    }

    /// A segment came to its end on a worker, which is free again once that was its last.
    pub fn ended(&mut self, worker: WorkerIndex, id: StreamId, segment: usize, ended: Ended, now: Micros) {
        if let Some(Presence::Busy { members, hold, .. }) = self.workers.get_mut(worker) {
            members.retain(|member| *member != (id, segment));
            if members.is_empty() {
                let hold = *hold;
                self.released(worker, hold);
                self.floor.add(worker);
                let is_open = self.floor.is_open(worker);
                if let Some(presence) = self.workers.get_mut(worker) {
                    *presence = if is_open { Presence::Free } else { Presence::Away { back: None } };
                }
            } else {
                self.follow(worker, (id, segment), now);
            }
        }
        let Some(stream) = self.stream_mut(id) else { return };
        let again = match ended {
            Ended::Spoken(audio) => {
                stream.done(segment, audio);
                false
            }
            Ended::Failed => {
                stream.done(segment, Micros::ZERO);
                false
            }
            Ended::Again { alone } => {
                if let Some(segment) = stream.segments.get_mut(segment) {
                    segment.alone |= alone;
                }
                stream.take_back(segment)
            }
        };
        self.expose(id.slot, now);
        if again {
            // There is more to do than was counted on.
            self.reconsider(now);
        }
    }

    /// A listener took audio of this length; `waited`: it was there before the audio was.
    pub fn read(&mut self, id: StreamId, listener: u32, audio: Micros, waited: bool, now: Micros) {
        if let Some(stream) = self.stream_mut(id) {
            let (base, before) = (stream.base(), stream.listeners.clone());
            stream.read(listener, audio, waited, now);
            if stream.base() > base {
                self.keep_clocks_if_needed(id.slot, &before, now);
            }
            self.expose(id.slot, now);
        }
    }

    /// More text has come for a stream whose text is still arriving. One that had run dry begins anew.
    pub fn append(&mut self, id: StreamId, pieces: &[Piece], now: Micros) {
        let Some(stream) = self.stream_mut(id) else { return };
        let end = stream.audio();
        let idle = stream.segments.iter().all(|segment| segment.stage == Stage::Done);
        let latest = now + stream.target - end;
        for listener in &mut stream.listeners {
            if let Kind::Live { base, plays } = &mut listener.kind
                && idle
                && *base + end < now
            {
                (*base, *plays) = (latest, false);
            }
        }
        stream.append(pieces);
        self.expose(id.slot, now);
    }

    /// No more text will come.
    pub fn close(&mut self, id: StreamId) {
        if let Some(stream) = self.stream_mut(id) {
            stream.open = None;
        }
    }

    /// A listener goes away. With the last one its stream goes too, and true is told: whatever of it is running is to
    /// be cancelled.
    pub fn leave(&mut self, id: StreamId, listener: u32, now: Micros) -> bool {
        let Some(stream) = self.stream_mut(id) else { return false };
        stream.listeners.retain(|other| other.id != listener);
        if stream.listeners.is_empty() {
            self.remove(id, now);
            return true;
        }
        self.expose(id.slot, now);
        false
    }

    /// A stream is over, whoever listens.
    pub fn remove(&mut self, id: StreamId, now: Micros) {
        if self.stream_mut(id).is_none() {
            return;
        }
        if let Some(stream) = self.slots.get_mut(id.slot).and_then(Option::take) {
            for key in stream.lanes.iter().filter_map(|lane| lane.key.map(|key| (lane.pool, key))) {
                self.waiting.get_mut(key.0).map(|waiting| waiting.remove(&key.1));
            }
            self.vacant.push(id.slot);
            self.streams -= 1;
            self.bytes -= stream.bytes;
            if self.slots.iter().flatten().any(|stream| stream.rank == Rank::Behind) {
                self.reconsider(now);
            }
        }
    }

    pub(super) fn stream_mut(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.slots.get_mut(id.slot)?.as_mut().filter(|stream| stream.seq == id.seq)
    }

    pub(super) fn insert(&mut self, stream: Stream, now: Micros) -> StreamId {
        let seq = stream.seq;
        self.next_seq = self.next_seq.max(seq + 1);
        self.streams += 1;
        self.bytes += stream.bytes;
        let slot = self.vacant.pop().unwrap_or(self.slots.len());
        if slot == self.slots.len() {
            self.slots.push(Some(stream));
        } else if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(stream);
        }
        self.expose(slot, now);
        StreamId { slot, seq }
    }

    pub(super) fn listener_id(&mut self) -> u32 {
        self.next_listener = self.next_listener.wrapping_add(1);
        self.next_listener
    }

    /// Brings a stream's waiting segments to where they belong now: by their deadlines, and out of the way while
    /// there is no room in its buffer.
    pub(super) fn expose(&mut self, slot: usize, now: Micros) {
        let buffer = self.rules.buffer;
        let Some(Some(stream)) = self.slots.get_mut(slot) else { return };
        if stream.is_paused(now) {
            let before = stream.listeners.clone();
            stream.notice_pause(now);
            self.keep_clocks_if_needed(slot, &before, now);
        }
        let Some(Some(stream)) = self.slots.get_mut(slot) else { return };
        let (base, due, seq, rank) = (stream.base(), stream.due(), stream.seq, stream.rank);
        let keys: Vec<Option<Key>> = stream
            .lanes
            .iter()
            .enumerate()
            .map(|(lane, held)| {
                let segment = stream.segments.get(held.head()?)?;
                let deadline = super::stream::deadline(base, due, segment.before);
                stream.has_room(segment, buffer).then_some(Key { rank, deadline, seq, slot, lane })
            })
            .collect();
        for (lane, key) in stream.lanes.iter_mut().zip(keys) {
            if lane.key == key {
                continue;
            }
            let Some(waiting) = self.waiting.get_mut(lane.pool) else { continue };
            if let Some(old) = lane.key.take() {
                waiting.remove(&old);
            }
            waiting.extend(key);
            lane.key = key;
        }
    }
}
