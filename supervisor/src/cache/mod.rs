//! Finished audio, kept to answer the same request again: in memory, and on the disk if there is room given for it.
//!
//! A recording is found in memory or else on the disk, from where it comes back into memory. It goes into both at
//! once; the disk is written in the background. Both tiers are bounded by what the configuration gives them:
//!
//! - in memory ([`memory`]), a recording that is asked for again outlives those that are not;
//! - on the disk ([`disk`]), the one that was used least recently leaves first, across restarts ([`index`]).
//!
//! Nothing here fails: a folder that cannot be used, a full disk and a broken file ([`codec`]) are all just misses.

mod codec;
mod disk;
mod index;
mod key;
mod memory;
mod meter;
mod recording;

use std::{io, path::Path, sync::Arc};

use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::{
    config,
    metrics::{CacheTier, Metrics},
};
use disk::Disk;
pub use key::Key;
use memory::Memory;
use meter::Meter;
pub use recording::Recording;

const MIB: usize = 1024 * 1024;
/// A recording takes at most this share of a tier, so that a single long one does not drive out all others.
const QUARTER: usize = 4;
/// Most bytes of recordings that wait to be written: some minutes of speech for a disk that is slow for a moment.
/// What comes on top is not written.
const WAITING_BYTES: usize = 64 * MIB;
/// Unit in which they are counted.
const UNIT_BYTES: usize = 1024;

/// The recordings that are kept.
#[derive(Debug)]
pub struct Cache {
    memory: Option<Memory>,
    disk: Option<Arc<Disk>>,
    /// Units of recordings that may yet be given to the disk to write.
    waiting: Arc<Semaphore>,
    units: u32,
    metrics: Arc<Metrics>,
}

impl Cache {
    /// Opens both tiers, as far as they are on. A folder that cannot be used is told in the log.
    pub async fn open(settings: &config::Cache, state_dir: &Path, metrics: Arc<Metrics>) -> Arc<Self> {
        let room = usize::try_from(settings.memory_mb).unwrap_or(usize::MAX).saturating_mul(MIB);
        let memory = (room > 0).then(|| Memory::new(room, Meter::new(&metrics, CacheTier::Memory)));
        let disk = if settings.disk_mb > 0 { open_disk(settings, state_dir, &metrics).await } else { None };
        // The longest one must fit, if nothing else waits.
        let most = WAITING_BYTES.max(disk.as_ref().map_or(0, |disk| disk.longest()));
        let units = u32::try_from(most.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let waiting = Arc::new(Semaphore::new(usize::try_from(units).unwrap_or(Semaphore::MAX_PERMITS)));
        Arc::new(Self { memory, disk, waiting, units, metrics })
    }

    /// Whether anything is kept at all.
    pub fn is_on(&self) -> bool {
        self.memory.is_some() || self.disk.is_some()
    }

    /// Most bytes of a recording that is worth keeping; 0 if nothing is kept.
    pub fn longest(&self) -> usize {
        let memory = self.memory.as_ref().map_or(0, Memory::longest);
        let disk = self.disk.as_ref().map_or(0, |disk| disk.longest());
        memory.max(disk)
    }

    /// The recording of this name, if it is kept. What is in memory is there without waiting.
    pub async fn get(&self, key: Key) -> Option<Arc<Recording>> {
        if let Some(found) = self.memory.as_ref().and_then(|memory| memory.get(key)) {
            if let Some(disk) = &self.disk {
                disk.touch(key);
            }
            return Some(found);
        }
        let found = self.look_on_disk(key).await;
        if found.is_none() && self.is_on() {
            self.metrics.cache_misses.inc();
        }
        found
    }

    /// Keeps a recording, in place of any other of this name. It is in memory when this returns; the disk takes it
    /// in the background, so this must be called within the runtime.
    pub fn put(&self, key: Key, recording: Recording) {
        let recording = Arc::new(recording);
        if let Some(memory) = &self.memory {
            memory.put(key, &recording);
        }
        let bytes = recording.bytes();
        let Some(disk) = self.disk.as_ref().filter(|disk| bytes <= disk.longest()) else { return };
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let Ok(permit) = Arc::clone(&self.waiting).try_acquire_many_owned(units) else {
            tracing::debug!(%key, bytes, "The disk is behind; a recording is not written");
            return;
        };
        let disk = Arc::clone(disk);
        spawn_blocking(move || {
            disk.write(key, &recording);
            // In this order: whoever waits for the last permit may then take the folder.
            drop(disk);
            drop(permit);
        });
    }

    /// Waits until the disk has every recording that was put before, or has refused it.
    pub async fn written(&self) {
        // Nobody closes it, so this is no error.
        drop(self.waiting.acquire_many(self.units).await);
    }

    async fn look_on_disk(&self, key: Key) -> Option<Arc<Recording>> {
        let disk = Arc::clone(self.disk.as_ref().filter(|disk| disk.contains(key))?);
        let recording = Arc::new(spawn_blocking(move || disk.read(key)).await.ok().flatten()?);
        if let Some(memory) = &self.memory {
            memory.put(key, &recording);
        }
        Some(recording)
    }
}

async fn open_disk(settings: &config::Cache, state_dir: &Path, metrics: &Metrics) -> Option<Arc<Disk>> {
    let folder = settings.directory.clone().unwrap_or_else(|| state_dir.join("cache"));
    let room = u64::from(settings.disk_mb) << MIB.trailing_zeros();
    let meter = Meter::new(metrics, CacheTier::Disk);
    let shown = folder.display().to_string();
    let opened = spawn_blocking(move || Disk::open(&folder, room, meter)).await;
    match opened.map_err(io::Error::other).flatten() {
        Ok(disk) => Some(Arc::new(disk)),
        Err(error) => {
            tracing::warn!(folder = shown, %error, "Could not use the folder of the cache; going on without it");
            None
        }
    }
}

#[cfg(test)]
mod tests;
