//! The policy as rules of Landlock, which holds a process and all that it starts to them.

use std::{
    fs, io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope, make_bitflags,
};

use super::Policy;

/// The newest of Landlock's versions whose rights are asked for; an older kernel holds to what it knows of them.
const NEWEST: ABI = ABI::V9;

/// Confines this thread, and what it becomes, to the policy; `scratch` is its own folder to write in. No port is
/// open, nobody outside can be sent a signal, and no abstract socket of others can be connected to.
pub(super) fn confine(policy: &Policy, scratch: Option<&Path>) -> Result<(), RulesetError> {
    if policy.moves && version() == 1 {
        return Ok(());
    }
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let write = read
        | make_bitflags!(AccessFs::{WriteFile | Truncate | MakeReg | MakeDir | MakeSym | MakeFifo | MakeSock
            | RemoveFile | RemoveDir | Refer | ResolveUnix});
    let device = make_bitflags!(AccessFs::{ReadFile | WriteFile | ReadDir | IoctlDev});
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        // What is denied is told to the kernel's audit log, where somebody keeps one.
        .log_new_exec(true)?;
    rules = open(rules, policy.read.iter(), read)?;
    rules = open(rules, policy.execute.iter(), read | AccessFs::Execute)?;
    rules = open(rules, policy.devices.iter(), device)?;
    rules = open(rules, policy.sockets.iter(), AccessFs::ResolveUnix.into())?;
    let scratch = scratch.map(Path::to_owned);
    rules = open(rules, policy.write.iter().chain(scratch.as_ref()), write)?;
    if policy.names_threads
        && let Ok(threads) = own_threads()
    {
        let naming = make_bitflags!(AccessFs::{WriteFile | Truncate});
        rules = rules.add_rule(PathBeneath::new(&threads, naming))?;
        // Open for as long as the worker lives: see there.
        std::mem::forget(threads);
    }
    rules.restrict_self()?;
    Ok(())
}

/// This process's threads, whose number stays the same when it becomes the worker. A rule holds for what the kernel
/// keeps in memory, and it keeps this folder for as long as somebody has it open, so the worker inherits it: a handle
/// that says where it is and gives no access.
fn own_threads() -> rustix::io::Result<OwnedFd> {
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY;
    rustix::fs::open(format!("/proc/{}/task", std::process::id()), flags, rustix::fs::Mode::empty())
}

fn open<'p>(
    mut rules: RulesetCreated,
    paths: impl Iterator<Item = &'p PathBuf>,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    for path in paths.flat_map(|path| expand(path)) {
        // One that is not there is nothing to open. If it comes to be later, it stays closed.
        let Ok(place) = PathFd::new(&path) else { continue };
        // Rights on what a folder holds mean nothing for a file.
        let access = if path.is_dir() { access } else { access & AccessFs::from_file(NEWEST) };
        if !access.is_empty() {
            rules = rules.add_rule(PathBeneath::new(place, access))?;
        }
    }
    Ok(rules)
}

/// The paths that a `*` at the end of a name, or of a part of the path, stands for.
fn expand(path: &Path) -> Vec<PathBuf> {
    path.components().fold(vec![PathBuf::new()], |found, part| {
        let name = part.as_os_str();
        match name.to_str().and_then(|name| name.strip_suffix('*')) {
            Some(beginning) => found.iter().flat_map(|dir| beginning_with(dir, beginning)).collect(),
            None => found.into_iter().map(|dir| dir.join(name)).collect(),
        }
    })
}

fn beginning_with(dir: &Path, beginning: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(io::Result::ok);
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(beginning));
    named.map(|entry| entry.path()).collect()
}

/// The newest version of Landlock that both the kernel and we know, as far as it matters to us; 0 if there is none.
pub(super) fn version() -> u8 {
    let asked = || Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let known = [
        (1, asked().handle_access(AccessFs::Execute).is_ok()),
        (2, asked().handle_access(AccessFs::Refer).is_ok()),
        (3, asked().handle_access(AccessFs::Truncate).is_ok()),
        (4, asked().handle_access(AccessNet::ConnectTcp).is_ok()),
        (5, asked().handle_access(AccessFs::IoctlDev).is_ok()),
        (6, asked().scope(Scope::Signal).is_ok()),
        (9, asked().handle_access(AccessFs::ResolveUnix).is_ok()),
    ];
    known.into_iter().filter(|(_, offered)| *offered).map(|(version, _)| version).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_every_name_that_begins_so() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["cuda/bin", "cuda-12/bin", "other/bin"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        let mut found = expand(&dir.path().join("cuda*/bin"));
        found.sort();
        assert_eq!(found, [dir.path().join("cuda/bin"), dir.path().join("cuda-12/bin")]);
        assert_eq!(expand(Path::new("/nowhere/x*")), Vec::<PathBuf>::new());
        assert_eq!(expand(Path::new("/dev/null")), [Path::new("/dev/null")]);
    }
}
