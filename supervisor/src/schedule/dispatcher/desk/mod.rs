//! What lies on the scheduler's desk: the plan, the costs, and the orders that wait for their turn.

mod admitting;
mod launching;
mod mending;
mod probing;
mod staffing;

use std::{collections::HashMap, hash::RandomState, sync::Arc, time::Instant};

use ishowtts_workers::{ChangeTo, Failure, SynthesisRequest, protocol::Ready};
use tokio::sync::oneshot;

use super::{
    super::{
        Delivery, Refusal, Segment,
        cost::{Costs, Kind, Observed},
        layout::Names,
        plan::{Admitted, Board, Ended, Layout, Micros, Rejection, Rules, StreamId},
        quarantine::Quarantine,
        ticket::{Grant, Turns},
    },
    Load, Recoveries, Scheduler, expect,
    probes::{self, Probe, Probed, Proof},
    pulse::{Pulse, Seen},
    retry::{Next, Tries},
};
use crate::{
    config::{Config, Limits},
    pools::Pools,
    speech::{Budget, Priority},
};

/// How long a worker is taken to need to come up, before one of its engine did.
const USUAL_START: Micros = Micros::s(10);

/// A worker that is there so soon was warm before.
const AT_ONCE: Micros = Micros::ms(100);

/// What workers tell.
#[derive(Debug)]
pub(super) enum Event {
    /// Something has changed about a worker.
    Worker { engine: String, index: usize, to: ChangeTo },
    /// A probe has ended.
    Probed { worker: usize },
    /// A segment has ended.
    Ended { worker: usize, id: StreamId, segment: usize, outcome: Result<Spoken, Failure> },
    /// Somebody asks whether all is well.
    Beat(oneshot::Sender<Result<(), String>>),
}

/// A segment that was spoken.
#[derive(Debug)]
pub(super) struct Spoken {
    kind: Kind,
    observed: Observed,
}

/// What is known of an engine since its first worker was ready.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) budget: Budget,
    pub(super) ready: Arc<Ready>,
}

/// A segment that waits for its turn, or has it.
#[derive(Debug)]
pub(super) struct Order {
    segment: Segment,
    /// Its turn, or the next one if this comes to nothing.
    grant: Grant,
    admitted: Instant,
    tries: Tries,
    /// It is its turn. Then this tells whether others are in its launch.
    running: Option<Beside>,
}

/// Whether others are in the same launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Beside(bool);

/// The orders of one stream, until they have ended.
pub(super) type Orders = Vec<Option<Order>>;

/// When a worker was last seen, and how long it took to come up.
#[derive(Clone, Copy, Debug)]
struct Absence {
    since: Micros,
    start: Micros,
}

#[derive(Debug)]
pub(super) struct Desk {
    board: Board,
    costs: Costs,
    names: Names,
    facts: HashMap<String, Facts>,
    orders: HashMap<StreamId, Orders>,
    absences: Vec<Absence>,
    /// The sitting that each worker of the board is taken to be, or was last.
    sittings: Vec<u64>,
    proofs: Vec<Proof>,
    clients: RandomState,
    buffer: Micros,
    pulse: Pulse,
    quarantine: Quarantine,
    recoveries: Recoveries,
    /// Nobody gets another try: the server is ending.
    is_closed: bool,
}

fn rules(limits: &Limits) -> Rules {
    Rules {
        patience: limits.patience.into(),
        buffer: limits.stream_buffer.into(),
        batch_share: limits.batch_share,
        // Places are given out at the door.
        most_streams: usize::MAX,
        most_bytes: u64::from(limits.max_audio_mb) << 20,
        ..Rules::default()
    }
}

/// A stream that was let in.
pub(super) struct Seated {
    pub(super) id: StreamId,
    pub(super) listener: u32,
    pub(super) promised: Micros,
    pub(super) turns: Turns,
}

impl Desk {
    pub(super) fn new(config: &Config, pools: &Pools) -> Self {
        let rules = rules(&config.limits);
        let mut desk = Self {
            buffer: rules.buffer,
            board: Board::new(&Layout::default(), rules),
            costs: Costs::default(),
            names: Names::new(config),
            facts: HashMap::new(),
            orders: HashMap::new(),
            absences: Vec::new(),
            sittings: Vec::new(),
            proofs: Vec::new(),
            clients: RandomState::new(),
            pulse: Pulse::default(),
            quarantine: Quarantine::new(config.limits.quarantine.into()),
            recoveries: Recoveries::default(),
            is_closed: false,
        };
        for pool in pools.iter() {
            desk.lay_out(config, pool.engine());
            desk.count(pool.engine(), pools, Micros::ZERO);
        }
        desk
    }

    /// Lets streams in within other limits from now on.
    pub(super) fn limit(&mut self, limits: &Limits) {
        self.board.adopt(&rules(limits));
    }

    pub(super) fn facts(&self, engine: &str) -> Option<&Facts> {
        self.facts.get(engine)
    }

    pub(super) fn join(
        &mut self,
        id: StreamId,
        class: Priority,
        delivery: Delivery,
        deadline: Option<Micros>,
        now: Micros,
    ) -> Result<Admitted, Rejection> {
        self.board.join(id, class, delivery, deadline, now)
    }

