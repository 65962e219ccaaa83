//! What a worker may do, and how it is held to it.
//!
//! Described here without a system call: which files a worker needs ([`Policy`]), which system calls nobody there
//! has any business with (`syscalls`), and what is told of all that ([`Protection`]). Enforced by `worker-exec`, in
//! the last moments before it becomes Python, by `enforce`, `files` and [`cgroup`]. What the kernel does not offer
//! is left out and told of; what it offers and refuses to set ends the launch: a worker runs as confined as its
//! kernel can hold it, or not at all.

pub mod cgroup;

mod enforce;
mod files;
mod kernel;
mod policy;
mod report;
mod syscalls;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(crate) use enforce::{enforce, make_scratch};
pub use kernel::{Kernel, hide_memory};
pub use policy::{Needs, Policy};
pub use report::{Protection, State, hint, protections};

/// Variables of the supervisor's that are not a worker's business: ways to other services, and what may be secret.
const PRIVATE: [&str; 14] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "CREDENTIALS_DIRECTORY",
    "JOURNAL_STREAM",
    "INVOCATION_ID",
    "DBUS_SESSION_BUS_ADDRESS",
    "SSH_AUTH_SOCK",
    "XDG_RUNTIME_DIR",
    "RUNTIME_DIRECTORY",
    "XAUTHORITY",
];
/// What the names of secrets end with.
const SECRET: [&str; 8] =
    ["_KEY", "_KEYS", "_TOKEN", "_SECRET", "_PASSWORD", "_PASSWD", "_CREDENTIALS", "_KEY_ID"];

/// What `worker-exec` writes to its standard error once it has confined itself: everything after it was written inside.
pub(crate) const CONFINED: &str = "ishowtts: confined";

/// How one worker is confined: all that `worker-exec` is told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Confinement {
    /// What it may reach. `None`: the sandbox is off for it.
    pub policy: Option<Policy>,
    /// Each life gets a folder of its own in this one, which goes with it.
    pub scratch: Option<PathBuf>,
    /// Variables that name that folder to the worker.
    pub scratch_variables: Vec<String>,
    /// Each life gets a control group of its own in this one.
    pub cgroup: Option<PathBuf>,
    /// Most memory of such a group, in MiB, where the host delegates it.
    pub cgroup_memory_mb: Option<u64>,
}

impl Confinement {
    /// Where the process `pid`, which runs this engine's worker, may write and forget.
    pub(crate) fn scratch_of(&self, pid: u32) -> Option<PathBuf> {
        self.scratch.as_ref().map(|dir| dir.join(pid.to_string()))
    }

    /// The control group of the process `pid`.
    pub(crate) fn cgroup_of(&self, supervisor: u32, pid: u32) -> Option<PathBuf> {
        self.cgroup.as_ref().map(|base| base.join(cgroup::name(supervisor, pid)))
    }
}

/// Whether a variable of the supervisor's own environment is kept from its workers. What the configuration sets for
/// an engine is always passed on.
pub fn is_private(variable: &str) -> bool {
    PRIVATE.contains(&variable) || SECRET.iter().any(|end| variable.to_ascii_uppercase().ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_ways_to_other_services_are_kept_from_workers() {
        for private in ["NOTIFY_SOCKET", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "db_password"] {
            assert!(is_private(private), "{private}");
        }
        for known in ["PATH", "LANG", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "TZ", "KEYMAP"] {
            assert!(!is_private(known), "{known}");
        }
    }
}
