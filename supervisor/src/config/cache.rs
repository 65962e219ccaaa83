//! `[cache]`: how much finished audio is kept, and where.

use std::path::{Path, PathBuf};

use super::{raw::Table, server::absolute};

/// How much finished audio is kept to answer the same request again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// Most memory for recordings, in MiB; 0 keeps none there.
    pub memory_mb: u32,
    /// Most room on the disk for recordings, in MiB; 0 keeps none there.
    pub disk_mb: u32,
    /// The folder for those on the disk, if it is named; else one in the state directory.
    pub directory: Option<PathBuf>,
}

pub(super) fn cache(table: &Table<'_>, base: &Path) -> Cache {
    // 1 TiB and 16 TiB: beyond them somebody has counted in another unit.
    let cache = Cache {
        memory_mb: table.count("memory_mb", 0, 1 << 20, 64),
        disk_mb: table.count("disk_mb", 0, 1 << 24, 0),
        directory: table.string("directory").map(|found| absolute(base.join(found.value))),
    };
    table.finish();
    cache
}
