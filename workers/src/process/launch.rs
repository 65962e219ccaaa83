//! Starting a process, from the one thread whose end the children must not outlive.

use std::{
    env, fs, io,
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    process::Stdio,
    sync::mpsc,
    thread,
};

use tokio::{
    process::{Child, Command},
    runtime::Handle,
    sync::oneshot,
};

use crate::{error::WorkerError, sandbox, spec::WorkerSpec};

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

/// A child, and what is of its own and has to go with it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    scratch: Option<PathBuf>,
    group: Option<PathBuf>,
}

impl Process {
    /// The control group that it has for itself, if it has one.
    pub(crate) fn group(&self) -> Option<&Path> {
        self.group.as_deref()
    }

    /// Ends whatever is left of its control group, and removes its folder.
    pub(super) async fn clear(&mut self) {
        if let Some(group) = self.group.take() {
            sandbox::cgroup::end(&group).await;
        }
        if let Some(dir) = self.scratch.take() {
            // It may be large, and a disk may be slow: whoever waits here serves everybody.
            let removed = tokio::task::spawn_blocking(move || (fs::remove_dir_all(&dir), dir)).await;
            if let Ok((Err(error), dir)) = removed
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(dir = %dir.display(), %error, "Could not remove what a worker left");
            }
        }
    }
}

impl Deref for Process {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.child
    }
}

impl DerefMut for Process {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.child
    }
}

/// Waits for a launch.
pub(crate) async fn started(launched: Launched, spec: &WorkerSpec) -> Result<Process, WorkerError> {
    let child = launched
        .await
        .map_err(|_gone| WorkerError::LauncherGone)?
        .map_err(|source| WorkerError::Launch { program: spec.launcher.clone(), source })?;
    let pid = child.id().unwrap_or_default();
    let (scratch, group) =
        (spec.confinement.scratch_of(pid), spec.confinement.cgroup_of(std::process::id(), pid));
    Ok(Process { child, scratch, group })
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
    // Plain fields in a map: there is nothing in it that could not be written.
    let confinement = serde_json::to_string(&spec.confinement).unwrap_or_default();
    command.arg("--confinement").arg(confinement);
    command.arg("--").arg(&spec.program).args(&spec.args);
    command.arg("--socket").arg(socket);
    command.arg("--engine").arg(&spec.engine);
    command.arg("--replica").arg(spec.replica.to_string());
    for (name, _) in env::vars_os().filter(|(name, _)| sandbox::is_private(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command
        .envs(&spec.env)
        .current_dir(&spec.working_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}
