//! The one task that owns a worker: it takes commands, lives the lives, and ends each of them in one place.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

use super::{
    backoff,
    fault::Fault,
    life::{Life, Running},
    state::{Deed, Input, Lifecycle, State},
    upkeep::{self, Wear},
};
use crate::{
    expectation::Expectation,
    pool::Ending,
    process::Launch,
    protocol::{Memory, Ready},
    seats::Chair,
    spec::WorkerSpec,
    synthesis::{Failure, Part, SynthesisEvent, SynthesisId, SynthesisRequest},
    worker::{Wish, WorkerStatus},
};

/// How long a worker whose seat a spare has taken waits before it starts again: what was lost with it is spoken
/// meanwhile, and a process that starts would take cores from that.
const COVERED: Duration = Duration::from_secs(1);

/// What a worker's task can be told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Leave when all that was given to it has ended.
    Retire(Retirement),
    /// Nothing is held any more of a worker that takes no further orders.
    Drained,
    /// End at once: it cannot be trusted.
    Condemn(String),
    Stop,
    /// In one launch.
    Synthesize(Vec<Order>),
    Cancel(SynthesisId),
    /// Stop at the next step and free the device.
    Pause,
    /// Go on.
    Resume,
}

/// How a worker leaves that takes no further orders.
#[derive(Debug)]
pub(crate) struct Retirement {
    /// What it is when it starts again, if that is something else.
    spec: Option<Box<WorkerSpec>>,
    why: Fault,
    for_good: bool,
}

impl Retirement {
    pub(crate) fn to_start_again(spec: Option<WorkerSpec>, why: Fault) -> Self {
        Self { spec: spec.map(Box::new), why, for_good: false }
    }

    pub(crate) fn for_good(why: Fault) -> Self {
        Self { spec: None, why, for_good: true }
    }
}

/// A synthesis on its way to a worker. The lease travels with it and returns when it ends.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) id: SynthesisId,
    pub(crate) request: SynthesisRequest,
    pub(crate) expected: Expectation,
    /// The life of the worker that the lease was given for.
    pub(crate) life: u64,
    pub(crate) ending: Ending,
}

impl Order {
    /// Ends it before it began, because the worker that it was meant for is gone.
    fn refuse(self) {
        let (reason, part) = ("it ended before the request reached it".into(), Part::NotBegun);
        self.ending.end(SynthesisEvent::Failed(Failure::WorkerLost { reason, part }));
    }
}

/// The task's state.
pub(crate) struct Actor {
    pub(super) spec: WorkerSpec,
    pub(super) name: String,
    launcher: Arc<dyn Launch>,
    pub(super) mailbox: mpsc::Receiver<Command>,
    status: watch::Sender<WorkerStatus>,
    chair: Chair,
    wishes: mpsc::UnboundedSender<Wish>,
    /// It has told that it should be replaced.
    has_wished: bool,
    wear: Wear,
    leaving: Option<Retirement>,
    lifecycle: Lifecycle,
    /// How often a worker of its pool had become ready when this one last failed to.
    arrivals: u64,
    lives: u64,
    /// Compilations of the lives before this one.
    earlier_recompiles: u64,
}

impl Actor {
    pub(crate) fn new(
        spec: WorkerSpec,
        launcher: Arc<dyn Launch>,
        mailbox: mpsc::Receiver<Command>,
        status: watch::Sender<WorkerStatus>,
        chair: Chair,
        wishes: mpsc::UnboundedSender<Wish>,
    ) -> Self {
        let lifecycle = Lifecycle::new(spec.patience.startup_failures);
        let name = spec.name();
        let lives = status.borrow().lives;
        Self {
            spec,
            name,
            launcher,
            mailbox,
            status,
            chair,
            wishes,
            has_wished: false,
            wear: Wear::default(),
            leaving: None,
            lifecycle,
            arrivals: 0,
            lives,
            earlier_recompiles: 0,
        }
    }

