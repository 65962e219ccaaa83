//! A world with a clock of its own: requests come, workers take the time that was written down for them, listeners
//! play and pause and leave, and a discipline decides. A day passes in seconds, the same each time.

mod listening;
mod request;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use super::{discipline::Discipline, player::Player};
use crate::schedule::plan::{Admitted, Ended, Launch, Micros, Rejection, StreamId, WorkerIndex};

pub use request::{Fate, Reader, Request, Spoken};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A segment has ended on a worker.
    Ended {
        worker: WorkerIndex,
        id: StreamId,
        segment: usize,
    },
    /// Its first audio can be heard.
    Heard {
        id: StreamId,
        segment: usize,
    },
    /// A listener comes for a segment.
    Read {
        id: StreamId,
        segment: usize,
    },
    Returns {
        worker: WorkerIndex,
    },
    Lost {
        worker: WorkerIndex,
        back: Micros,
    },
    Leaves {
        id: StreamId,
    },
    Arrives {
        request: usize,
    },
    /// Whoever decides looks again.
    Looks,
}

/// A stream that was let in.
struct Actor {
    request: usize,
    admitted: Admitted,
    /// When its audio may be heard, once the first of it is there.
    starts: Option<Micros>,
    player: Player,
    /// How much of the segments is there: when its first audio and all of it came.
    heard: Vec<Option<Micros>>,
    ended: Vec<Option<Micros>>,
    read: usize,
}

/// Requests, workers and a clock.
pub struct World<D> {
    /// Who decides.
    pub discipline: D,
    /// What became of each request.
    pub fates: Vec<Option<Fate>>,
    /// Every segment that was spoken.
    pub spoken: Vec<Spoken>,
    /// Most streams at once.
    pub most_streams: usize,
    /// How often whoever is refused comes back when it was told to, in whole seconds.
    pub most_returns: u32,
    /// How often somebody came back.
    pub came_back: usize,
    /// How often somebody came back and was let in.
    pub kept: usize,
    requests: Vec<Request>,
    /// How often those came back who were refused.
    returns: HashMap<usize, u32>,
    now: Micros,
    events: BinaryHeap<Reverse<(Micros, Event)>>,
    actors: HashMap<StreamId, Actor>,
    running: HashMap<WorkerIndex, Vec<(StreamId, usize)>>,
    /// What workers begin with when they have ended that.
    behind: HashMap<WorkerIndex, Vec<(StreamId, usize)>>,
    /// How soon a worker notices that nobody wants its segment any more.
    chunk: Micros,
}

impl<D: Discipline> World<D> {
    /// A world in which these requests will come.
    pub fn new(discipline: D, requests: Vec<Request>) -> Self {
        let events = requests
            .iter()
            .enumerate()
            .map(|(request, one)| Reverse((one.arrives, Event::Arrives { request })));
        Self {
            discipline,
            fates: vec![None; requests.len()],
            spoken: Vec::new(),
            most_streams: 0,
            most_returns: 0,
            came_back: 0,
            kept: 0,
            returns: HashMap::new(),
            events: events.collect(),
            requests,
            now: Micros::ZERO,
            actors: HashMap::new(),
            running: HashMap::new(),
            behind: HashMap::new(),
            chunk: Micros::ms(20),
        }
    }

    /// A worker will be lost, and come back later.
    pub fn lose(&mut self, worker: WorkerIndex, at: Micros, back: Micros) {
        self.events.push(Reverse((at, Event::Lost { worker, back })));
        self.events.push(Reverse((back, Event::Returns { worker })));
    }

    /// One more request.
    pub fn ask(&mut self, request: Request) -> usize {
        let number = self.requests.len();
        self.events.push(Reverse((request.arrives.max(self.now), Event::Arrives { request: number })));
        self.requests.push(request);
        self.fates.push(None);
        number
    }

    /// The present moment.
    pub fn now(&self) -> Micros {
        self.now
    }

    /// Streams that are being served.
    pub fn streams(&self) -> usize {
        self.actors.len()
    }

    /// Lets time pass until nothing more happens, or until a moment.
    pub fn run(&mut self, until: Micros) {
        while let Some(Reverse((when, _))) = self.events.peek().filter(|next| next.0.0 <= until) {
            self.now = *when;
            // Everything that happens at one moment happens before anybody decides.
            while let Some(Reverse((_, event))) =
                self.events.peek().filter(|next| next.0.0 <= self.now).copied()
            {
                self.events.pop();
                self.happen(event);
            }
            self.dispatch();
        }
        if until < Micros::NEVER {
            self.now = until;
        }
    }

    fn dispatch(&mut self) {
        while let Some(Launch { worker, members, is_ahead }) = self.discipline.next_launch(self.now) {
            if is_ahead {
                self.behind.insert(worker, members);
            } else {
                self.speak(worker, members);
            }
        }
        if let Some(look) = self.discipline.next_look(self.now) {
            self.events.push(Reverse((look, Event::Looks)));
        }
    }

