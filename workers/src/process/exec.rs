//! The other side of a launch: the short life of `ishowtts worker-exec`, which turns itself into a worker.

use std::{convert::Infallible, ffi::OsString, io, os::unix::ffi::OsStringExt, path::PathBuf};

use nix::{
    errno::Errno,
    sched::{CpuSet, sched_setaffinity},
    sys::{
        prctl::set_pdeathsig,
        resource::{Resource, setrlimit},
        signal::{SigSet, SigmaskHow, Signal, sigprocmask},
    },
    unistd::{Pid, execv, getppid, setsid},
};

use crate::spec::ExecLimits;

/// What `worker-exec` was asked to do.
#[derive(Clone, Debug)]
pub struct ExecPlan {
    /// The supervisor's process id: when it is not our parent, it died before we could bind to it.
    pub parent: u32,
    /// What to set.
    pub limits: ExecLimits,
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

/// Sets session, parent-death signal and limits, then becomes the program. Returns only on failure.
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
    let program = step("name the program", c_string(plan.program.clone().into_os_string()))?;
    let mut argv = vec![program.clone()];
    for arg in plan.args {
        argv.push(step("pass an argument", c_string(arg))?);
    }
    step(format!("run {}", plan.program.display()), execv(&program, &argv))
}

fn c_string(text: OsString) -> Result<std::ffi::CString, Errno> {
    std::ffi::CString::new(text.into_vec()).map_err(|_nul| Errno::EINVAL)
}
