//! Who decides: our plan, or the plain queue that it is compared with.

use std::collections::{HashSet, VecDeque};

use crate::schedule::plan::{
    Admitted, Board, Ended, Launch, Layout, Lost, Micros, Offer, Rejection, StreamId, WorkerIndex,
};

/// What the world asks of whoever decides.
pub trait Discipline {
    /// A request comes.
    fn admit(&mut self, offer: &Offer, now: Micros) -> Result<Admitted, Rejection>;
    /// What a free worker is to speak next.
    fn next_launch(&mut self, now: Micros) -> Option<Launch>;
    /// A segment has ended.
    fn ended(&mut self, worker: WorkerIndex, id: StreamId, segment: usize, ended: Ended, now: Micros);
    /// A listener took audio.
    fn read(&mut self, id: StreamId, listener: u32, audio: Micros, waited: bool, now: Micros);
    /// A listener is gone.
    fn leave(&mut self, id: StreamId, listener: u32, now: Micros);
    /// A stream is over.
    fn remove(&mut self, id: StreamId, now: Micros);
    /// A worker is there.
    fn worker_ready(&mut self, worker: WorkerIndex, now: Micros);
    /// A worker is not there until a moment.
    fn worker_lost(&mut self, worker: WorkerIndex, back: Micros, now: Micros) -> Lost;
}

impl Discipline for Board {
    fn admit(&mut self, offer: &Offer, now: Micros) -> Result<Admitted, Rejection> {
        Self::admit(self, offer, now)
    }

    fn next_launch(&mut self, now: Micros) -> Option<Launch> {
        Self::next_launch(self, now)
    }

    fn ended(&mut self, worker: WorkerIndex, id: StreamId, segment: usize, ended: Ended, now: Micros) {
        Self::ended(self, worker, id, segment, ended, now);
    }

    fn read(&mut self, id: StreamId, listener: u32, audio: Micros, waited: bool, now: Micros) {
        Self::read(self, id, listener, audio, waited, now);
    }

    fn leave(&mut self, id: StreamId, listener: u32, now: Micros) {
        Self::leave(self, id, listener, now);
    }

    fn remove(&mut self, id: StreamId, now: Micros) {
        Self::remove(self, id, now);
    }

    fn worker_ready(&mut self, worker: WorkerIndex, now: Micros) {
        Self::worker_ready(self, worker, 1, now);
    }

    fn worker_lost(&mut self, worker: WorkerIndex, back: Micros, now: Micros) -> Lost {
        Self::worker_lost(self, worker, Some(back), now)
    }
}

/// First come, first served: everybody is let in, and segments are spoken in the order in which their texts came.
/// Workers share no device here.
#[derive(Debug, Default)]
pub struct FirstComeFirstServed {
    queues: Vec<VecDeque<(StreamId, usize)>>,
    pool_of: Vec<usize>,
    free: Vec<Vec<WorkerIndex>>,
    gone: HashSet<StreamId>,
    next: u64,
}

impl FirstComeFirstServed {
    /// Over the workers of a layout, all of them being there.
    pub fn new(layout: &Layout) -> Self {
        let pools = layout.pools.iter().enumerate();
        let pool_of: Vec<usize> = pools.flat_map(|(pool, seats)| vec![pool; seats.len()]).collect();
        let free = (0..layout.pools.len()).map(|pool| {
            let own = pool_of.iter().enumerate().filter(|(_, other)| **other == pool);
            own.map(|(worker, _)| worker).collect()
        });
        Self {
            queues: vec![VecDeque::new(); layout.pools.len()],
            free: free.collect(),
            pool_of,
            gone: HashSet::new(),
            next: 0,
        }
    }
}

impl Discipline for FirstComeFirstServed {
    fn admit(&mut self, offer: &Offer, now: Micros) -> Result<Admitted, Rejection> {
        let id = StreamId::numbered(self.next);
        self.next += 1;
        for (segment, piece) in offer.pieces.iter().enumerate() {
            if let Some(queue) = self.queues.get_mut(piece.pool) {
                queue.push_back((id, segment));
            }
        }
        Ok(Admitted { id, listener: 0, promised: now, starts: None })
    }

    fn next_launch(&mut self, _: Micros) -> Option<Launch> {
        for (queue, free) in self.queues.iter_mut().zip(&mut self.free) {
            while let (Some(member), Some(worker)) = (queue.front().copied(), free.last().copied()) {
                queue.pop_front();
                if !self.gone.contains(&member.0) {
                    free.pop();
                    return Some(Launch { worker, members: vec![member] });
                }
            }
        }
        None
    }

    fn ended(&mut self, worker: WorkerIndex, _: StreamId, _: usize, _: Ended, _: Micros) {
        let pool = self.pool_of.get(worker).copied().unwrap_or(0);
        if let Some(free) = self.free.get_mut(pool) {
            free.push(worker);
        }
    }

    fn read(&mut self, _: StreamId, _: u32, _: Micros, _: bool, _: Micros) {}

    fn leave(&mut self, id: StreamId, _: u32, _: Micros) {
        self.gone.insert(id);
    }

    fn remove(&mut self, id: StreamId, _: Micros) {
        self.gone.insert(id);
    }

    fn worker_ready(&mut self, worker: WorkerIndex, now: Micros) {
        let nobody = StreamId::numbered(u64::MAX);
        self.ended(worker, nobody, 0, Ended::Failed, now);
    }

    fn worker_lost(&mut self, worker: WorkerIndex, _: Micros, _: Micros) -> Lost {
        self.free.iter_mut().for_each(|free| free.retain(|other| *other != worker));
        Lost::new()
    }
}
