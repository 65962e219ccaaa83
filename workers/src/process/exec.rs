//! The other side of a launch: the short life of `ishowtts worker-exec`, which turns itself into a worker.

use std::{
    convert::Infallible,
    env,
    ffi::{CString, OsString},
    io::{self, Write},
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    sched::{CpuSet, sched_setaffinity},
    sys::{
        prctl::set_pdeathsig,
        resource::{Resource, setrlimit},
        signal::{SigSet, SigmaskHow, Signal, sigprocmask},
    },
    unistd::{Pid, execve, getppid, setsid},
};

use crate::{
    sandbox::{self, Confinement},
    spec::ExecLimits,
};

/// What `worker-exec` was asked to do.
#[derive(Clone, Debug)]
pub struct ExecPlan {
    /// The supervisor's process id: when it is not our parent, it died before we could bind to it.
    pub parent: u32,
    /// What to set.
    pub limits: ExecLimits,
    /// What it may reach.
    pub confinement: Confinement,
    /// What to become: the path of a program, and its arguments.
    pub program: PathBuf,
    /// Arguments, the program's own name not among them.
    pub args: Vec<OsString>,
}

/// A step that failed. Nothing has been started then.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The supervisor is gone, so nobody wants this worker.
    #[error("supervisor {0} is gone")]
    Orphaned(u32),
    /// A system call said no.
    #[error("could not {act}")]
    Step {
        /// What was tried.
        act: String,
        /// Why it failed.
        source: io::Error,
    },
}

fn step<T>(act: impl Into<String>, result: Result<T, impl Into<io::Error>>) -> Result<T, ExecError> {
    result.map_err(|source| ExecError::Step { act: act.into(), source: source.into() })
}

/// Sets session, parent-death signal, limits and sandbox, then becomes the program. Returns only on failure.
pub fn exec(plan: ExecPlan) -> Result<Infallible, ExecError> {
    step("set the parent-death signal", set_pdeathsig(Signal::SIGKILL))?;
    // Between the fork and the line above the supervisor may have died, and its signal with it.
    if u32::try_from(getppid().as_raw()) != Ok(plan.parent) {
        return Err(ExecError::Orphaned(plan.parent));
    }
    // A session of its own: a ^C at the terminal is for the supervisor, and the group can be ended whole.
    step("start a session", setsid())?;
    step("unblock signals", sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None))?;
    if !plan.limits.cpus.is_empty() {
        let mut set = CpuSet::new();
        for &cpu in &plan.limits.cpus {
            step(format!("name cpu {cpu}"), set.set(cpu))?;
        }
        let pinned = sched_setaffinity(Pid::from_raw(0), &set);
        step(format!("pin to cpus {:?}", plan.limits.cpus), pinned)?;
    }
    if plan.limits.nice != 0 {
        let reniced = rustix::process::nice(plan.limits.nice).map_err(io::Error::from);
        step(format!("add {} to the nice value", plan.limits.nice), reniced)?;
    }
    if let Some(megabytes) = plan.limits.memory_mb {
        let bytes = megabytes.saturating_mul(1024 * 1024);
        let limited = setrlimit(Resource::RLIMIT_AS, bytes, bytes);
        step(format!("limit memory to {megabytes} MiB"), limited)?;
    }
    let scratch = confine(&plan)?;
    let program = step("name the program", c_string(plan.program.clone().into_os_string()))?;
    let mut argv = vec![program.clone()];
    for arg in plan.args {
        argv.push(step("pass an argument", c_string(arg))?);
    }
    let variables = step("pass a variable", variables(&plan.confinement, scratch.as_deref()))?;
    step(format!("run {}", plan.program.display()), execve(&program, &argv, &variables))
}

/// The last steps: whatever comes after them is held by them too. Returns the life's own folder.
fn confine(plan: &ExecPlan) -> Result<Option<PathBuf>, ExecError> {
    let (confinement, pid) = (&plan.confinement, std::process::id());
    if let Some(group) = confinement.cgroup_of(plan.parent, pid) {
        let joined = sandbox::cgroup::join(&group, confinement.cgroup_memory_mb);
        step(format!("join the control group {}", group.display()), joined)?;
    }
    let scratch = confinement.scratch_of(pid);
    if let Some(dir) = &scratch {
        step(format!("make {}", dir.display()), sandbox::make_scratch(dir))?;
        step(format!("start in {}", dir.display()), env::set_current_dir(dir))?;
    }
    if let Some(policy) = &confinement.policy {
        sandbox::enforce(policy, scratch.as_deref(), plan.parent)
            .map_err(|(act, source)| ExecError::Step { act: act.into(), source })?;
        // Nobody may be listening, and that is no reason not to start.
        drop(writeln!(io::stderr(), "{}", sandbox::CONFINED));
    }
    Ok(scratch)
}

/// Our own variables, those aside that name the folder of this life.
fn variables(confinement: &Confinement, scratch: Option<&Path>) -> Result<Vec<CString>, Errno> {
    let named = &confinement.scratch_variables;
    let ours =
        env::vars_os().filter(|(name, _)| scratch.is_none() || !named.iter().any(|own| name == own.as_str()));
    let own =
        scratch.map(|dir| named.iter().map(move |name| (name.into(), dir.into()))).into_iter().flatten();
    let pair = |(name, value): (OsString, OsString)| {
        let mut pair = name;
        pair.push("=");
        pair.push(value);
        c_string(pair)
    };
    ours.chain(own).map(pair).collect()
}

fn c_string(text: OsString) -> Result<CString, Errno> {
    CString::new(text.into_vec()).map_err(|_nul| Errno::EINVAL)
}
