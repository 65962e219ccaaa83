//! What is told of the protections: which are in force, which only in part, which are missing, and why.

use std::fmt;

use super::{Kernel, cgroup::Delegated};

/// How far a protection holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In full.
    Enforced,
    /// As far as this kernel can.
    Partial,
    /// Not at all.
    Missing,
}

impl State {
    /// `enforced`, `partial`, `missing`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Partial => "partial",
            Self::Missing => "missing",
        }
    }
}

/// One of the things that hold a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// What it protects.
    pub name: &'static str,
    /// How far.
    pub state: State,
    /// By what, or why not.
    pub details: String,
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.state.label(), self.details)
    }
}

/// What holds the workers of this machine. Those that the kernel offers are in force in each sandboxed worker: one
/// that could not be confined with them is not started.
pub fn protections(kernel: Kernel, cgroup: &Result<Delegated, String>) -> Vec<Protection> {
    let tell = |name, (state, details)| Protection { name, state, details };
    vec![
        tell("files", files(kernel.landlock)),
        tell("network", network(kernel)),
        tell("system_calls", system_calls(kernel.seccomp)),
        tell("signals", signals(kernel)),
        tell("sockets", sockets(kernel.landlock)),
        tell("privileges", (State::Enforced, "no new ones, and no capabilities".into())),
        tell("limits", (State::Enforced, "4096 open files, 4 GiB a file, no core dumps".into())),
        tell("cgroup", group(cgroup)),
    ]
}

type Told = (State, String);

fn files(landlock: u8) -> Told {
    let lacks = match landlock {
        0 => return (State::Missing, no_landlock()),
        1 => "emptying files and controlling devices is not restricted, nor are engines that compile kernels",
        2 => "emptying files and controlling devices is not restricted",
        3 | 4 => "controlling devices is not restricted",
        _ => return (State::Enforced, by_landlock(landlock)),
    };
    (State::Partial, format!("{}; {lacks}", by_landlock(landlock)))
}

fn network(kernel: Kernel) -> Told {
    match (kernel.seccomp, kernel.landlock) {
        (true, 4..) => (State::Enforced, "no sockets but Unix ones (seccomp), no TCP (Landlock)".into()),
        (true, _) => (State::Enforced, "no sockets but Unix ones (seccomp)".into()),
        (false, 4..) => {
            (State::Partial, format!("TCP is closed ({}), UDP is open", by_landlock(kernel.landlock)))
        }
        (false, _) => (State::Missing, no_seccomp()),
    }
}

fn system_calls(seccomp: bool) -> Told {
    if seccomp {
        (
            State::Enforced,
            "tracing, mounts, namespaces, modules, io_uring and others are refused (seccomp)".into(),
        )
    } else {
        (State::Missing, no_seccomp())
    }
}

fn signals(kernel: Kernel) -> Told {
    match (kernel.landlock, kernel.seccomp) {
        (6.., _) => (State::Enforced, format!("none to others ({})", by_landlock(kernel.landlock))),
        (_, true) => {
            let details =
                "none to the supervisor (seccomp); other workers are reached. Linux 6.12 closes that too";
            (State::Partial, details.into())
        }
        (_, false) => (State::Missing, "neither Landlock nor seccomp can hold them".into()),
    }
}

fn sockets(landlock: u8) -> Told {
    match landlock {
        9.. => (State::Enforced, format!("only the supervisor's ({})", by_landlock(landlock))),
        6.. => {
            let details = format!(
                "abstract ones are closed ({}); those with a path are guarded by the rights of their files",
                by_landlock(landlock)
            );
            (State::Partial, details)
        }
        _ => (State::Missing, "Unix sockets of others are guarded by the rights of their files alone".into()),
    }
}

fn group(cgroup: &Result<Delegated, String>) -> Told {
    match cgroup {
        Ok(found) if found.controllers.len() == 2 => {
            (State::Enforced, format!("memory and tasks are limited, in {}", found.base.display()))
        }
        Ok(found) => {
            let details = format!(
                "ends whole, in {}; the host gives no control over {}",
                found.base.display(),
                if found.controllers.is_empty() { "memory and tasks" } else { "one of memory and tasks" }
            );
            (State::Partial, details)
        }
        Err(why) => (State::Missing, format!("{why}; a worker's session is ended instead")),
    }
}

fn by_landlock(version: u8) -> String {
    format!("Landlock, version {version} at least")
}

fn no_landlock() -> String {
    "this kernel has no Landlock (Linux 5.13 and newer, switched on by lsm=landlock,… on its command line)"
        .into()
}

fn no_seccomp() -> String {
    "this kernel cannot filter system calls (seccomp)".into()
}

/// What denials look like in a worker's own words.
const DENIALS: [&str; 10] = [
    "Permission denied",
    "PermissionError",
    "Operation not permitted",
    "EACCES",
    "EPERM",
    "CUDA unknown error",
    "CUDA driver initialization failed",
    "no CUDA-capable device",
    "finds no GPU",
    "failed to map segment from shared object",
];

/// What to tell beside a sandboxed worker's words, if they look as if it was denied something.
pub fn hint(engine: &str, line: &str) -> Option<String> {
    DENIALS.iter().any(|denial| line.contains(denial)).then(|| {
        format!(
            "If the sandbox denied what this engine needs: open the path with `read`, `write` or `execute` under \
             [engines.{engine}], or set `sandbox = false` there to see whether it is the sandbox"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(landlock: u8, seccomp: bool) -> Vec<&'static str> {
        let none = Err("none".to_owned());
        let told = protections(Kernel { landlock, seccomp }, &none);
        told.iter().take(5).map(|protection| protection.state.label()).collect()
    }

    #[test]
    fn older_kernels_protect_less_and_it_is_told() {
        let (full, part, none) = ("enforced", "partial", "missing");
        for (landlock, seccomp, expected) in [
            (9, true, [full, full, full, full, full]),
            (6, true, [full, full, full, full, part]),
            (5, true, [full, full, full, part, none]),
            (4, true, [part, full, full, part, none]),
            (1, true, [part, full, full, part, none]),
            (0, true, [none, full, full, part, none]),
            (4, false, [part, part, none, none, none]),
            (0, false, [none; 5]),
        ] {
            assert_eq!(states(landlock, seccomp), expected, "Landlock {landlock}, seccomp {seccomp}");
        }
    }

    #[test]
    fn a_group_counts_in_full_only_with_its_controllers() {
        let found = |controllers: &[&str]| {
            let controllers = controllers.iter().map(ToString::to_string).collect();
            group(&Ok(Delegated { base: "/g".into(), controllers })).0
        };
        assert_eq!(found(&["memory", "pids"]), State::Enforced);
        assert_eq!((found(&["pids"]), found(&[])), (State::Partial, State::Partial));
        assert_eq!(group(&Err("no".into())).0, State::Missing);
    }

    #[test]
    fn a_denial_leads_to_the_settings() {
        let told = hint("f5", "PermissionError: [Errno 13] Permission denied: '/opt/x'").unwrap();
        assert!(told.contains("[engines.f5]") && told.contains("`read`"), "{told}");
        assert_eq!(hint("f5", "FileNotFoundError: no model"), None);
    }
}
