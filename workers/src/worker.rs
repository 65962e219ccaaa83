//! A thin handle on one worker; its task does the work.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::{
    lifecycle::{Actor, Command, Fault, State},
    pool::Idle,
    process::Launch,
    protocol::{Memory, Ready},
    spec::WorkerSpec,
};

/// Commands that may wait: a lease gives one order at a time, so this is only for bursts of cancels.
const MAILBOX: usize = 64;

/// What can be seen of a worker from outside.
#[derive(Clone, Debug)]
pub struct WorkerStatus {
    /// Where it is in its life.
    pub state: State,
    /// Its process, while there is one.
    pub pid: Option<u32>,
    /// How often it was launched.
    pub lives: u64,
    /// What it said when it became ready, while it is.
    pub ready: Option<Arc<Ready>>,
    /// Stage and fraction of its start.
    pub progress: Option<(String, f64)>,
    /// How its lives ended so far, counted as [`Fault::LABELS`] names them.
    pub faults: [u64; Fault::LABELS.len()],
    /// Why the last life ended, unless somebody asked for it.
    pub last_fault: Option<String>,
    /// The last lines that the last life wrote before it failed to start.
    pub last_words: Vec<String>,
    /// Memory held, as last told.
    pub memory: Memory,
    /// Compilations and captures after `ready`, over all lives, as last told.
    pub recompiles: u64,
}

impl WorkerStatus {
    fn new() -> Self {
        Self {
            state: State::Stopped,
            pid: None,
            lives: 0,
            ready: None,
            progress: None,
            faults: [0; Fault::LABELS.len()],
            last_fault: None,
            last_words: Vec::new(),
            memory: Memory::default(),
            recompiles: 0,
        }
    }
}

/// One worker. Its task ends, and its process with it, when the last handle is dropped.
#[derive(Debug)]
pub struct Worker {
    name: String,
    mailbox: mpsc::Sender<Command>,
    status: watch::Receiver<WorkerStatus>,
}

impl Worker {
    pub(crate) fn spawn(spec: WorkerSpec, launcher: Arc<dyn Launch>, idle: Arc<Idle>, index: usize) -> Self {
        let name = spec.name();
        let (mailbox, inbox) = mpsc::channel(MAILBOX);
        let (published, status) = watch::channel(WorkerStatus::new());
        let seat = idle.seat(index, mailbox.downgrade());
        tokio::spawn(Actor::new(spec, launcher, inbox, published, seat).run());
        Self { name, mailbox, status }
    }

    /// `piper/0`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Follows the worker's status.
    pub fn watch(&self) -> watch::Receiver<WorkerStatus> {
        self.status.clone()
    }

    /// Tells it without waiting. A mailbox that is full is one of a worker that does not get along anyway.
    pub(crate) fn tell_now(&self, command: Command) {
        drop(self.mailbox.try_send(command));
    }

    pub(crate) async fn tell(&self, command: Command) {
        // A task that has ended needs no command.
        drop(self.mailbox.send(command).await);
    }

    /// Waits until the worker, once told to stop, has no process any more.
    pub(crate) async fn stopped(&self) {
        // A task that has ended, which closes the watch, leaves no process.
        drop(self.watch().wait_for(|status| status.state == State::Stopped).await);
    }
}
