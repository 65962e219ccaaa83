//! The tier in memory.

use std::{
    hash::RandomState,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use quick_cache::{Lifecycle, OptionsBuilder, Weighter, sync};

use super::{Key, Meter, QUARTER, Recording};

/// What an entry takes beside its samples, in bytes: key, recording and reference counts (about 120), and its
/// share of the table.
const ENTRY_BYTES: usize = 256;
/// What a piece takes beside its samples: its handle, and the allocator's and the reference count's share.
const PIECE_BYTES: usize = size_of::<Bytes>() + 64;
/// A short sentence. Only an estimate, of how large the table will be.
const USUAL_BYTES: usize = 128 * 1024;
/// Share of the room for recordings that were asked for more than once. The rest is for those that came last;
/// people who repeat something mostly do so soon, so it is more than the few per cent that are usual elsewhere.
const PROVEN: f64 = 0.5;

/// Recordings in memory, never more than there is room for. One that is asked for again outlives those that are not.
#[derive(Debug)]
pub(super) struct Memory {
    recordings: sync::Cache<Key, Arc<Recording>, Weight, RandomState, Leavers>,
    longest: usize,
    /// Held while something is put, so that the gauges show what the last one left.
    putting: Mutex<()>,
    meter: Meter,
}

impl Memory {
    /// Room for so many bytes.
    pub(super) fn new(room: usize, meter: Meter) -> Self {
        let options = OptionsBuilder::new()
            // A share of the room for each processor could not hold a long recording.
            .shards(1)
            .hot_allocation(PROVEN)
            // What left is not remembered: coming back it would count as proven at once, not asked for since, and
            // could be the first to leave though it came last.
            .ghost_allocation(0.0)
            .weight_capacity(weight(room))
            .estimated_items_capacity(room / USUAL_BYTES)
            .build()
            .expect("both capacities are given");
        Self {
            recordings: sync::Cache::with_options(options, Weight, RandomState::new(), Leavers),
            longest: room / QUARTER,
            putting: Mutex::default(),
            meter,
        }
    }

    /// Most bytes of a recording that is kept here.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    pub(super) fn get(&self, key: Key) -> Option<Arc<Recording>> {
        let found = self.recordings.get(&key)?;
        self.meter.hit();
        Some(found)
    }

    /// Keeps a recording, unless it is too long.
    pub(super) fn put(&self, key: Key, recording: &Arc<Recording>) {
        if recording.bytes() > self.longest {
            return;
        }
        // Declared before the lock, so freed after it: that takes longer than all else here.
        let mut left = Vec::new();
        let _one_at_a_time = self.putting.lock().unwrap_or_else(PoisonError::into_inner);
        // Room is made before one comes, but after one is replaced, and then by any: also by the new one.
        self.recordings.remove(&key);
        self.recordings.insert_with_lifecycle(key, Arc::clone(recording), &mut left);
        self.meter.holds(self.recordings.len(), self.recordings.weight());
        // One that is refused, since it is all pieces and no samples, did not make room.
        self.meter.evicted(left.iter().filter(|(leaver, _)| *leaver != key).count());
    }
}

/// Counts an entry with all that it takes.
#[derive(Clone, Debug)]
struct Weight;

impl Weighter<Key, Arc<Recording>> for Weight {
    fn weight(&self, _: &Key, recording: &Arc<Recording>) -> u64 {
        weight(ENTRY_BYTES + recording.pieces.len() * PIECE_BYTES + recording.bytes())
    }
}

fn weight(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Collects what leaves.
#[derive(Clone, Debug)]
struct Leavers;

impl Lifecycle<Key, Arc<Recording>> for Leavers {
    type RequestState = Vec<(Key, Arc<Recording>)>;

    fn on_evict(&self, left: &mut Self::RequestState, key: Key, recording: Arc<Recording>) {
        left.push((key, recording));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use proptest::{collection::vec, prelude::*};

    use super::Memory;
    use crate::{
        cache::{Key, Meter, Recording},
        metrics::{CacheTier, Metrics},
    };

    const ROOM: usize = 100_000;
    static SILENCE: [u8; ROOM / 4] = [0; ROOM / 4];

    proptest! {
        #[test]
        fn the_room_is_kept_to_whatever_is_put_and_asked_for(
            acts in vec((0..30u8, 0..=ROOM / 4, any::<bool>()), 0..200)
        ) {
            let metrics = Metrics::new().expect("the families are valid");
            let memory = Memory::new(ROOM, Meter::new(&metrics, CacheTier::Memory));
            for (name, bytes, is_put) in acts {
                let key = Key::of([&[name][..]]);
                if is_put {
                    let samples = Bytes::from_static(&SILENCE).slice(..bytes);
                    let recording = Arc::new(Recording { rate: 8000, pieces: vec![samples], skipped: 0 });
                    memory.put(key, &recording);
                    prop_assert!(Arc::ptr_eq(&memory.get(key).expect("it came last"), &recording));
                } else {
                    memory.get(key);
                }
                let held: usize = memory.recordings.iter().map(|(_, recording)| recording.bytes()).sum();
                let told = metrics.cache_bytes.with_label_values(&["memory"]).get();
                prop_assert!(i64::try_from(held).expect("it is little") <= told);
                prop_assert!(memory.recordings.weight() <= 100_000);
            }
        }
    }
}