    /// A worker begins.
    fn speak(&mut self, worker: WorkerIndex, members: Vec<(StreamId, usize)>) {
        let mut end = self.now;
        for &(id, segment) in &members {
            let Some(actor) = self.actors.get(&id) else {
                // Nobody wants it any more.
                self.events.push(Reverse((end, Event::Ended { worker, id, segment })));
                continue;
            };
            let piece = self.requests.get(actor.request).map(|request| request.truth(segment));
            let Some(piece) = piece else { continue };
            self.events.push(Reverse((end + piece.first, Event::Heard { id, segment })));
            end += piece.total;
            self.events.push(Reverse((end, Event::Ended { worker, id, segment })));
        }
        self.running.insert(worker, members);
    }

    fn happen(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Arrives { request } => self.arrive(request),
            Event::Leaves { id } => self.leave(id),
            Event::Returns { worker } => self.discipline.worker_ready(worker, now),
            Event::Lost { worker, back } => {
                self.running.remove(&worker);
                self.behind.remove(&worker);
                for (id, _) in self.discipline.worker_lost(worker, back, now) {
                    self.discipline.remove(id, now);
                    self.finish(id, Fate::Lost);
                }
            }
            Event::Ended { worker, id, segment } => {
                // One that was cancelled, or lost with its worker, ends only once.
                let Some(members) = self.running.get_mut(&worker) else { return };
                let before = members.len();
                members.retain(|member| *member != (id, segment));
                if members.len() == before {
                    return;
                }
                let request = self.actors.get(&id).map(|actor| actor.request);
                let truth = request.and_then(|request| self.requests.get(request));
                let audio = truth.map(|request| request.truth(segment).audio).unwrap_or_default();
                let follows = if members.is_empty() { self.behind.remove(&worker) } else { None };
                self.spoken.extend(request.map(|request| Spoken { request, at: now, audio }));
                self.discipline.ended(worker, id, segment, Ended::Spoken(audio), now);
                if let Some(place) = self.actors.get_mut(&id).and_then(|actor| actor.ended.get_mut(segment)) {
                    *place = Some(now);
                }
                if let Some(members) = follows {
                    self.speak(worker, members);
                }
                self.listen(id);
            }
            Event::Looks => {}
            Event::Heard { id, segment } => {
                if let Some(place) = self.actors.get_mut(&id).and_then(|actor| actor.heard.get_mut(segment)) {
                    *place = Some(now);
                }
                self.listen(id);
            }
            Event::Read { id, segment } => {
                if self.actors.get(&id).is_some_and(|actor| actor.read == segment) {
                    self.take(id, false);
                    self.listen(id);
                }
            }
        }
    }

    fn arrive(&mut self, number: usize) {
        let Some(request) = self.requests.get(number) else { return };
        let returns = self.returns.get(&number).copied().unwrap_or(0);
        self.came_back += usize::from(returns > 0);
        match self.discipline.admit(&request.offer, self.now) {
            Err(rejection) => self.refuse(number, rejection, returns),
            Ok(admitted) => {
                self.kept += usize::from(returns > 0);
                let count = request.offer.pieces.len();
                if let Some(leaves) = request.leaves {
                    self.events.push(Reverse((self.now + leaves, Event::Leaves { id: admitted.id })));
                }
                let actor = Actor {
                    request: number,
                    admitted,
                    starts: None,
                    player: Player::default(),
                    heard: vec![None; count],
                    ended: vec![None; count],
                    read: 0,
                };
                self.actors.insert(admitted.id, actor);
                self.most_streams = self.most_streams.max(self.actors.len());
            }
        }
    }

    /// Somebody is sent away, and comes back if it is told when and has not done so too often.
    fn refuse(&mut self, number: usize, rejection: Rejection, returns: u32) {
        self.note(number, Fate::Refused(rejection));
        let (Rejection::Capacity { retry } | Rejection::Fairness { retry } | Rejection::Memory { retry }) =
            rejection
        else {
            return;
        };
        if returns < self.most_returns
            && let Some(request) = self.requests.get_mut(number)
        {
            request.arrives = self.now + retry.whole_seconds();
            self.returns.insert(number, returns + 1);
            self.events.push(Reverse((request.arrives, Event::Arrives { request: number })));
        }
    }

    fn leave(&mut self, id: StreamId) {
        let Some(actor) = self.actors.get(&id) else { return };
        self.discipline.leave(id, actor.admitted.listener, self.now);
        for (&worker, members) in &self.running {
            for &(_, segment) in members.iter().filter(|member| member.0 == id) {
                self.events.push(Reverse((self.now + self.chunk, Event::Ended { worker, id, segment })));
            }
        }
        self.finish(id, Fate::Left);
    }

    fn finish(&mut self, id: StreamId, fate: Fate) {
        if let Some(actor) = self.actors.remove(&id) {
            self.note(actor.request, fate);
        }
    }

    fn note(&mut self, request: usize, fate: Fate) {
        if let Some(place) = self.fates.get_mut(request) {
            *place = Some(fate);
        }
    }
}
