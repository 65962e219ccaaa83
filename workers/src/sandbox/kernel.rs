//! What this machine's kernel has to hold a process with.

use std::{fs, io};

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use super::files;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
    /// The version of Landlock, as far as it matters to us; 0 if there is none.
    pub landlock: u8,
    /// System calls can be filtered.
    pub seccomp: bool,
}

impl Kernel {
    /// Asks it. Nothing is changed.
    pub fn probe() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let filters = fs::exists("/proc/sys/kernel/seccomp/actions_avail").unwrap_or(false);
        let seccomp = filters || status.lines().any(|line| line.starts_with("Seccomp_filters:"));
        Self { landlock: files::version(), seccomp }
    }
}

/// Closes this process's memory and environment to other processes of the same user: what Landlock does for workers
/// of a newer kernel. It also keeps core dumps from being written.
pub fn hide_memory() -> io::Result<()> {
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}