    /// Starts at once, and lives until it is stopped or every handle is gone.
    pub(crate) async fn run(mut self) {
        let mut deed = self.step(Input::Start);
        loop {
            deed = match deed {
                Deed::Launch => self.one_life().await,
                Deed::Wait(failures) => self.wait(failures).await,
                Deed::None | Deed::End if self.lifecycle.state() == State::Stopped => return,
                Deed::None | Deed::End => match self.mailbox.recv().await {
                    Some(command) => self.without_process(command),
                    None => return,
                },
            };
        }
    }

    async fn wait(&mut self, failures: u32) -> Deed {
        let delay = match failures {
            0 => COVERED,
            failures => backoff::delay(&self.spec.patience, failures, rand::random()),
        };
        tracing::info!(
            worker = self.name,
            failures,
            delay_ms = delay.as_millis(),
            "Waiting before another try"
        );
        let over = Instant::now() + delay;
        while self.lifecycle.state() == State::Backoff {
            let deed = tokio::select! {
                () = sleep_until(over) => self.step(Input::DelayOver),
                command = self.mailbox.recv() => self.without_process(command.unwrap_or(Command::Stop)),
            };
            if deed != Deed::None {
                return deed;
            }
        }
        Deed::None
    }

    /// A command that comes while no process is there.
    fn without_process(&mut self, command: Command) -> Deed {
        match command {
            Command::Retire(retirement) => {
                let input = if retirement.for_good { Input::Stop } else { Input::Restart };
                self.leaving = Some(retirement);
                self.step(input)
            }
            Command::Stop => self.step(Input::Stop),
            Command::Synthesize(orders) => {
                orders.into_iter().for_each(Order::refuse);
                Deed::None
            }
            Command::Cancel(_)
            | Command::Drained
            | Command::Condemn(_)
            | Command::Pause
            | Command::Resume => Deed::None,
        }
    }

    /// From launch to reap. However the life ends, it ends here.
    async fn one_life(&mut self) -> Deed {
        self.lives += 1;
        if let Some(spec) = self.leaving.take().and_then(|leaving| leaving.spec) {
            self.spec = *spec;
        }
        (self.has_wished, self.wear) = (false, Wear::default());
        self.earlier_recompiles = self.status.borrow().recompiles;
        let (lives, device) = (self.lives, self.spec.device.clone());
        self.note(|status| (status.lives, status.device) = (lives, device));
        let (mut life, fault) = match Life::launch(&self.spec, self.launcher.as_ref()).await {
            Ok(mut life) => {
                let pid = life.pid();
                self.note(|status| status.pid = Some(pid));
                tracing::info!(worker = self.name, pid, "Launched a worker");
                let fault = life.live(self).await;
                (Some(life), fault)
            }
            Err(error) => (None, Fault::Launch(error)),
        };

        let was_starting = self.lifecycle.state() == State::Starting;
        if was_starting {
            let arrivals = self.chair.arrivals();
            if std::mem::replace(&mut self.arrivals, arrivals) != arrivals {
                self.step(Input::OthersStart);
            }
        }
        self.step(if fault.is_hopeless() { Input::Hopeless } else { Input::Fault });
        if self.leaving.as_ref().is_some_and(|leaving| leaving.for_good) {
            self.step(Input::Stop);
        }
        if self.chair.revoke() {
            self.step(Input::Covered);
        }
        if let Some(life) = &mut life {
            let running = life.take_running();
            let is_alone = running.len() == 1 && fault.may_be_the_texts();
            let part = if is_alone { Part::Alone } else { Part::NotToBlame };
            for (_, running) in running {
                running.fail(Failure::WorkerLost { reason: fault.to_string(), part });
            }
            life.end(&self.spec.patience, &fault).await;
        }
        self.tell_of(&fault, was_starting, life.map(|life| life.last_words()).unwrap_or_default());
        let deed = self.step(Input::Reaped);
        self.note(|status| (status.pid, status.ready, status.progress) = (None, None, None));
        self.chair.gone();
        if self.lifecycle.state() == State::Failed {
            tracing::error!(worker = self.name, "Gave the worker up: it does not start");
        }
        deed
    }

