//! Holding this process, which is about to become a worker, to its policy.

use std::{fs, io, path::Path};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustix::{
    io::Errno,
    thread::{
        CapabilitySet, CapabilitySets, capabilities as held, capability_is_in_bounding_set,
        clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
        set_no_new_privs,
    },
};

use super::{
    Policy, files,
    syscalls::{self, Parties},
};

/// Most open files: models, libraries and a GPU's driver take a few hundred.
const FILES: u64 = 4096;
/// Largest file that it may write, so that one gone astray does not fill the disk at once.
const FILE_BYTES: u64 = 4 << 30;
/// Most processes and threads of a user that serves nothing else.
const TASKS: u64 = 4096;

/// A step that failed, and why.
pub(crate) type Failed = (&'static str, io::Error);

/// Confines this process, which must have one thread. What the kernel lacks is left out; what it has and refuses is
/// an error.
pub(crate) fn enforce(policy: &Policy, scratch: Option<&Path>, supervisor: u32) -> Result<(), Failed> {
    let step = |act: &'static str| move |error: io::Error| (act, error);
    limits().map_err(step("set limits"))?;
    capabilities().map_err(step("give up privileges"))?;
    set_no_new_privs(true).map_err(|error| ("give up privileges for good", error.into()))?;
    files::confine(policy, scratch)
        .map_err(|error| ("confine it to its files (Landlock)", io::Error::other(error)))?;
    filter(supervisor).map_err(step("filter its system calls (seccomp)"))
}

fn limits() -> io::Result<()> {
    let lower = |resource, most: u64| {
        let (_, hard) = getrlimit(resource)?;
        let most = most.min(hard);
        setrlimit(resource, most, most)
    };
    lower(Resource::RLIMIT_CORE, 0)?;
    lower(Resource::RLIMIT_NOFILE, FILES)?;
    lower(Resource::RLIMIT_FSIZE, FILE_BYTES)?;
    // The limit counts all tasks of the user on the machine, a desktop's too.
    if serves_nothing_else(nix::unistd::getuid().as_raw()) {
        lower(Resource::RLIMIT_NPROC, TASKS)?;
    }
    Ok(())
}

/// Users that a service manager makes for a service, or a package for its own.
fn serves_nothing_else(user: u32) -> bool {
    (1..1000).contains(&user) || (61_184..=65_519).contains(&user)
}

/// Gives up what a server that runs as root could pass on. Files of root's stay readable to it as their owner.
fn capabilities() -> io::Result<()> {
    for capability in CapabilitySet::all().iter() {
        match capability_is_in_bounding_set(capability) {
            Ok(true) => match remove_capability_from_bounding_set(capability) {
                // Who may not remove any has none to pass on either.
                Ok(()) | Err(Errno::PERM) => {}
                Err(error) => return Err(error.into()),
            },
            // An older kernel does not know the newer ones.
            Ok(false) | Err(Errno::INVAL) => {}
            Err(error) => return Err(error.into()),
        }
    }
    match clear_ambient_capability_set() {
        Ok(()) | Err(Errno::INVAL) => {}
        Err(error) => return Err(error.into()),
    }
    let none = CapabilitySet::empty();
    let now = held(None)?;
    if (now.effective | now.permitted | now.inheritable).is_empty() {
        // A service manager may have taken the call away with the privileges.
        return Ok(());
    }
    Ok(set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?)
}

fn filter(supervisor: u32) -> io::Result<()> {
    let number = |pid: u32| i32::try_from(pid).map_err(io::Error::other);
    let supervisor = number(supervisor)?;
    let group = nix::unistd::getpgid(Some(nix::unistd::Pid::from_raw(supervisor)))?.as_raw();
    let parties = Parties { supervisor, group, worker: number(std::process::id())? };
    for program in syscalls::filters(parties).map_err(io::Error::other)? {
        match seccompiler::apply_filter(&program) {
            Err(seccompiler::Error::Seccomp(error)) if lacks(&error) => return Ok(()),
            outcome => outcome.map_err(io::Error::other)?,
        }
    }
    Ok(())
}

/// The kernel was built without filters.
fn lacks(error: &io::Error) -> bool {
    let lacking = [libc::EINVAL, libc::ENOSYS].map(Some);
    lacking.contains(&error.raw_os_error()) && !super::Kernel::probe().seccomp
}

/// Makes the folder that a life may write in and forget.
pub(crate) fn make_scratch(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tasks_of_a_users_own_session_are_not_counted() {
        assert!(serves_nothing_else(999) && serves_nothing_else(61_500));
        assert!(!serves_nothing_else(0) && !serves_nothing_else(1000) && !serves_nothing_else(65_534));
    }
}
