//! A world with a clock of its own: requests come, workers take the time that was written down for them, listeners
//! play and pause and leave, and a discipline decides. A day passes in seconds, the same each time.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use super::{discipline::Discipline, player::Player};
use crate::schedule::plan::{
    Admitted, ClientIndex, Delivery, Ended, Launch, Micros, Offer, Piece, Rejection, StreamId, WorkerIndex,
};
use crate::speech::Priority;

/// One request and everything that will come of it.
#[derive(Clone, Debug)]
pub struct Request {
    /// When it comes.
    pub arrives: Micros,
    /// What it asks for, with the costs that the discipline is told.
    pub offer: Offer,
    /// What its segments really are like; as told where it is empty.
    pub truth: Vec<Piece>,
    /// How its audio is read.
    pub reader: Reader,
    /// When its client goes away, from its arrival.
    pub leaves: Option<Micros>,
}

impl Request {
    /// A live stream of one client, read as fast as it comes, its costs known.
    pub fn live(arrives: Micros, client: u64, pieces: Vec<Piece>) -> Self {
        let offer = Offer {
            client: ClientIndex(client),
            class: Priority::Interactive,
            delivery: Delivery::Live,
            deadline: None,
            pieces,
            open: None,
            bytes: 0,
        };
        Self { arrives, offer, truth: Vec::new(), reader: Reader::Eager, leaves: None }
    }

    fn truth(&self, segment: usize) -> Piece {
        let told = self.offer.pieces.get(segment).copied();
        self.truth.get(segment).copied().or(told).unwrap_or(Piece {
            pool: 0,
            total: Micros::ZERO,
            first: Micros::ZERO,
            audio: Micros::ZERO,
        })
    }
}

/// How a listener reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Whatever is there, at once.
    Eager,
    /// As it plays, so much ahead; and once, before this segment, it stops for so long.
    Paced {
        /// How far ahead.
        ahead: Micros,
        /// Where, and for how long.
        pause: Option<(usize, Micros)>,
    },
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was sent away.
    Refused(Rejection),
    /// Its client left before the end.
    Left,
    /// A worker was lost with it, or the world ended first.
    Lost,
    /// It heard everything.
    Served {
        /// Arrival → first audio, or all of it if it was wanted whole.
        first: Micros,
        /// Longest silence of its player.
        underrun: Micros,
        /// When it was done.
        ended: Micros,
    },
}

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

/// A segment that was spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// Of which request.
    pub request: usize,
    /// When it was complete.
    pub at: Micros,
    /// How long it is.
    pub audio: Micros,
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
        while let Some(Launch { worker, members }) = self.discipline.next_launch(self.now) {
            let mut end = self.now;
            for &(id, segment) in &members {
                let Some(actor) = self.actors.get(&id) else { continue };
                let piece = self.requests.get(actor.request).map(|request| request.truth(segment));
                let Some(piece) = piece else { continue };
                self.events.push(Reverse((end + piece.first, Event::Heard { id, segment })));
                end += piece.total;
                self.events.push(Reverse((end, Event::Ended { worker, id, segment })));
            }
            self.running.insert(worker, members);
        }
    }

    fn happen(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Arrives { request } => self.arrive(request),
            Event::Leaves { id } => self.leave(id),
            Event::Returns { worker } => self.discipline.worker_ready(worker, now),
            Event::Lost { worker, back } => {
                self.running.remove(&worker);
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
                self.spoken.extend(request.map(|request| Spoken { request, at: now, audio }));
                self.discipline.ended(worker, id, segment, Ended::Spoken(audio), now);
                if let Some(place) = self.actors.get_mut(&id).and_then(|actor| actor.ended.get_mut(segment)) {
                    *place = Some(now);
                }
                self.listen(id);
            }
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

    /// What a listener does now that something has come.
    fn listen(&mut self, id: StreamId) {
        loop {
            let Some(actor) = self.actors.get_mut(&id) else { return };
            let Some(request) = self.requests.get(actor.request) else { return };
            let segment = actor.read;
            if actor.heard.get(segment).copied().flatten().is_none() {
                return;
            }
            let starts = *actor.starts.get_or_insert_with(|| self.discipline.begin(id, self.now));
            if starts > self.now {
                self.events.push(Reverse((starts, Event::Heard { id, segment })));
                return;
            }
            if request.offer.delivery == Delivery::Live && actor.player.begin(self.now) {
                self.discipline.read(id, actor.admitted.listener, Micros::ZERO, true, self.now);
            }
            if actor.ended.get(segment).copied().flatten().is_none() {
                return;
            }
            let wanted = match (request.reader, request.offer.delivery) {
                (Reader::Paced { ahead, pause }, Delivery::Live) => {
                    if let Some((_, length)) = pause.filter(|pause| pause.0 == segment) {
                        actor.player.pause(segment, length);
                    }
                    actor.player.reaches(actor.player.position()) - ahead
                }
                _ => Micros::ZERO,
            };
            if wanted > self.now {
                self.events.push(Reverse((wanted, Event::Read { id, segment })));
                return;
            }
            self.take(id, true);
        }
    }

    /// A listener takes the next segment.
    fn take(&mut self, id: StreamId, waited: bool) {
        let Some(actor) = self.actors.get_mut(&id) else { return };
        let Some(request) = self.requests.get(actor.request) else { return };
        let segment = actor.read;
        let piece = request.truth(segment);
        let (heard, ended) = (actor.heard.get(segment), actor.ended.get(segment));
        let (Some(&Some(heard)), Some(&Some(ended))) = (heard, ended) else { return };
        self.discipline.read(id, actor.admitted.listener, piece.audio, waited, self.now);
        actor.read += 1;
        actor.player.receive(heard, ended, piece.audio);
        if actor.read == request.offer.pieces.len() {
            let first = match request.offer.delivery {
                Delivery::Live => actor.player.began().unwrap_or(self.now),
                Delivery::Whole => self.now,
            };
            let fate = Fate::Served {
                first: first - request.arrives,
                underrun: if request.offer.delivery == Delivery::Live {
                    actor.player.worst()
                } else {
                    Micros::ZERO
                },
                ended: self.now,
            };
            self.discipline.leave(id, actor.admitted.listener, self.now);
            self.finish(id, fate);
        }
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
