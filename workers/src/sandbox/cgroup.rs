//! A control group for each life of a worker, where the host delegates one to us: it holds what escapes a process
//! group, limits memory and tasks, and ends whole.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// Where the supervisor itself goes: a group whose controllers are given to others holds no process of its own.
const OWN: &str = "supervisor";
/// How the names of workers' groups begin.
const PREFIX: &str = "worker-";
/// What we want of the host.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];
/// Most processes and threads of a worker, compilers among them.
const TASKS: u64 = 2048;
/// How long a group that was killed may take to become empty, and how often one looks.
const EMPTY: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(5);

/// A group to put workers' groups into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegated {
    /// Its folder.
    pub base: PathBuf,
    /// The controllers that hold in it.
    pub controllers: Vec<String>,
}

/// The name of a worker's group. It tells the supervisor, so that what a killed one left can be told.
pub(super) fn name(supervisor: u32, pid: u32) -> String {
    format!("{PREFIX}{supervisor}-{pid}")
}

/// Finds the group that the host has delegated to this process. `Err` says why there is none.
pub fn find() -> Result<Delegated, String> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mount = mount(&mounts).ok_or("no cgroup v2 is mounted")?;
    let lines = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let path = own(&lines).ok_or("this process is in no cgroup v2")?;
    let place = mount.join(path.trim_start_matches('/'));
    // Already moved, by us in an earlier life or by the service manager.
    let base = if place.ends_with(OWN) { place.parent().unwrap_or(&place).to_owned() } else { place };
    if path == "/" || !is_delegated(&base) {
        return Err("the host delegates no control group (a unit does with Delegate=yes)".into());
    }
    look(&base)
}

/// Looks at a group, and takes for granted that what it has could be passed on.
pub fn look(base: &Path) -> Result<Delegated, String> {
    let Ok(offered) = fs::read_to_string(base.join("cgroup.controllers")) else {
        return Err(format!("{} is no control group", base.display()));
    };
    let ours = |controller: &&&str| offered.split_whitespace().any(|offered| offered == **controller);
    let controllers = CONTROLLERS.iter().filter(ours).map(ToString::to_string).collect();
    Ok(Delegated { base: base.to_owned(), controllers })
}

/// Takes a group for our own: moves this process, if it is in it, into a group of its own there, has memory and tasks
/// counted, and removes what killed supervisors left.
pub fn take(base: &Path) -> Result<Delegated, String> {
    let told = |act: &str, error: io::Error| format!("could not {act} in {}: {error}", base.display());
    let offered = look(base)?;
    sweep(base);
    let lines = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let inside = own(&lines).is_some_and(|path| base.ends_with(path.trim_start_matches('/')) && path != "/");
    if inside {
        let own = base.join(OWN);
        make(&own).map_err(|error| told("make a group", error))?;
        fs::write(own.join("cgroup.procs"), "0").map_err(|error| told("move the supervisor", error))?;
    }
    // A try, to fail here and not at a launch.
    let probe = base.join(format!("{PREFIX}probe-{}", std::process::id()));
    make(&probe).map_err(|error| told("make a group", error))?;
    let removed = fs::remove_dir(&probe);
    removed.map_err(|error| told("remove a group", error))?;
    for controller in &offered.controllers {
        // One that others hold back does not hold; what holds is read below.
        drop(fs::write(base.join("cgroup.subtree_control"), format!("+{controller}")));
    }
    let held = fs::read_to_string(base.join("cgroup.subtree_control")).unwrap_or_default();
    let controllers = held.split_whitespace().filter(|held| CONTROLLERS.contains(held)).map(str::to_owned);
    Ok(Delegated { base: base.to_owned(), controllers: controllers.collect() })
}

/// Puts this process into a group of its own.
pub(crate) fn join(group: &Path, memory_mb: Option<u64>) -> io::Result<()> {
    make(group)?;
    let limit = |file: &str, most: u64| match fs::write(group.join(file), most.to_string()) {
        // Without its controller the file is not there, and cannot be made.
        Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied].contains(&error.kind()) => {
            Ok(())
        }
        outcome => outcome,
    };
    limit("pids.max", TASKS)?;
    if let Some(megabytes) = memory_mb {
        limit("memory.max", megabytes.saturating_mul(1 << 20))?;
        limit("memory.swap.max", 0)?;
    }
    fs::write(group.join("cgroup.procs"), "0")
}

/// Ends everything that is left in a group, and removes it.
pub(crate) async fn end(group: &Path) {
    let deadline = Instant::now() + EMPTY;
    while group.exists() {
        kill(group);
        if fs::remove_dir(group).is_ok() {
            return;
        }
        if Instant::now() >= deadline {
            tracing::warn!(group = %group.display(), "Could not end all processes of a worker's group");
            return;
        }
        sleep(LOOK).await;
    }
}

/// SIGKILL to all in it, at once where the kernel can (5.14 and newer).
fn kill(group: &Path) {
    if fs::write(group.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    let members = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    for pid in members.lines().filter_map(|line| line.parse().ok()) {
        if let Some(pid) = rustix::process::Pid::from_raw(pid) {
            // Gone already is as good.
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Ends and removes what supervisors left that are no more.
fn sweep(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-')?.0.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            kill(&entry.path());
            // What is not empty yet is removed at the next start.
            drop(fs::remove_dir(entry.path()));
        }
    }
}

fn make(group: &Path) -> io::Result<()> {
    match fs::create_dir(group) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome,
    }
}

/// The service manager marks what it delegates; a user's own is the user's.
fn is_delegated(base: &Path) -> bool {
    let mut value = [0_u8; 8];
    let mark = ["user.delegate", "trusted.delegate"]
        .iter()
        .find_map(|name| rustix::fs::getxattr(base, *name, &mut value).ok())
        .and_then(|length| value.get(..length));
    let user = nix::unistd::geteuid();
    let is_ours = !user.is_root() && fs::metadata(base).is_ok_and(|found| found.uid() == user.as_raw());
    mark == Some(b"1") || is_ours
}

/// Where the second version is mounted.
fn mount(mounts: &str) -> Option<PathBuf> {
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    fields
        .filter(|fields| fields.get(2) == Some(&"cgroup2"))
        .find_map(|fields| fields.get(1).map(PathBuf::from))
}

/// The process's own group, seen from there.
fn own(lines: &str) -> Option<&str> {
    lines.lines().find_map(|line| line.strip_prefix("0::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_second_version_beside_the_first() {
        let mounts = "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n";
        assert_eq!(mount(mounts), Some("/sys/fs/cgroup/unified".into()));
        assert_eq!(mount("proc /proc proc rw 0 0\n"), None);
        assert_eq!(own("4:memory:/a\n0::/system.slice/x.service\n"), Some("/system.slice/x.service"));
        assert_eq!(own("4:memory:/a\n"), None);
    }

    #[tokio::test]
    async fn a_folder_that_is_no_group_is_not_taken_and_nothing_is_made_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let told = take(dir.path()).unwrap_err();
        assert!(told.contains("is no control group"), "{told}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        end(&dir.path().join("gone")).await;
    }
}
