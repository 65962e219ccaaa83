//! Who decides: our plan, or the plain queue that it is compared with.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::schedule::plan::{
    Admitted, Board, Ended, Launch, Layout, Lost, Micros, Offer, Rejection, StreamId, WorkerIndex,
};

/// What the world asks of whoever decides.
pub trait Discipline {
    /// A request comes.
    fn admit(&mut self, offer: &Offer, now: Micros) -> Result<Admitted, Rejection>;
    /// What a free worker is to speak next.
    fn next_launch(&mut self, now: Micros) -> Option<Launch>;
    /// When to look again, if nothing happens until then.
    fn next_look(&self, _now: Micros) -> Option<Micros> {
        None
    }
    /// A segment has ended.
    fn ended(&mut self, worker: WorkerIndex, id: StreamId, segment: usize, ended: Ended, now: Micros);
    /// A stream's first audio is there: when its listeners may have it.
    fn begin(&mut self, id: StreamId, now: Micros) -> Micros;
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

    fn next_look(&self, now: Micros) -> Option<Micros> {
        self.next_look_ahead(now)
    }

    fn ended(&mut self, worker: WorkerIndex, id: StreamId, segment: usize, ended: Ended, now: Micros) {
        Self::ended(self, worker, id, segment, ended, now);
    }

    fn begin(&mut self, id: StreamId, now: Micros) -> Micros {
        Self::begin(self, id, now)
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
    /// What each stream asks for when its segment has ended, where it asks for one after the other.
    later: Option<HashMap<StreamId, VecDeque<(usize, usize)>>>,
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
            later: None,
        }
    }

    /// The same, but a stream asks for its next segment when the one before has been spoken, as servers do that
    /// go through a text sentence by sentence.
    pub fn in_turns(layout: &Layout) -> Self {
        Self { later: Some(HashMap::new()), ..Self::new(layout) }
    }

    fn queue(&mut self, pool: usize, id: StreamId, segment: usize) {
        if let Some(queue) = self.queues.get_mut(pool) {
            queue.push_back((id, segment));
        }
    }
}

impl Discipline for FirstComeFirstServed {
    fn admit(&mut self, offer: &Offer, now: Micros) -> Result<Admitted, Rejection> {
        let id = StreamId::numbered(self.next);
        self.next += 1;
        let mut segments = offer.pieces.iter().map(|piece| piece.pool).enumerate();
        let at_once = if self.later.is_some() { 1 } else { offer.pieces.len() };
        segments.by_ref().take(at_once).for_each(|(segment, pool)| self.queue(pool, id, segment));
        if let Some(later) = &mut self.later {
            later.insert(id, segments.collect());
        }
        Ok(Admitted { id, listener: 0, promised: now })
    }

    fn next_launch(&mut self, _: Micros) -> Option<Launch> {
        for (queue, free) in self.queues.iter_mut().zip(&mut self.free) {
            while let (Some(member), Some(worker)) = (queue.front().copied(), free.last().copied()) {
                queue.pop_front();
                if !self.gone.contains(&member.0) {
                    free.pop();
                    return Some(Launch { worker, members: vec![member], is_ahead: false });
                }
            }
        }
        None
    }

    fn ended(&mut self, worker: WorkerIndex, id: StreamId, _: usize, _: Ended, _: Micros) {
        let pool = self.pool_of.get(worker).copied().unwrap_or(0);
        if let Some(free) = self.free.get_mut(pool) {
            free.push(worker);
        }
        let next = self.later.as_mut().and_then(|later| later.get_mut(&id)?.pop_front());
        if let Some((segment, pool)) = next {
            self.queue(pool, id, segment);
        }
    }

    fn begin(&mut self, _: StreamId, now: Micros) -> Micros {
        now
    }

    fn read(&mut self, _: StreamId, _: u32, _: Micros, _: bool, _: Micros) {}

    fn leave(&mut self, id: StreamId, _: u32, now: Micros) {
        self.remove(id, now);
    }

    fn remove(&mut self, id: StreamId, _: Micros) {
        self.gone.insert(id);
        self.later.as_mut().map(|later| later.remove(&id));
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
