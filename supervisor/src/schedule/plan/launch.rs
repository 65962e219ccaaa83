//! Giving free workers their next segments.

use super::{
    Board, Micros, StreamId, WorkerIndex,
    board::Presence,
    pause::Hold,
    stream::{Key, Rank, Stage},
};

/// A worker is to speak these, in one launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Who.
    pub worker: WorkerIndex,
    /// What: a stream and its segment's index; at least one.
    pub members: Vec<(StreamId, usize)>,
    /// It still speaks, and begins with these when it has ended that.
    pub is_ahead: bool,
}

impl Board {
    /// The next launch, if a free worker has something to speak, or one that takes it in ahead is nearly free. From then
    /// on it counts as running.
    pub fn next_launch(&mut self, now: Micros) -> Option<Launch> {
        loop {
            let Some((pool, worker, head)) = self.head() else { return self.next_ahead(now) };
            self.expose(head.slot, now);
            // A reader that pauses has made its segment less urgent: then another may be the most urgent one.
            if self.waiting.get(pool)?.first() != Some(&head) {
                continue;
            }
            return Some(self.launch(pool, worker, now));
        }
    }

    fn launch(&mut self, pool: usize, worker: WorkerIndex, now: Micros) -> Launch {
        let mut batch = Batch::new(self.rules.target / 2);
        let members = self.gather(pool, now, now, &mut batch);
        self.floor.take(worker);
        if let Some(presence) = self.workers.get_mut(worker) {
            *presence = Presence::Busy {
                until: now + batch.cost,
                cost: batch.cost,
                members: members.clone(),
                is_batch: batch.for_nobody,
                hold: Hold::Speaks,
                behind: None,
            };
        }
        Launch { worker, members, is_ahead: false }
    }

    /// Takes the most urgent segments of a pool into a launch that begins at a moment.
    pub(super) fn gather(
        &mut self,
        pool: usize,
        begins: Micros,
        now: Micros,
        batch: &mut Batch,
    ) -> Vec<(StreamId, usize)> {
        let most = self.batch.get(pool).copied().unwrap_or(1);
        let mut members = Vec::new();
        while members.len() < most {
            let Some(head) = self.waiting.get(pool).and_then(|waiting| waiting.first().copied()) else {
                break;
            };
            let Some(member) = self.take(head, pool, begins, batch) else { break };
            self.expose(head.slot, now);
            members.push(member);
        }
        members
    }

    /// Takes a waiting segment into a launch, if it fits there.
    fn take(
        &mut self,
        head: Key,
        pool: usize,
        begins: Micros,
        batch: &mut Batch,
    ) -> Option<(StreamId, usize)> {
        let stream = self.slots.get_mut(head.slot)?.as_mut()?;
        let lane = stream.lanes.get_mut(head.lane)?;
        let index = lane.head()?;
        let segment = stream.segments.get_mut(index)?;
        batch.for_nobody &= head.rank == Rank::Batch;
        if !batch.joins(head.seq, segment.piece.total, head.deadline, begins, segment.alone) {
            return None;
        }
        segment.stage = Stage::Running { until: begins + batch.cost };
        lane.next += 1;
        lane.key = None;
        self.waiting.get_mut(pool)?.remove(&head);
        Some((StreamId { slot: head.slot, seq: head.seq }, index))
    }

    /// A launch could not be given to its worker: its segments wait again.
    pub fn take_back(&mut self, members: &[(StreamId, usize)], now: Micros) {
        for &(id, index) in members {
            if self.stream_mut(id).is_some_and(|stream| stream.take_back(index)) {
                self.expose(id.slot, now);
            }
        }
    }
}

/// Syntheses that go to a worker together. The most urgent one always goes; others join it if all of them are still in
/// time then, and if the launch does not keep everybody else waiting for longer than one segment may. No two are of one
/// stream: the first would only come later for the second, which is not needed yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    pub(super) cost: Micros,
    /// Nobody listens to any of them.
    pub(super) for_nobody: bool,
    earliest: Micros,
    longest: Micros,
    streams: [u64; LOOKED_AT],
    count: usize,
    /// The one that is in it goes alone.
    is_closed: bool,
}

/// Of more than so many syntheses in a launch some may be of one stream; no engine takes that many.
const LOOKED_AT: usize = 8;

impl Batch {
    pub(super) fn new(longest: Micros) -> Self {
        let (cost, earliest) = (Micros::ZERO, Micros::NEVER);
        let streams = [0; LOOKED_AT];
        Self { cost, for_nobody: true, earliest, longest, streams, count: 0, is_closed: false }
    }

    pub(super) fn joins(
        &mut self,
        stream: u64,
        cost: Micros,
        deadline: Micros,
        now: Micros,
        alone: bool,
    ) -> bool {
        let (together, earliest) = (self.cost + cost, self.earliest.min(deadline));
        let is_first = self.count == 0;
        if !is_first
            && (alone
                || self.is_closed
                || together > self.longest
                || now + together > earliest
                || self.streams.iter().take(self.count).any(|other| *other == stream))
        {
            return false;
        }
        if let Some(place) = self.streams.get_mut(self.count) {
            *place = stream;
        }
        self.count += 1;
        self.is_closed |= alone;
        (self.cost, self.earliest) = (together, earliest);
        true
    }
}
