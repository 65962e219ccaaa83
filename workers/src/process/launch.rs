//! Starting a process, from the one thread whose end the children must not outlive.

use std::{io, path::Path, process::Stdio, sync::mpsc, thread};

use tokio::{
    process::{Child, Command},
    runtime::Handle,
    sync::oneshot,
};

use crate::{error::WorkerError, spec::WorkerSpec};

/// Something that starts workers. The real one is [`Launcher`].
pub trait Launch: Send + Sync {
    /// Starts the worker that is to connect to `socket`; its stdout and stderr are piped.
    fn launch(&self, spec: &WorkerSpec, socket: &Path) -> Launched;
}

/// The answer to a launch: the child, once the launcher thread has forked it.
pub type Launched = oneshot::Receiver<io::Result<Child>>;

/// Starts workers through `worker-exec`, all from one thread of its own that ends with the process.
#[derive(Debug)]
pub struct Launcher {
    orders: mpsc::Sender<(Command, oneshot::Sender<io::Result<Child>>)>,
}

impl Launcher {
    /// Starts the thread. Must be called within a runtime, which then reaps the children.
    pub fn start() -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel::<(Command, oneshot::Sender<io::Result<Child>>)>();
        let runtime = Handle::current();
        thread::Builder::new().name("launcher".into()).spawn(move || {
            let _entered = runtime.enter();
            while let Ok((mut command, answer)) = inbox.recv() {
                // Nobody may be waiting any more: then the child is dropped, and with it killed.
                drop(answer.send(command.spawn()));
            }
            // The handle is gone, but children may be on their way out: the process's end ends this thread.
            loop {
                thread::park();
            }
        })?;
        Ok(Self { orders })
    }
}

impl Launch for Launcher {
    fn launch(&self, spec: &WorkerSpec, socket: &Path) -> Launched {
        let (answer, launched) = oneshot::channel();
        // A dead launcher thread shows as a closed answer.
        drop(self.orders.send((command(spec, socket), answer)));
        launched
    }
}

/// Waits for a launch.
pub(crate) async fn started(launched: Launched, spec: &WorkerSpec) -> Result<Child, WorkerError> {
    launched
        .await
        .map_err(|_gone| WorkerError::LauncherGone)?
        .map_err(|source| WorkerError::Launch { program: spec.launcher.clone(), source })
}

fn command(spec: &WorkerSpec, socket: &Path) -> Command {
    let mut command = Command::new(&spec.launcher);
    command.arg("worker-exec").arg("--parent").arg(std::process::id().to_string());
    if !spec.limits.cpus.is_empty() {
        let cpus: Vec<String> = spec.limits.cpus.iter().map(ToString::to_string).collect();
        command.arg("--cpus").arg(cpus.join(","));
    }
    if spec.limits.nice != 0 {
        command.arg(format!("--nice={}", spec.limits.nice));
    }
    if let Some(megabytes) = spec.limits.memory_mb {
        command.arg("--memory-mb").arg(megabytes.to_string());
    }
    command.arg("--").arg(&spec.program).args(&spec.args);
    command.arg("--socket").arg(socket);
    command.arg("--engine").arg(&spec.engine);
    command.arg("--replica").arg(spec.replica.to_string());
    command
        .envs(&spec.env)
        .current_dir(&spec.working_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}
