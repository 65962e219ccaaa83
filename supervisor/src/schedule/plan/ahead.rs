//! A launch that a worker takes in shortly before it has ended the one before it.
//!
//! An engine whose device computes by itself can lay the next launch out meanwhile, so that the device has no pause
//! between the two. The price is that who comes in these few milliseconds waits for that launch too. So it goes to the
//! worker as late as is early enough; what is left of the one before and all of it are together no longer than one
//! segment may be; and it goes only if nobody waits for audio then who would not otherwise. An idle worker never waits
//! for anything, and what is admitted later counts with both.

use super::{
    Board, Launch, Micros, StreamId, WorkerIndex, board::Presence, forward::Play, launch::Batch, pause::Hold,
    probe::NOBODY, stream::Stage,
};

/// How long before its worker is expected to be free a launch is given to it, at least: the way there and laying it out
/// take some milliseconds.
const LEAD: Micros = Micros::ms(12);
/// This part of what the worker speaks is lead too: it is expected to take as long as it may well take, and is mostly
/// done before.
const EARLIER: i64 = 3;

/// What a worker speaks when it has ended what it speaks now.
#[derive(Clone, Debug)]
pub(super) struct Behind {
    members: Vec<(StreamId, usize)>,
    cost: Micros,
    /// Whether nobody listens to any of it, and to any of what is spoken now.
    is_batch: bool,
    was_batch: bool,
}

/// A worker that something waits for.
struct NearlyFree {
    worker: WorkerIndex,
    /// From then on it may get that.
    look: Micros,
    /// When it should be free.
    until: Micros,
}

impl Board {
    /// Whether a worker takes the next launch in while it speaks.
    pub fn works_ahead(&mut self, worker: WorkerIndex, ahead: bool) {
        if self.ahead.len() <= worker {
            self.ahead.resize(worker + 1, false);
        }
        if let Some(place) = self.ahead.get_mut(worker) {
            *place = ahead;
        }
    }

    /// A launch for a worker that is nearly free.
    pub(super) fn next_ahead(&mut self, now: Micros) -> Option<Launch> {
        // Nobody knows when one is free that takes longer than was expected.
        let is_now = |nearly: &NearlyFree| nearly.look <= now && nearly.until + LEAD >= now;
        let nearly_free: Vec<_> = self.nearly_free().filter(is_now).collect();
        nearly_free
            .into_iter()
            .find_map(|nearly| self.launch_ahead(nearly.worker, nearly.until.max(now), now))
    }

    /// When to look whether a worker is nearly free that something waits for.
    pub fn next_look_ahead(&self, now: Micros) -> Option<Micros> {
        self.nearly_free().map(|nearly| nearly.look).filter(|look| *look > now).min()
    }

    /// Workers that could take something in that waits.
    fn nearly_free(&self) -> impl Iterator<Item = NearlyFree> {
        self.workers.iter().enumerate().filter_map(|(worker, presence)| match presence {
            Presence::Busy { until, cost, hold: Hold::Speaks, behind: None, members, .. } => {
                let pool = self.floor.pool_of(worker);
                let takes = self.ahead.get(worker) == Some(&true) && self.floor.is_open(worker);
                let waits = || self.waiting.get(pool).is_some_and(|waiting| !waiting.is_empty());
                let is_alone = || members.iter().any(|member| *member == NOBODY || self.goes_alone(*member));
                let look = *until - LEAD.max(*cost / EARLIER);
                (takes && waits() && !is_alone()).then_some(NearlyFree { worker, look, until: *until })
            }
            _ => None,
        })
    }

    /// Whether a segment may have been what ended a worker, and has one for itself now.
    fn goes_alone(&self, (id, segment): (StreamId, usize)) -> bool {
        let stream = self.slots.get(id.slot).and_then(Option::as_ref).filter(|stream| stream.seq == id.seq);
        stream.and_then(|stream| stream.segments.get(segment)).is_some_and(|segment| segment.alone)
    }

    fn launch_ahead(&mut self, worker: WorkerIndex, begins: Micros, now: Micros) -> Option<Launch> {
        let pool = self.floor.pool_of(worker);
        let head = self.waiting.get(pool)?.first().copied()?;
        self.expose(head.slot, now);
        // A reader that pauses has made its segment less urgent: others are looked at another time.
        if self.waiting.get(pool)?.first() != Some(&head) || !self.would_be_next(worker) {
            return None;
        }
        let stream = self.slots.get(head.slot)?.as_ref()?;
        let first = stream.segments.get(stream.lanes.get(head.lane)?.head()?)?;
        let longest = self.rules.target / 2 - (begins - now);
        if first.alone || first.piece.total > longest {
            return None;
        }
        let late = Play::of(self, now).survey().late;
        let mut batch = Batch::new(longest);
        let members = self.gather(pool, begins, now, &mut batch);
        let before = self.workers.get(worker).cloned()?;
        if let Some(Presence::Busy { until, members: all, is_batch, behind, .. }) =
            self.workers.get_mut(worker)
        {
            *until = begins + batch.cost;
            all.extend(&members);
            *behind = Some(Behind {
                members: members.clone(),
                cost: batch.cost,
                is_batch: batch.for_nobody,
                was_batch: *is_batch,
            });
            *is_batch &= batch.for_nobody;
        }
        if !self.nobody_waits(&late, now) {
            if let Some(presence) = self.workers.get_mut(worker) {
                *presence = before;
            }
            self.take_back(&members, now);
            return None;
        }
        Some(Launch { worker, members, is_ahead: true })
    }

    /// Whether a worker would get the most urgent segment that its pool has if it were free now.
    fn would_be_next(&self, worker: WorkerIndex) -> bool {
        let mut floor = self.floor.clone();
        floor.vacate(worker);
        floor.add(worker);
        floor.pick(|pool| self.due_in(pool)) == Some((self.floor.pool_of(worker), worker))
    }

    /// A launch that was given ahead could not be given: its segments wait again.
    pub fn take_ahead_back(&mut self, worker: WorkerIndex, now: Micros) {
        let presence = self.workers.get_mut(worker);
        let Some(Presence::Busy { until, members, behind, is_batch, .. }) = presence else { return };
        let Some(Behind { members: back, cost, was_batch, .. }) = behind.take() else { return };
        (*until, *is_batch) = (*until - cost, was_batch);
        members.retain(|member| !back.contains(member));
        self.take_back(&back, now);
    }

    /// One of several on a worker has ended. If it was the last of those that it had to end first, the others begin.
    pub(super) fn follow(&mut self, worker: WorkerIndex, ended: (StreamId, usize), now: Micros) {
        let presence = self.workers.get_mut(worker);
        let Some(Presence::Busy { until, cost, members, is_batch, hold, behind: place }) = presence else {
            return;
        };
        let Some(behind) = place else { return };
        behind.members.retain(|member| *member != ended);
        if behind.members.is_empty() {
            (*until, *is_batch) = (*until - behind.cost, behind.was_batch);
            if let Hold::Paused { left } = hold {
                *left -= behind.cost;
            }
            *place = None;
        } else if behind.members.len() == members.len() {
            let later = now + behind.cost - *until;
            *until += later;
            (*cost, *is_batch) = (behind.cost, behind.is_batch);
            if let Hold::Paused { left } = hold {
                *left = behind.cost;
            }
            let begun = std::mem::take(&mut behind.members);
            *place = None;
            for (id, segment) in begun {
                let segment = self.stream_mut(id).and_then(|stream| stream.segments.get_mut(segment));
                if let Some(Stage::Running { until }) = segment.map(|segment| &mut segment.stage) {
                    *until += later;
                }
            }
        }
    }
}