    pub(super) fn begin(&mut self, id: StreamId, now: Micros) -> Micros {
        self.board.begin(id, now)
    }

    pub(super) fn read(&mut self, id: StreamId, listener: u32, audio: Micros, waited: bool, now: Micros) {
        self.board.read(id, listener, audio, waited, now);
    }

    /// A listener goes; with the last one the stream's waiting orders are given back, to be dropped.
    pub(super) fn leave(&mut self, id: StreamId, listener: u32, now: Micros) -> Option<Orders> {
        if self.board.leave(id, listener, now) { self.orders.remove(&id) } else { None }
    }

    pub(super) fn hear(&mut self, event: Event, pools: &Pools, now: Micros) {
        match event {
            Event::Ended { worker, id, segment, outcome: Ok(Spoken { kind, observed }) } => {
                let audio = Micros::from_ms(observed.audio_ms);
                self.board.ended(worker, id, segment, Ended::Spoken(audio), now);
                self.costs.observe(&kind, observed);
                self.heard(worker, Some(now));
                let order = self.orders.get_mut(&id).and_then(|orders| orders.get_mut(segment)?.take());
                if let Some(order) = order
                    && !self.quarantine.is_empty()
                {
                    self.quarantine.was_spoken(self.quarantine.mark(&order.segment));
                }
            }
            Event::Ended { worker, id, segment, outcome: Err(failure) } => {
                if matches!(failure, Failure::Garbled { .. }) {
                    // Whether it is the worker or the text, a few words will tell.
                    self.heard(worker, None);
                }
                let ended = self.failed(id, segment, &failure, now);
                self.board.ended(worker, id, segment, ended, now);
            }
            Event::Probed { worker } => self.board.probed(worker, now),
            Event::Worker { engine, index, to } => {
                // What is true by now may be more than what is told.
                self.count(&engine, pools, now);
                let Some(worker) = self.names.worker(&engine, index) else { return };
                match to {
                    ChangeTo::Ready { sitting } => self.seated(&engine, worker, sitting, pools, now),
                    ChangeTo::Gone { sitting } => self.gone(&engine, worker, sitting, pools, now),
                    ChangeTo::Paused => self.board.paused(worker, now),
                }
            }
            Event::Beat(answer) => {
                let seen = self.look(pools);
                // Whoever asked may not be interested any more.
                drop(answer.send(self.pulse.beat(seen)));
            }
        }
    }

    fn look(&self, pools: &Pools) -> Seen {
        let rests = |worker: usize| {
            let (engine, seat) = self.names.engine_of(worker)?;
            Some(pools.at_work(engine)?.is_resting(seat))
        };
        let forgotten = self.board.speaking().filter(|(worker, _)| rests(*worker) == Some(true));
        Seen {
            due: self.board.due(),
            forgotten: forgotten.map(|(worker, members)| (worker, members.to_vec())).collect(),
        }
    }

    /// Tells everybody that nothing is begun any more.
    pub(super) fn close(&mut self, refusal: &Refusal) {
        self.is_closed = true;
        self.refuse(refusal, |_| true);
    }

    /// How often work had to be done again.
    pub(super) fn recoveries(&self) -> Recoveries {
        self.recoveries.clone()
    }

    /// Tells everybody who still waits for an engine that is `meant` that it will not come.
    fn refuse(&mut self, refusal: &Refusal, meant: impl Fn(&str) -> bool) {
        for orders in self.orders.values_mut() {
            for place in orders {
                let waits = |order: &mut Order| order.running.is_none() && meant(&order.segment.engine);
                if let Some(order) = place.take_if(waits) {
                    // Who does not listen any more needs not be told.
                    drop(order.grant.send(Err(refusal.clone())));
                }
            }
        }
    }

    /// Has slow work make room, or go on; tells when to look again, if that may become necessary.
    pub(super) fn hold(&mut self, scheduler: &Scheduler) -> Option<Micros> {
        let now = scheduler.now();
        let tell = |names: &Names, worker: usize, pause: bool| {
            if let Some((engine, index)) = names.engine_of(worker)
                && let Some(pool) = scheduler.pools.at_work(engine)
            {
                pool.pause(index, pause);
            }
        };
        while let Some(worker) = self.board.next_pause(now) {
            tell(&self.names, worker, true);
        }
        while let Some(worker) = self.board.next_resume(now) {
            tell(&self.names, worker, false);
        }
        self.board.next_look().into_iter().chain(self.board.next_look_ahead(now)).min()
    }

    pub(super) fn load(&self, now: Micros) -> Load {
        let devices = self.names.devices().iter().map(String::as_str).chain(["none"]);
        Load {
            devices: devices.map(str::to_owned).zip(self.board.load(now)).collect(),
            waiting: self.board.waiting(),
            streams: self.board.streams(),
            audio_bytes: self.board.bytes(),
        }
    }
}

fn kind(segment: &Segment) -> Kind {
    let SynthesisRequest { voice, language, options, .. } = &segment.request;
    Kind {
        engine: segment.engine.clone(),
        voice: voice.clone(),
        language: language.clone(),
        options: if options.is_empty() {
            String::new()
        } else {
            serde_json::to_string(options).unwrap_or_default()
        },
    }
}
