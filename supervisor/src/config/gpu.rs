//! `[gpu]`: how GPUs are watched.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{raw::Table, server::absolute};

/// How GPUs are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// Where the machine's `/sys`, `/proc` and `/etc` are found.
    pub root: PathBuf,
    /// How often they are asked.
    pub every: Duration,
}

pub(super) fn gpu(table: &Table<'_>, base: &Path) -> Gpu {
    let root = table.string("root").map_or_else(|| "/".into(), |found| absolute(base.join(found.value)));
    let gpu = Gpu { root, every: Duration::from_secs(table.count("sample_s", 1, 3600, 5).into()) };
    table.finish();
    gpu
}
