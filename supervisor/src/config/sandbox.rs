//! `[sandbox]`, and what an engine's own keys open in it.

use std::path::{Path, PathBuf};

use super::{
    raw::{Notes, Table},
    server::absolute,
};

/// How workers are confined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// Whether they are at all.
    pub enabled: bool,
    /// Where their control groups are made.
    pub cgroup: Cgroup,
}

/// Where workers' control groups are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cgroup {
    /// In the group that the host delegates, if it does.
    Auto,
    /// Nowhere.
    Off,
    /// In this one.
    At(PathBuf),
}

/// What one engine's workers may do besides what every worker may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Openings {
    /// They are not confined.
    pub everything: bool,
    /// Paths to read.
    pub read: Vec<PathBuf>,
    /// Paths to write.
    pub write: Vec<PathBuf>,
    /// Programs to execute.
    pub execute: Vec<PathBuf>,
}

pub(super) fn sandbox(table: &Table<'_>, notes: &Notes) -> Sandbox {
    let named = table.string("cgroup");
    let cgroup = match named.as_ref().map(|found| found.value.as_str()) {
        None | Some("auto") => Cgroup::Auto,
        Some("off") => Cgroup::Off,
        Some(path) if path.starts_with('/') => Cgroup::At(path.into()),
        Some(other) => {
            if let Some(found) = &named {
                found.problem(notes, format!("must be \"auto\", \"off\" or a folder, not {other:?}"));
            }
            Cgroup::Auto
        }
    };
    let sandbox = Sandbox { enabled: table.boolean("enabled", true), cgroup };
    table.finish();
    sandbox
}

pub(super) fn openings(table: &Table<'_>, base: &Path) -> Openings {
    let paths = |key| table.list(key).into_iter().map(|found| absolute(base.join(found.value))).collect();
    Openings {
        everything: !table.boolean("sandbox", true),
        read: paths("read"),
        write: paths("write"),
        execute: paths("execute"),
    }
}
