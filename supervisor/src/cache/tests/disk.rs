use std::fs;

use super::{KIB, MIB, Room, key, open, recording};
use crate::metrics::CacheTier;

#[tokio::test]
async fn on_the_disk_the_least_recently_used_leaves_first() {
    let room = Room::open(0, 1).await;
    let put = async |name| {
        room.cache.put(key(name), recording(name, 200 * KIB));
        room.cache.written().await;
    };
    for name in 0..5 {
        put(name).await;
    }
    assert!(room.has(0).await);
    assert!(room.has(2).await);
    put(5).await;
    put(6).await;
    let mut left = Vec::new();
    for name in 0..7 {
        left.extend((!room.has(name).await).then_some(name));
    }
    assert_eq!(left, [1, 3]);
    assert_eq!(room.counts(CacheTier::Disk)[2..], [2, 5]);
}

#[tokio::test]
async fn a_use_in_memory_counts_for_the_disk_too() {
    let room = Room::open(8, 1).await;
    let put = async |name| {
        room.cache.put(key(name), recording(name, 200 * KIB));
        room.cache.written().await;
    };
    for name in 0..5 {
        put(name).await;
    }
    assert!(room.has(0).await);
    put(5).await;
    assert_eq!(room.counts(CacheTier::Memory)[0], 1);
    assert!(room.file(0).exists());
    assert!(!room.file(1).exists());
}

#[tokio::test]
async fn the_folder_never_holds_more_than_it_may() {
    let room = Room::open(0, 1).await;
    for name in 0..60 {
        room.cache.put(key(name), recording(name, 90 * KIB));
        room.cache.written().await;
        assert!(room.length() <= MIB as u64);
        assert_eq!(room.length(), room.bytes(CacheTier::Disk) as u64);
    }
    assert_eq!(room.counts(CacheTier::Disk)[2..], [49, 11]);
}

#[tokio::test]
async fn the_disk_outlives_a_restart_and_keeps_its_order() {
    let room = Room::open(1, 1).await;
    for name in 0..4 {
        room.cache.put(key(name), recording(name, 200 * KIB));
        room.cache.written().await;
    }
    let room = room.reopen(1, 1).await;
    assert_eq!(room.counts(CacheTier::Disk), [0, 0, 0, 4]);
    assert!(room.has(0).await);
    assert!(room.has(0).await);
    assert_eq!(room.counts(CacheTier::Disk)[0], 1);
    assert_eq!(room.counts(CacheTier::Memory)[0], 1, "it came back into memory");
    let room = room.reopen(0, 1).await;
    for name in 4..7 {
        room.cache.put(key(name), recording(name, 200 * KIB));
        room.cache.written().await;
    }
    assert!(room.has(0).await, "heard in the life before");
    assert!(!room.has(1).await);
    assert!(!room.has(2).await);
}

#[tokio::test]
async fn less_room_after_a_restart_is_kept_to() {
    let room = Room::open(0, 8).await;
    for name in 0..10 {
        room.cache.put(key(name), recording(name, 200 * KIB));
        room.cache.written().await;
    }
    room.cache.put(key(10), recording(10, MIB));
    let room = room.reopen(0, 1).await;
    assert!(room.length() <= MIB as u64);
    assert!(!room.file(10).exists(), "longer than is worth keeping now");
    assert!(room.has(9).await);
    assert!(!room.has(4).await);
}

#[tokio::test]
async fn a_file_that_is_not_whole_is_a_miss_and_goes() {
    let spoil: [fn(&mut Vec<u8>); 5] = [
        |file| file.truncate(40),
        |file| file.truncate(1000),
        |file| file.clear(),
        |file| file[500] ^= 1,
        |file| file.resize(MIB, 0),
    ];
    for (name, spoil) in (0..).zip(spoil) {
        let room = Room::open(0, 1).await;
        room.cache.put(key(name), recording(name, 2000));
        room.cache.written().await;
        let mut file = fs::read(room.file(name)).unwrap();
        spoil(&mut file);
        fs::write(room.file(name), file).unwrap();
        assert!(!room.has(name).await, "spoiled in way {name}");
        assert!(!room.file(name).exists(), "spoiled in way {name}");
        assert_eq!(room.counts(CacheTier::Disk), [0, 1, 0, 0]);
        room.cache.put(key(name), recording(name, 2000));
        room.cache.written().await;
        assert!(room.has(name).await, "it can be kept anew");
    }
}

#[tokio::test]
async fn a_file_that_somebody_removed_is_a_miss() {
    let room = Room::open(0, 1).await;
    room.cache.put(key(1), recording(1, 2000));
    room.cache.written().await;
    fs::remove_file(room.file(1)).unwrap();
    assert!(!room.has(1).await);
    assert_eq!(room.counts(CacheTier::Disk), [0, 1, 0, 0]);
}

#[tokio::test]
async fn leftovers_go_at_the_start_and_foreign_files_stay() {
    let room = Room::open(0, 1).await;
    let [draft, foreign] = [".draft-x", "holiday.wav"].map(|name| room.folder().join(name));
    for file in [&draft, &foreign] {
        fs::write(file, "x").unwrap();
    }
    let room = room.reopen(0, 1).await;
    assert!(!draft.exists());
    assert!(foreign.exists());
    assert_eq!(room.counts(CacheTier::Disk)[3], 0);
}

#[tokio::test]
async fn a_disk_that_takes_nothing_more_leaves_memory_working() {
    let room = Room::open(1, 1).await;
    fs::remove_dir_all(room.folder()).unwrap();
    for name in 0..3 {
        room.cache.put(key(name), recording(name, 1000));
    }
    room.cache.written().await;
    assert!(room.has(2).await);
    assert_eq!(room.counts(CacheTier::Disk)[3], 0);
}

#[tokio::test]
async fn a_folder_belongs_to_one_server() {
    let room = Room::open(1, 1).await;
    let (second, _) = open(room.state.path(), 0, 1).await;
    assert!(!second.is_on());
    room.cache.put(key(1), recording(1, 1000));
    room.cache.written().await;
    assert!(room.file(1).exists());
}
