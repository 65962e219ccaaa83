//! One life of a worker, from launch until a fault: connection, child, and what is being spoken.

mod clock;
mod hear;
mod sound;
mod stir;

use std::{collections::HashMap, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use bytes::Bytes;
use interprocess::local_socket::tokio::Stream;
use nix::sys::signal::Signal;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

use self::{sound::Sound, stir::Stir};
use super::{
    actor::{Actor, Command, Order},
    fault::Fault,
};
use crate::{
    error::WorkerError,
    expectation::{Expectation, Flaw},
    pool::Ending,
    process::{self, Kills, Launch, Process, StderrTail, WorkerSocket, resident},
    protocol::{Connection, ConnectionError, FromWorker, ToWorker},
    spec::{Patience, WorkerSpec},
    synthesis::{Failure, SynthesisEvent, SynthesisId},
};

/// How long a process whose socket closed may take to tell the system how it ended.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// A synthesis that the worker has in hand. Its lease returns when it ends.
pub(super) struct Running {
    ending: Ending,
    expected: Expectation,
    sound: Sound,
    /// What came before the first sound: it may be silence without end.
    held: Vec<Bytes>,
    /// What is wrong with what came so far: no more of it is passed on.
    flaw: Option<Flaw>,
    cancelled: bool,
}

impl Running {
    pub(super) fn new(ending: Ending, expected: Expectation) -> Self {
        Self { ending, expected, sound: Sound::default(), held: Vec::new(), flaw: None, cancelled: false }
    }

    /// Passes audio on, unless nothing was to be heard yet. False if nobody listens any more.
    fn pass_on(&mut self, pcm: Bytes) -> bool {
        if self.sound.is_still_silent(&self.expected) {
            self.held.push(pcm);
            return true;
        }
        (self.held.is_empty() || self.let_go()) && self.ending.pass_on(SynthesisEvent::Audio(pcm))
    }

    /// Passes on what was held back.
    fn let_go(&mut self) -> bool {
        let held = std::mem::take(&mut self.held);
        held.into_iter().all(|pcm| self.ending.pass_on(SynthesisEvent::Audio(pcm)))
    }

    pub(super) fn fail(self, failure: Failure) {
        self.end(SynthesisEvent::Failed(failure));
    }

    fn end(self, event: SynthesisEvent) {
        self.ending.end(event);
    }
}

/// How far a life has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Hello,
    Loading,
    Serving,
}

/// A process and the conversation with it.
pub(super) struct Life {
    child: Process,
    pid: u32,
    socket: Option<WorkerSocket>,
    connection: Option<Connection<Stream>>,
    tail: StderrTail,
    listeners: [Option<JoinHandle<()>>; 2],
    phase: Phase,
    running: HashMap<SynthesisId, Running>,
    exited: Option<ExitStatus>,
    /// What the kernel had ended for want of memory when the process was last known to live.
    kills: Kills,
    /// When something was last heard that counts as progress.
    heard: Instant,
    /// Whether it does anything while it starts.
    stir: Stir,
    pinged: Option<Instant>,
    nonce: u64,
    /// Samples per second of its audio, once it is ready.
    rate: u32,
    /// It was asked to pause.
    pausing: bool,
    /// It has: its silence says nothing.
    paused: bool,
}

