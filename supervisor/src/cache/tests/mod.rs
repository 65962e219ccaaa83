mod disk;
mod memory;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use tempfile::TempDir;

use super::{Cache, Key, Recording};
use crate::{
    config,
    metrics::{CacheTier, Metrics},
};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A cache in a folder of its own, and what it counts.
struct Room {
    state: TempDir,
    cache: Arc<Cache>,
    metrics: Arc<Metrics>,
}

impl Room {
    async fn open(memory_mb: u32, disk_mb: u32) -> Self {
        let state = tempfile::tempdir().unwrap();
        let (cache, metrics) = open(state.path(), memory_mb, disk_mb).await;
        Self { state, cache, metrics }
    }

    /// Ends it as a server does, and starts another one over the same folder.
    async fn reopen(self, memory_mb: u32, disk_mb: u32) -> Self {
        self.cache.written().await;
        drop(self.cache);
        let (cache, metrics) = open(self.state.path(), memory_mb, disk_mb).await;
        Self { state: self.state, cache, metrics }
    }

    fn folder(&self) -> PathBuf {
        self.state.path().join("cache")
    }

    fn file(&self, name: u32) -> PathBuf {
        self.folder().join(key(name).to_string())
    }

    /// The length of all that the folder holds.
    fn length(&self) -> u64 {
        fs::read_dir(self.folder()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
    }

    async fn has(&self, name: u32) -> bool {
        match self.cache.get(key(name)).await {
            None => false,
            Some(found) => {
                assert_eq!(found.pieces.concat(), samples(name, found.bytes()));
                assert_eq!((found.rate, found.skipped), (22_050, name.into()));
                true
            }
        }
    }

    /// Hits, misses, evictions, entries.
    fn counts(&self, tier: CacheTier) -> [u64; 4] {
        let tier = [tier.label()];
        let entries = self.metrics.cache_entries.with_label_values(&tier).get();
        [
            self.metrics.cache_hits.with_label_values(&tier).get(),
            self.metrics.cache_misses.get(),
            self.metrics.cache_evictions.with_label_values(&tier).get(),
            entries.try_into().unwrap(),
        ]
    }

    fn bytes(&self, tier: CacheTier) -> usize {
        self.metrics.cache_bytes.with_label_values(&[tier.label()]).get().try_into().unwrap()
    }
}

async fn open(state: &Path, memory_mb: u32, disk_mb: u32) -> (Arc<Cache>, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new().unwrap());
    let settings = config::Cache { memory_mb, disk_mb, directory: None };
    (Cache::open(&settings, state, Arc::clone(&metrics)).await, metrics)
}

fn key(name: u32) -> Key {
    Key::of([&name.to_le_bytes()[..]])
}

fn samples(name: u32, bytes: usize) -> Vec<u8> {
    name.to_le_bytes().into_iter().cycle().take(bytes).collect()
}

fn recording(name: u32, bytes: usize) -> Recording {
    let samples = Bytes::from(samples(name, bytes));
    let middle = bytes / 3;
    let pieces = vec![samples.slice(..middle), samples.slice(middle..)];
    Recording { rate: 22_050, pieces, skipped: name.into() }
}

#[tokio::test]
async fn what_was_put_is_there_at_once() {
    let room = Room::open(1, 0).await;
    assert!(!room.has(1).await);
    room.cache.put(key(1), recording(1, 1000));
    assert!(room.has(1).await);
    assert!(!room.has(2).await);
    assert_eq!(room.counts(CacheTier::Memory), [1, 2, 0, 1]);
    assert!(!room.folder().exists(), "the disk is off");
}

#[tokio::test]
async fn the_last_recording_of_a_name_is_the_one_kept() {
    let room = Room::open(1, 1).await;
    for bytes in [100, 5000, 300] {
        room.cache.put(key(1), recording(1, bytes));
        room.cache.written().await;
    }
    assert_eq!(room.cache.get(key(1)).await.unwrap().bytes(), 300);
    assert_eq!(room.counts(CacheTier::Memory)[2..], [0, 1], "none of them made room");
    assert_eq!(room.bytes(CacheTier::Disk), 364);
    let room = room.reopen(0, 1).await;
    assert_eq!(room.cache.get(key(1)).await.unwrap().bytes(), 300);
}

#[tokio::test]
async fn without_its_folder_memory_goes_on() {
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join("cache"), "a file where the folder should be").unwrap();
    let (cache, metrics) = open(state.path(), 1, 1).await;
    let room = Room { state, cache, metrics };
    assert!(room.cache.is_on());
    assert_eq!(room.cache.longest(), MIB / 4);
    room.cache.put(key(1), recording(1, 1000));
    assert!(room.has(1).await);
}

#[tokio::test]
async fn the_folder_may_be_elsewhere() {
    let state = tempfile::tempdir().unwrap();
    let elsewhere = state.path().join("far/away");
    let settings = config::Cache { memory_mb: 0, disk_mb: 1, directory: Some(elsewhere.clone()) };
    let cache = Cache::open(&settings, state.path(), Arc::new(Metrics::new().unwrap())).await;
    cache.put(key(1), recording(1, 1000));
    cache.written().await;
    assert!(elsewhere.join(key(1).to_string()).exists());
}

#[tokio::test]
async fn what_is_too_long_is_not_kept() {
    let room = Room::open(1, 2).await;
    assert_eq!(room.cache.longest(), MIB / 2);
    room.cache.put(key(1), recording(1, MIB / 2));
    room.cache.put(key(2), recording(2, MIB / 2 + 2));
    room.cache.written().await;
    assert_eq!(room.counts(CacheTier::Memory)[3], 0, "more than a quarter of it");
    assert!(room.has(1).await);
    assert!(!room.has(2).await);
}

#[tokio::test]
async fn zero_is_off() {
    let room = Room::open(0, 0).await;
    assert!(!room.cache.is_on());
    assert_eq!(room.cache.longest(), 0);
    room.cache.put(key(1), recording(1, 0));
    room.cache.written().await;
    assert!(!room.has(1).await);
    assert_eq!(room.counts(CacheTier::Memory), [0; 4]);
    assert!(!room.folder().exists());
}

#[test]
fn every_series_is_there_from_the_start() {
    let (_, text) = Metrics::new().unwrap().render().unwrap();
    let text = String::from_utf8(text).unwrap();
    for series in [
        "ishowtts_cache_hits_total{tier=\"memory\"} 0",
        "ishowtts_cache_hits_total{tier=\"disk\"} 0",
        "ishowtts_cache_misses_total 0",
        "ishowtts_cache_bytes{tier=\"memory\"} 0",
        "ishowtts_cache_entries{tier=\"disk\"} 0",
        "ishowtts_cache_evictions_total{tier=\"disk\"} 0",
    ] {
        assert!(text.lines().any(|line| line == series), "{series}");
    }
}
