//! What lies on the scheduler's desk: the plan, the costs, and the orders that wait for their turn.

mod mending;
mod probing;

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::{Duration, Instant},
};

use ishowtts_workers::{
    ChangeTo, Expectation, Failure, Pool, SynthesisRequest, SynthesisSummary, Task, protocol::Ready,
};
use tokio::sync::oneshot;

use super::{
    super::{
        Booking, Delivery, Refusal, Segment,
        cost::{Costs, Kind, Observed},
        layout::Names,
        plan::{
            Admitted, Board, ClientIndex, Ended, Launch, Micros, Offer, Piece, Rejection, Rules, StreamId,
        },
        quarantine::Quarantine,
        ticket::{Grant, Granted, Turns},
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
        let sizes: Vec<(&str, usize)> = pools.iter().map(|pool| (pool.engine(), pool.size())).collect();
        let names = Names::new(config, &sizes);
        let rules = rules(&config.limits);
        let workers = sizes.iter().map(|(_, size)| size).sum();
        Self {
            buffer: rules.buffer,
            board: Board::new(&names.layout, rules),
            costs: Costs::default(),
            names,
            facts: HashMap::new(),
            orders: HashMap::new(),
            absences: vec![Absence { since: Micros::ZERO, start: USUAL_START }; workers],
            sittings: vec![0; workers],
            proofs: vec![Proof::default(); workers],
            clients: RandomState::new(),
            pulse: Pulse::default(),
            quarantine: Quarantine::new(config.limits.quarantine.into()),
            recoveries: Recoveries::default(),
            is_closed: false,
        }
    }

    /// Lets streams in within other limits from now on.
    pub(super) fn limit(&mut self, limits: &Limits) {
        self.board.adopt(&rules(limits));
    }

    pub(super) fn facts(&self, engine: &str) -> Option<&Facts> {
        self.facts.get(engine)
    }

    pub(super) fn admit(&mut self, booking: Booking, now: Micros) -> Result<Seated, Refusal> {
        self.check_quarantine(&booking.segments, now)?;
        let mut pieces = Vec::with_capacity(booking.segments.len());
        let mut rate = 0;
        let mut most = Micros::ZERO;
        for (before, segment) in booking.segments.iter().enumerate() {
            let (piece, most_audio) = self.piece(segment, before)?;
            pieces.push(piece);
            most += most_audio;
            rate = self.facts(&segment.engine).map_or(rate, |facts| facts.ready.sample_rate.max(rate));
        }
        let open = booking.open.as_ref().map(|segment| self.piece(segment, pieces.len())).transpose()?;
        let open = open.map(|(piece, _)| piece);
        let longest = pieces.iter().chain(&open).map(|piece| piece.audio).max().unwrap_or_default();
        let buffer = self.buffer.max(longest * 2);
        let held = match (booking.delivery, open) {
            // How much there will be of it is not known, but that no more is held at once.
            (Delivery::Live, Some(_)) => buffer,
            (Delivery::Live, None) if !booking.is_kept => most.min(buffer),
            _ => most,
        };
        let offer = Offer {
            client: ClientIndex(self.clients.hash_one(&booking.client)),
            class: booking.class,
            delivery: booking.delivery,
            deadline: booking
                .deadline
                .map(|deadline| Micros::from(deadline.saturating_sub(booking.accepted.elapsed()))),
            pieces,
            open,
            // Two bytes a sample.
            bytes: u64::try_from(held.0).unwrap_or(0) * u64::from(rate) * 2 / 1_000_000,
        };
        let Admitted { id, listener, promised } = self.board.admit(&offer, now)?;
        let (mut orders, mut turns) = (Orders::new(), Turns::default());
        order(booking.segments, &mut orders, &mut turns);
        self.orders.insert(id, orders);
        Ok(Seated { id, listener, promised, turns })
    }

    /// More text of a stream has come.
    pub(super) fn append(
        &mut self,
        id: StreamId,
        segments: Vec<Segment>,
        now: Micros,
    ) -> Result<Turns, Refusal> {
        self.check_quarantine(&segments, now)?;
        if self.is_closed {
            return Err(Refusal::Draining);
        }
        let mut turns = Turns::default();
        let before = self.orders.get(&id).map_or(0, Vec::len);
        let pieces: Result<Vec<Piece>, Refusal> = segments
            .iter()
            .zip(before..)
            .map(|(segment, before)| Ok(self.piece(segment, before)?.0))
            .collect();
        let pieces = pieces?;
        // With its last listener a stream has left.
        if let Some(orders) = self.orders.get_mut(&id) {
            order(segments, orders, &mut turns);
            self.board.append(id, &pieces, now);
        }
        Ok(turns)
    }

    /// All of a stream's text has come.
    pub(super) fn close_text(&mut self, id: StreamId) {
        self.board.close(id);
    }

    /// What is expected of a segment that so many stand before, and as much audio as it may well have.
    fn piece(&self, segment: &Segment, before: usize) -> Result<(Piece, Micros), Refusal> {
        let engine = &segment.engine;
        let pool =
            self.names.pool(engine).ok_or_else(|| Refusal::EngineDisabled { engine: engine.clone() })?;
        let estimate = self.costs.estimate(&kind(segment), segment.spoken_ms, before);
        // What cannot be spoken the same way again is only released whole.
        let is_whole = self.facts(engine).is_none_or(|facts| !facts.ready.repeatable);
        let first = if is_whole { estimate.total } else { estimate.first };
        Ok((Piece { pool, total: estimate.total, first, audio: estimate.audio }, estimate.most_audio))
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
            Some(pools.get(engine)?.is_resting(seat))
        };
        let forgotten = self.board.speaking().filter(|(worker, _)| rests(*worker) == Some(true));
        Seen {
            due: self.board.due(),
            forgotten: forgotten.map(|(worker, members)| (worker, members.to_vec())).collect(),
        }
    }

    /// Somebody sits there now, be it in place of another one whose end was not told yet.
    fn seated(&mut self, engine: &str, worker: usize, sitting: u64, pools: &Pools, now: Micros) {
        let Some(known) = self.sittings.get_mut(worker) else { return };
        if sitting <= *known {
            return;
        }
        *known = sitting;
        // Whoever the other one was speaking for is told by that worker's task.
        self.board.worker_lost(worker, Some(now), now);
        self.arrived(engine, worker, pools, now);
    }

    fn arrived(&mut self, engine: &str, worker: usize, pools: &Pools, now: Micros) {
        let Some(ready) = pools.ready(engine) else { return };
        if let Some(absence) = self.absences.get_mut(worker) {
            // A spare was there at once, which tells nothing of a start.
            let took = now - absence.since;
            if took > AT_ONCE {
                absence.start = took;
            }
        }
        if let Some(proof) = self.proofs.get_mut(worker) {
            *proof = Proof { heard: Some(now), probed: None };
        }
        self.costs.seed(engine, &ready.warmup);
        let batch = usize::try_from(ready.max_batch).unwrap_or(usize::MAX);
        if let Some(facts) = self.facts.get_mut(engine) {
            // With other settings it may be another model; the cut of texts stays as it was.
            facts.ready = Arc::clone(&ready);
        }
        self.facts.entry(engine.to_owned()).or_insert_with(|| {
            let budget = Budget::for_engine(ready.warmup.elapsed_ms, ready.warmup.audio_ms);
            tracing::debug!(
                engine,
                first_ms = budget.first_ms,
                most_ms = budget.most_ms,
                "Segments are cut to length"
            );
            Facts { budget, ready }
        });
        self.board.worker_ready(worker, batch, now);
    }

    fn gone(&mut self, engine: &str, worker: usize, sitting: u64, pools: &Pools, now: Micros) {
        let (Some(absence), Some(known)) = (self.absences.get_mut(worker), self.sittings.get_mut(worker))
        else {
            return;
        };
        // Of a later one we know already.
        if sitting < *known {
            return;
        }
        *known = sitting;
        absence.since = now;
        let has_hope = pools.get(engine).is_some_and(Pool::has_hope);
        let back = has_hope.then(|| now + absence.start);
        // Whoever it was speaking for is told by the worker's task.
        self.board.worker_lost(worker, back, now);
        self.board.expect(worker, back);
        if let Some(reason) = pools.failure(engine) {
            let refusal = Refusal::EngineFailed { engine: engine.to_owned(), reason };
            self.refuse(&refusal, |of| of == engine);
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

    /// Gives every free worker its next launch.
    pub(super) fn dispatch(&mut self, scheduler: &Arc<Scheduler>) {
        let now = scheduler.now();
        while let Some(Launch { worker, members }) = self.board.next_launch(now) {
            let lease = self
                .names
                .engine_of(worker)
                .and_then(|(engine, index)| scheduler.pools.get(engine)?.lease(index));
            let Some(lease) = lease else {
                // It is on its way out, and we have not heard of it yet.
                let back = self.absences.get(worker).map(|absence| now + absence.start);
                self.board.take_back(&members, now);
                self.board.worker_lost(worker, back, now);
                continue;
            };
            let (mut tasks, mut grants) =
                (Vec::with_capacity(members.len()), Vec::with_capacity(members.len()));
            let together = self.spoken_ms(&members);
            if let Some(known) = self.sittings.get_mut(worker) {
                *known = lease.sitting().max(*known);
            }
            let beside = Beside(members.len() > 1);
            let silence = self.silence(&members);
            for (id, segment) in members {
                let order = self.orders.get_mut(&id).and_then(|orders| orders.get_mut(segment)?.as_mut());
                let Some(order) = order else {
                    self.board.ended(worker, id, segment, Ended::Failed, now);
                    continue;
                };
                let share = order.segment.spoken_ms / together;
                order.running = Some(beside);
                let (next, again) = oneshot::channel();
                let grant = std::mem::replace(&mut order.grant, next);
                let rate = lease.ready().sample_rate;
                let estimate = self.costs.estimate(&kind(&order.segment), order.segment.spoken_ms, 0);
                let expected =
                    expect::expectation(&order.segment, &estimate, silence, order.tries.gave_odd_length());
                tasks.push(task(scheduler, worker, (id, segment), &order.segment, expected, (rate, share)));
                grants.push((grant, order.admitted, again));
            }
            if tasks.is_empty() {
                continue;
            }
            for (synthesis, (grant, admitted, again)) in lease.synthesize(tasks).into_iter().zip(grants) {
                // Whoever left in this moment takes the synthesis along, which cancels it.
                drop(grant.send(Ok(Granted { synthesis, waited: admitted.elapsed(), again })));
            }
        }
    }

    /// What all these segments are estimated at.
    fn spoken_ms(&self, members: &[(StreamId, usize)]) -> f64 {
        let order = |(id, segment): &(StreamId, usize)| self.orders.get(id)?.get(*segment)?.as_ref();
        members.iter().filter_map(order).map(|order| order.segment.spoken_ms).sum()
    }

    /// How long a worker may make no progress on these together, if anything is known of their like.
    fn silence(&self, members: &[(StreamId, usize)]) -> Option<Duration> {
        let mut total = Micros::ZERO;
        for (id, segment) in members {
            let Some(Some(order)) = self.orders.get(id).and_then(|orders| orders.get(*segment)) else {
                continue;
            };
            let kind = kind(&order.segment);
            if !self.costs.knows(&kind) {
                return None;
            }
            total += self.costs.estimate(&kind, order.segment.spoken_ms, 0).total;
        }
        Some(expect::silence(total))
    }

    fn heard(&mut self, worker: usize, when: Option<Micros>) {
        if let Some(proof) = self.proofs.get_mut(worker) {
            proof.heard = when;
        }
    }

    /// Has slow work make room, or go on; tells when to look again, if that may become necessary.
    pub(super) fn hold(&mut self, scheduler: &Scheduler) -> Option<Micros> {
        let now = scheduler.now();
        let tell = |names: &Names, worker: usize, pause: bool| {
            if let Some((engine, index)) = names.engine_of(worker)
                && let Some(pool) = scheduler.pools.get(engine)
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
        self.board.next_look()
    }

    pub(super) fn load(&self, now: Micros) -> Load {
        let devices = self.names.devices.iter().map(String::as_str).chain(["none"]);
        Load {
            devices: devices.map(str::to_owned).zip(self.board.load(now)).collect(),
            waiting: self.board.waiting(),
            streams: self.board.streams(),
            audio_bytes: self.board.bytes(),
        }
    }
}

/// Has segments wait for their turns.
fn order(segments: Vec<Segment>, orders: &mut Orders, turns: &mut Turns) {
    let admitted = Instant::now();
    for segment in segments {
        let (grant, granted) = oneshot::channel();
        orders.push(Some(Order { segment, grant, admitted, tries: Tries::default(), running: None }));
        turns.0.push_back(granted);
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

/// A segment as its worker gets it; when it has ended, the scheduler hears of it. `share` is its part of all that is to
/// be spoken in its launch: of those who share a launch each takes as long as all of them, but costs its share.
fn task(
    scheduler: &Arc<Scheduler>,
    worker: usize,
    (id, segment): (StreamId, usize),
    what: &Segment,
    expected: Expectation,
    (rate, share): (u32, f64),
) -> Task {
    let (kind, spoken_ms) = (kind(what), what.spoken_ms);
    let began = Instant::now();
    let weak = Arc::downgrade(scheduler);
    let on_end = move |outcome: Result<SynthesisSummary, Failure>| {
        let Some(scheduler) = weak.upgrade() else { return };
        let outcome = outcome.map(|summary| {
            #[expect(clippy::cast_precision_loss, reason = "exact up to some thousand years of audio")]
            let audio_ms = summary.samples as f64 * 1000.0 / f64::from(rate);
            let total_ms = began.elapsed().as_secs_f64() * 1000.0;
            // What the way to and from the worker takes comes on top of what the worker measured.
            let way = (total_ms - summary.timings.total_ms).max(0.0);
            let first_ms = (summary.timings.first_chunk_ms + way).min(total_ms);
            let (first_ms, total_ms) = (first_ms * share, total_ms * share);
            Spoken { observed: Observed { spoken_ms, audio_ms, first_ms, total_ms }, kind }
        });
        scheduler.tell(Event::Ended { worker, id, segment, outcome });
    };
    Task { request: what.request.clone(), expected, on_end: Box::new(on_end) }
}
