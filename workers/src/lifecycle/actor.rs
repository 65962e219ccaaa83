//! The one task that owns a worker: it takes commands, lives the lives, and ends each of them in one place.

use std::sync::Arc;

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

use super::{
    backoff,
    fault::Fault,
    life::{Life, Running},
    state::{Deed, Input, Lifecycle, State},
};
use crate::{
    hook::ChangeTo,
    pool::{Ending, Seat},
    process::Launch,
    protocol::{Memory, Ready},
    spec::WorkerSpec,
    synthesis::{Failure, Part, SynthesisEvent, SynthesisId, SynthesisRequest},
    worker::WorkerStatus,
};

/// What a worker's task can be told.
#[derive(Debug)]
pub(crate) enum Command {
    Restart,
    /// Nothing is held any more of a worker that takes no further orders.
    Drained,
    Stop,
    /// In one launch.
    Synthesize(Vec<Order>),
    Cancel(SynthesisId),
    /// Stop at the next step and free the device.
    Pause,
    /// Go on.
    Resume,
}

/// A synthesis on its way to a worker. The lease travels with it and returns when it ends.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) id: SynthesisId,
    pub(crate) request: SynthesisRequest,
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
    seat: Seat,
    lifecycle: Lifecycle,
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
        seat: Seat,
    ) -> Self {
        let lifecycle = Lifecycle::new(spec.patience.startup_failures);
        let name = spec.name();
        Self { spec, name, launcher, mailbox, status, seat, lifecycle, lives: 0, earlier_recompiles: 0 }
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
        let delay = backoff::delay(&self.spec.patience, failures, rand::random());
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
            Command::Restart => self.step(Input::Restart),
            Command::Stop => self.step(Input::Stop),
            Command::Synthesize(orders) => {
                orders.into_iter().for_each(Order::refuse);
                Deed::None
            }
            Command::Cancel(_) | Command::Drained | Command::Pause | Command::Resume => Deed::None,
        }
    }

    /// From launch to reap. However the life ends, it ends here.
    async fn one_life(&mut self) -> Deed {
        self.lives += 1;
        self.earlier_recompiles = self.status.borrow().recompiles;
        let lives = self.lives;
        self.note(|status| status.lives = lives);
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
        self.step(if fault.is_hopeless() { Input::Hopeless } else { Input::Fault });
        self.seat.revoke();
        if let Some(life) = &mut life {
            let running = life.take_running();
            let is_alone = running.len() == 1 && !matches!(fault, Fault::Asked);
            let part = if is_alone { Part::Alone } else { Part::NotToBlame };
            for (_, running) in running {
                running.fail(Failure::WorkerLost { reason: fault.to_string(), part });
            }
            life.end(&self.spec.patience, &fault).await;
        }
        self.tell_of(&fault, was_starting, life.map(|life| life.last_words()).unwrap_or_default());
        let deed = self.step(Input::Reaped);
        self.note(|status| (status.pid, status.ready, status.progress) = (None, None, None));
        self.seat.tell(ChangeTo::Gone);
        if self.lifecycle.state() == State::Failed {
            tracing::error!(worker = self.name, "Gave the worker up: it does not start");
        }
        deed
    }

    fn tell_of(&self, fault: &Fault, was_starting: bool, last_words: Vec<String>) {
        let worker = &self.name;
        match fault {
            Fault::Asked => tracing::info!(worker, "The worker has stopped"),
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
        self.seat.offer(self.lives, ready);
    }

    /// Takes an order in, unless it was meant for an earlier life.
    pub(super) fn accept(&mut self, order: Order) -> Option<(SynthesisId, SynthesisRequest, Running)> {
        if order.life != self.lives {
            order.refuse();
            return None;
        }
        self.step(Input::Began);
        Some((order.id, order.request, Running::new(order.ending)))
    }

    /// The worker has stopped between two steps.
    pub(super) fn paused(&self) {
        self.seat.tell(ChangeTo::Paused);
    }

    /// A restart was asked for: whether it may happen now, or must wait until what is being spoken has ended.
    pub(super) fn restart_is_due(&mut self) -> bool {
        self.seat.drain() && self.step(Input::Restart) == Deed::End
    }

    /// Takes in what a worker told of its memory and of its compilations.
    pub(super) fn measured(&self, memory: Memory, recompiles: u64) {
        let recompiles = self.earlier_recompiles + recompiles;
        self.note(|status| (status.memory, status.recompiles) = (memory, recompiles));
    }

    pub(super) fn stop_is_due(&mut self) -> bool {
        self.step(Input::Stop) == Deed::End
    }

    pub(super) fn finished(&mut self) {
        self.step(Input::Finished);
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