    fn tell_of(&self, fault: &Fault, was_starting: bool, last_words: Vec<String>) {
        let worker = &self.name;
        match fault {
            fault if fault.is_by_choice() => tracing::info!(worker, "The worker has stopped: {fault}"),
            fault if was_starting => {
                tracing::warn!(worker, ?last_words, "The worker did not start: {fault}");
            }
            fault => tracing::warn!(worker, "The worker was lost: {fault}"),
        }
        self.note(|status| {
            if let Some(count) = status.faults.get_mut(fault.index()) {
                *count += 1;
            }
            if !matches!(fault, Fault::Asked) {
                status.last_fault = Some(fault.to_string());
                status.last_words = if was_starting { last_words } else { Vec::new() };
            }
            status.memory = Memory::default();
        });
    }

    /// The worker is warm: from here on it can be leased.
    pub(super) fn became_ready(&mut self, ready: Ready) {
        self.step(Input::ReadyLine);
        let ready = Arc::new(ready);
        self.note(|status| {
            status.memory = ready.memory;
            status.progress = None;
            status.ready = Some(Arc::clone(&ready));
        });
        self.wear.at_first = ready.memory.rss_bytes;
        self.chair.offer(self.lives, &self.spec.device, ready);
    }

    /// Takes an order in, unless it was meant for an earlier life.
    pub(super) fn accept(&mut self, order: Order) -> Option<(SynthesisId, SynthesisRequest, Running)> {
        if order.life != self.lives {
            order.refuse();
            return None;
        }
        self.step(Input::Began);
        Some((order.id, order.request, Running::new(order.ending, order.expected)))
    }

    /// The worker has stopped between two steps.
    pub(super) fn paused(&self) {
        self.chair.paused();
    }

    /// It is to leave: why, if that may happen now and need not wait until what is being spoken has ended.
    pub(super) fn retire(&mut self, retirement: Retirement) -> Option<Fault> {
        self.leaving = Some(retirement);
        self.leaves()
    }

    /// Why it leaves now, if it is to leave and nothing is being spoken any more.
    pub(super) fn leaves(&mut self) -> Option<Fault> {
        let leaving = self.leaving.as_mut()?;
        if !self.chair.drain() {
            return None;
        }
        let input = if leaving.for_good { Input::Stop } else { Input::Restart };
        let why = std::mem::replace(&mut leaving.why, Fault::Asked);
        (self.step(input) == Deed::End).then_some(why)
    }

    /// Takes in what a worker told of its memory and of its compilations.
    pub(super) fn measured(&mut self, memory: Memory, recompiles: u64) {
        let recompiles = self.earlier_recompiles + recompiles;
        self.note(|status| (status.memory, status.recompiles) = (memory, recompiles));
        self.look_after(memory);
    }

    /// Takes in what the kernel tells of its memory.
    pub(super) fn resident(&mut self, rss_bytes: u64) {
        self.note(|status| status.memory.rss_bytes = rss_bytes);
        let memory = self.status.borrow().memory;
        self.look_after(memory);
    }

    /// Says once that it should be replaced, if it should.
    fn look_after(&mut self, memory: Memory) {
        if self.has_wished || self.leaving.is_some() {
            return;
        }
        if let Some(why) = upkeep::due(&self.spec.upkeep, self.wear, memory) {
            self.has_wished = true;
            // A pool that is gone replaces nobody.
            drop(self.wishes.send(Wish { worker: self.chair.worker, why }));
        }
    }

    pub(super) fn stop_is_due(&mut self) -> bool {
        self.step(Input::Stop) == Deed::End
    }

    pub(super) fn finished(&mut self) {
        self.wear.finished += 1;
        self.step(Input::Finished);
        let memory = self.status.borrow().memory;
        self.look_after(memory);
    }

    pub(super) fn idle(&mut self) {
        self.step(Input::Idle);
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut WorkerStatus)) {
        self.status.send_modify(change);
    }

    fn step(&mut self, input: Input) -> Deed {
        let before = self.lifecycle.state();
        let deed = self.lifecycle.step(input);
        let now = self.lifecycle.state();
        if before != now {
            self.note(|status| status.state = now);
        }
        deed
    }
}