impl Life {
    /// Binds a socket and starts the process that is to connect to it.
    pub(super) async fn launch(spec: &WorkerSpec, launcher: &dyn Launch) -> Result<Self, WorkerError> {
        let socket = WorkerSocket::bind(&spec.socket_dir)?;
        let mut child = process::started(launcher.launch(spec, socket.path()), spec).await?;
        let pid = child.id().unwrap_or_default();
        let kills = Kills::now(child.group());
        let tail = StderrTail::default();
        let stdout = child.stdout.take().map(|out| tail.follow(spec.name(), out));
        let stderr = child.stderr.take().map(|err| tail.follow(spec.name(), err));
        Ok(Self {
            child,
            pid,
            socket: Some(socket),
            connection: None,
            tail,
            listeners: [stdout, stderr],
            phase: Phase::Hello,
            running: HashMap::new(),
            exited: None,
            kills,
            heard: Instant::now(),
            stir: Stir::new(spec.patience.startup_stillness),
            pinged: None,
            nonce: 0,
            rate: 0,
            pausing: false,
            paused: false,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn take_running(&mut self) -> HashMap<SynthesisId, Running> {
        std::mem::take(&mut self.running)
    }

    pub(super) fn last_words(&self) -> Vec<String> {
        self.tail.lines()
    }

    /// Asks the process to go, makes it go if it does not, reaps it, and hears its output to the end.
    pub(super) async fn end(&mut self, patience: &Patience, fault: &Fault) {
        if self.exited.is_none()
            && fault.leaves_it_listening()
            && let Some(connection) = &mut self.connection
        {
            let grace_ms = u64::try_from(patience.stop.as_millis()).unwrap_or(u64::MAX);
            let asked = connection.send(&ToWorker::Shutdown { grace_ms });
            if asked.is_ok() {
                // A worker that does not read cannot be asked; the signals follow in any case.
                drop(timeout(patience.stop, connection.flush()).await);
            }
        }
        // One that never connected, or has not listened for long, cannot be asked: the signal comes at once.
        let listens = self.connection.is_some() && fault.leaves_it_listening();
        let asked = if listens { patience.stop } else { Duration::ZERO };
        let status = process::end(&mut self.child, self.pid, asked, patience.stop).await;
        tracing::debug!(pid = self.pid, ?status, %fault, "Reaped a worker");
        self.connection = None;
        for listener in self.listeners.iter_mut().filter_map(Option::take) {
            // Its pipe may be held open by somebody it started; what was written until now is enough.
            let aborter = listener.abort_handle();
            if timeout(LAST_BREATH, listener).await.is_err() {
                aborter.abort();
            }
        }
    }

    /// Lives until something ends it, and says what.
    pub(super) async fn live(&mut self, actor: &mut Actor) -> Fault {
        if let Err(fault) = self.connect(actor).await {
            return fault;
        }
        let alarm = sleep_until(self.due(&actor.spec.patience));
        tokio::pin!(alarm);
        loop {
            let Some(connection) = &mut self.connection else { return Fault::Closed };
            let phase = self.phase;
            let next = tokio::select! {
                biased;
                received = connection.receive() => match received {
                    Ok(Some((FromWorker::Audio { id, .. }, payload))) => self.audio(actor, id, payload),
                    Ok(Some((message, _))) => self.hear(actor, message),
                    Ok(None) => return self.gone(None).await,
                    Err(error) => return self.gone(Some(error)).await,
                },
                command = actor.mailbox.recv() => self.obey(actor, command.unwrap_or(Command::Stop)),
                status = self.child.wait(), if self.exited.is_none() => {
                    // What it said before it went may still be in the socket: that is heard first.
                    self.exited = status.ok();
                    alarm.as_mut().reset(Instant::now() + LAST_BREATH);
                    Ok(())
                }
                () = &mut alarm => {
                    let due = self.alarm(&actor.spec.patience);
                    self.look_at_memory(actor);
                    alarm.as_mut().reset(self.due(&actor.spec.patience));
                    due
                }
            };
            if let Err(fault) = next {
                return fault;
            }
            // The alarm may ring early, never late: only an earlier moment has to be set.
            let due = self.due(&actor.spec.patience);
            if self.phase != phase || (self.exited.is_none() && due < alarm.deadline()) {
                alarm.as_mut().reset(due);
            }
        }
    }

    async fn connect(&mut self, actor: &mut Actor) -> Result<(), Fault> {
        let Some(socket) = self.socket.take() else { return Err(Fault::Closed) };
        let connected = self.await_peer(&socket, actor).await;
        if connected.is_err() {
            // Until the process is ended it may still come; a socket that is gone would be one more error of its own.
            self.socket = Some(socket);
        }
        connected
    }

    async fn await_peer(&mut self, socket: &WorkerSocket, actor: &mut Actor) -> Result<(), Fault> {
        let deadline = Instant::now() + actor.spec.patience.hello;
        loop {
            tokio::select! {
                stream = socket.accept(self.pid) => {
                    self.connection = Some(Connection::new(stream.map_err(Fault::Launch)?));
                    return Ok(());
                }
                status = self.child.wait() => {
                    self.exited = status.ok();
                    return Err(self.exited.map_or(Fault::Closed, Fault::Exited));
                }
                command = actor.mailbox.recv() => self.obey(actor, command.unwrap_or(Command::Stop))?,
                () = sleep_until(self.stir.due()) => self.look_whether_it_stirs(&actor.spec.patience)?,
                () = sleep_until(deadline) => return Err(Fault::SlowStart(actor.spec.patience.hello)),
            }
        }
    }

    /// How a process ended by itself.
    pub(super) fn exit(&self, status: ExitStatus) -> Fault {
        // Nobody here sends this signal to a process that has not yet been found at fault.
        let was_killed = status.signal() == Some(Signal::SIGKILL as i32);
        match Kills::now(self.child.group()).since(self.kills).filter(|_| was_killed) {
            Some(evidence) => Fault::OutOfMemory(evidence),
            None => Fault::Exited(status),
        }
    }

    /// Asks the kernel how much memory it holds: a worker that computes need not be asked.
    fn look_at_memory(&mut self, actor: &mut Actor) {
        if self.phase == Phase::Serving && self.exited.is_none() {
            self.kills = Kills::now(self.child.group());
            if let Some(bytes) = resident(self.pid) {
                actor.resident(bytes);
            }
        }
    }

    /// The socket is closed or broken: why, the process's own end tells best.
    async fn gone(&mut self, error: Option<ConnectionError>) -> Fault {
        if let Some(ConnectionError::Codec(error)) = error {
            return Fault::Violation(error.to_string());
        }
        if self.exited.is_none() {
            self.exited = timeout(LAST_BREATH, self.child.wait()).await.ok().and_then(Result::ok);
        }
        match (self.exited, error) {
            (Some(status), _) => self.exit(status),
            (None, Some(ConnectionError::Cut)) => Fault::Violation("it cut a message short".into()),
            (None, _) => Fault::Closed,
        }
    }

    fn obey(&mut self, actor: &mut Actor, command: Command) -> Result<(), Fault> {
        match command {
            Command::Stop => {
                if actor.stop_is_due() {
                    return Err(Fault::Asked);
                }
            }
            Command::Retire(retirement) => {
                if let Some(why) = actor.retire(retirement) {
                    return Err(why);
                }
            }
            Command::Drained => {
                if let Some(why) = actor.leaves() {
                    return Err(why);
                }
            }
            Command::Condemn(why) => return Err(Fault::Probe(why)),
            Command::Synthesize(orders) => {
                let mut more = orders.len();
                for order in orders {
                    more -= 1;
                    self.begin(actor, order, more > 0)?;
                }
            }
            Command::Cancel(id) => self.cancel(id)?,
            Command::Pause => {
                self.pausing = true;
                self.say(&ToWorker::Pause)?;
            }
            Command::Resume => {
                (self.pausing, self.paused) = (false, false);
                self.heard = Instant::now();
                self.say(&ToWorker::Resume)?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, actor: &mut Actor, order: Order, more: bool) -> Result<(), Fault> {
        let Some((id, request, running)) = actor.accept(order) else { return Ok(()) };
        if self.running.is_empty() {
            self.heard = Instant::now();
        }
        self.running.insert(id, running);
        let order = ToWorker::Synthesize {
            id,
            text: request.text,
            voice: request.voice,
            language: request.language,
            speed: request.speed,
            seed: request.seed,
            options: request.options,
            more,
            phonemes: request.phonemes,
        };
        match self.connection.as_mut().ok_or(Fault::Closed)?.send(&order) {
            Ok(()) => Ok(()),
            // The fault of who asks, and not the worker's: it has heard nothing of it.
            Err(error) => {
                let (code, message) = ("bad_option".into(), format!("could not tell the worker: {error}"));
                self.ended(actor, id, SynthesisEvent::Failed(Failure::Engine { code, message, param: None }))
            }
        }
    }

    fn cancel(&mut self, id: SynthesisId) -> Result<(), Fault> {
        match self.running.get_mut(&id) {
            Some(running) if !running.cancelled => {
                running.cancelled = true;
                self.say(&ToWorker::Cancel { id })
            }
            _ => Ok(()),
        }
    }

    fn say(&mut self, message: &ToWorker) -> Result<(), Fault> {
        match &mut self.connection {
            Some(connection) => connection.send(message).map_err(|error| Fault::Violation(error.to_string())),
            None => Err(Fault::Closed),
        }
    }
}
