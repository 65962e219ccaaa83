//! What the plan says about itself: what should have happened by now, if somebody did what it says.

use super::{
    Board, StreamId, WorkerIndex,
    board::Presence,
    stream::{Key, Rank},
};

impl Board {
    /// The most urgent segment that a free worker has room for.
    pub(super) fn head(&self) -> Option<(usize, WorkerIndex, Key)> {
        let (pool, worker) = self.floor.pick(|pool| self.due_in(pool))?;
        Some((pool, worker, self.due_in(pool)?))
    }

    /// The most urgent segment of a pool, if it may begin.
    pub(super) fn due_in(&self, pool: usize) -> Option<Key> {
        let head = self.waiting.get(pool)?.first().copied()?;
        (head.rank != Rank::Batch || !self.has_paused(pool)).then_some(head)
    }

    /// What [`next_launch`](Self::next_launch) would begin with: a stream, its segment, and who is to speak it.
    pub fn due(&self) -> Option<(StreamId, usize, WorkerIndex)> {
        let (_, worker, head) = self.head()?;
        let stream = self.slots.get(head.slot)?.as_ref()?;
        let segment = stream.lanes.get(head.lane)?.head()?;
        Some((StreamId { slot: head.slot, seq: head.seq }, segment, worker))
    }

    /// Who is taken to be speaking, and what.
    pub fn speaking(&self) -> impl Iterator<Item = (WorkerIndex, &[(StreamId, usize)])> {
        self.workers.iter().enumerate().filter_map(|(worker, presence)| match presence {
            Presence::Busy { members, .. } => Some((worker, members.as_slice())),
            Presence::Free | Presence::Away { .. } => None,
        })
    }
}
