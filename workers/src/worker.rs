//! A thin handle on one worker; its task does the work.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};

use crate::{
    lifecycle::{Actor, Command, Fault, State},
    process::Launch,
    protocol::{Memory, Ready},
    seats::{Chair, Seats, WorkerKey},
    spec::WorkerSpec,
};

/// Commands that may wait: a lease gives one order at a time, so this is only for bursts of cancels.
const MAILBOX: usize = 64;

/// What can be seen of a worker from outside.
#[derive(Clone, Debug)]
pub struct WorkerStatus {
    /// It is warm, and takes orders only when another worker is lost.
    pub is_spare: bool,
    /// Where it is in its life.
    pub state: State,
    /// What it computes on, as the configuration names it.
    pub device: String,
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
    fn new(lives: u64, device: String) -> Self {
        Self {
            is_spare: false,
            state: State::Stopped,
            device,
            pid: None,
            lives,
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

/// A worker that should be replaced soon.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) worker: WorkerKey,
    pub(crate) why: Fault,
}

/// One worker. Its task ends, and its process with it, when the last handle is dropped.
#[derive(Debug)]
pub struct Worker {
    key: WorkerKey,
    name: String,
    spec: Mutex<WorkerSpec>,
    mailbox: mpsc::Sender<Command>,
    status: watch::Receiver<WorkerStatus>,
}

impl Worker {
    pub(crate) fn spawn(
        spec: WorkerSpec,
        launcher: Arc<dyn Launch>,
        seats: Arc<Seats>,
        wishes: mpsc::UnboundedSender<Wish>,
        earlier_lives: u64,
    ) -> Self {
        let (key, name) = (WorkerKey::new(), spec.name());
        let (mailbox, inbox) = mpsc::channel(MAILBOX);
        let (published, status) = watch::channel(WorkerStatus::new(earlier_lives, spec.device.clone()));
        let chair = Chair { seats, worker: key, mailbox: mailbox.downgrade() };
        tokio::spawn(Actor::new(spec.clone(), launcher, inbox, published, chair, wishes).run());
        Self { key, name, spec: Mutex::new(spec), mailbox, status }
    }

    pub(crate) fn key(&self) -> WorkerKey {
        self.key
    }

    /// What it runs, or is to run next.
    pub(crate) fn spec(&self) -> WorkerSpec {
        self.spec.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn keep_spec(&self, spec: &WorkerSpec) {
        self.spec.lock().unwrap_or_else(PoisonError::into_inner).clone_from(spec);
    }

    /// `piper/0`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Follows the worker's status.
    pub fn watch(&self) -> watch::Receiver<WorkerStatus> {
        self.status.clone()
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
