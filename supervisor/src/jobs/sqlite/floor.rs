//! How much of the disk is left to others.

use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

use super::trouble::Trouble;
use crate::jobs::StoreError;

const MIB: u64 = 1 << 20;

/// What stays free on the disk. Below it no new job is taken; what was taken goes on until half of it is left.
#[derive(Clone, Debug)]
pub(super) struct Floor {
    pub(super) folder: PathBuf,
    /// In MiB.
    pub(super) least: u64,
}

impl Floor {
    /// Whether there is room for a new job.
    pub(super) fn check_for_new(&self) -> Result<(), Trouble> {
        self.room(self.least)
    }

    /// Whether there is room to go on.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        self.room(self.least / 2)
    }

    fn room(&self, least: u64) -> Result<(), Trouble> {
        let free = free(&self.folder)? / MIB;
        if free >= least.max(1) {
            return Ok(());
        }
        let reason = format!("{free} MiB are free, and {least} MiB have to stay so ([jobs] min_free_mb)");
        Err(StoreError::Full { place: self.folder.clone(), reason }.into())
    }
}

/// Bytes that we may still write.
fn free(folder: &Path) -> Result<u64, Trouble> {
    let told = statvfs(folder).map_err(std::io::Error::from)?;
    Ok(told.blocks_available().saturating_mul(told.fragment_size()))
}
