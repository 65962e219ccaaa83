use super::{KIB, MIB, Room, key, recording};
use crate::metrics::CacheTier;

#[tokio::test]
async fn memory_never_holds_more_than_it_may() {
    let room = Room::open(1, 0).await;
    for name in 0..500 {
        let sizes = [10, 3 * KIB, 40 * KIB, 250 * KIB];
        room.cache.put(key(name), recording(name, sizes[name as usize % sizes.len()]));
        assert!(room.has(name).await, "the newest is kept");
        assert!(room.bytes(CacheTier::Memory) <= MIB);
    }
    let [hits, misses, evicted, entries] = room.counts(CacheTier::Memory);
    assert_eq!((hits, misses, evicted + entries), (500, 0, 500));
    assert!(room.bytes(CacheTier::Memory) > MIB / 2, "the room is used");
}

#[tokio::test]
async fn small_recordings_are_counted_with_all_that_they_take() {
    let room = Room::open(1, 0).await;
    for name in 0..10_000 {
        room.cache.put(key(name), recording(name, 0));
    }
    let [.., entries] = room.counts(CacheTier::Memory);
    assert!(entries < 4000, "{entries} recordings of nothing do not fit into a MiB");
}

#[tokio::test]
async fn in_memory_what_is_asked_for_again_outlives_what_is_not() {
    let room = Room::open(1, 0).await;
    let put = |name| room.cache.put(key(name), recording(name, 30 * KIB));
    for name in 0..60 {
        put(name);
    }
    for name in 60..200 {
        put(name);
        assert!(room.has(59).await, "asked for after each of {}", name - 59);
    }
    assert!(!room.has(60).await);
    assert!(!room.has(150).await);
}
