//! Which recordings a folder holds, and which of them leave first: the order of their uses, no files.

use std::collections::{BTreeMap, HashMap};

use super::Key;

/// Never more bytes than there is room for.
#[derive(Debug)]
pub(super) struct Index {
    room: u64,
    bytes: u64,
    /// Rises with each use.
    clock: u64,
    files: HashMap<Key, File>,
    /// The same files by their last use, the least recent one first.
    uses: BTreeMap<u64, Key>,
}

#[derive(Clone, Copy, Debug)]
struct File {
    bytes: u64,
    used: u64,
}

impl Index {
    pub(super) fn new(room: u64) -> Self {
        Self { room, bytes: 0, clock: 0, files: HashMap::new(), uses: BTreeMap::new() }
    }

    /// Files in the folder.
    pub(super) fn entries(&self) -> usize {
        self.files.len()
    }

    /// Their length.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn contains(&self, key: Key) -> bool {
        self.files.contains_key(&key)
    }

    /// Notes a use.
    pub(super) fn touch(&mut self, key: Key) {
        self.clock += 1;
        if let Some(file) = self.files.get_mut(&key) {
            self.uses.remove(&file.used);
            file.used = self.clock;
            self.uses.insert(file.used, key);
        }
    }

    /// Notes a file, as just used. Those that have to leave for it are returned; they are forgotten already.
    pub(super) fn insert(&mut self, key: Key, bytes: u64) -> Vec<Key> {
        self.remove(key);
        self.clock += 1;
        self.files.insert(key, File { bytes, used: self.clock });
        self.uses.insert(self.clock, key);
        self.bytes += bytes;
        let mut leaving = Vec::new();
        while self.bytes > self.room
            && let Some((_, &key)) = self.uses.first_key_value()
        {
            self.remove(key);
            leaving.push(key);
        }
        leaving
    }

    /// Forgets a file.
    pub(super) fn remove(&mut self, key: Key) {
        if let Some(file) = self.files.remove(&key) {
            self.uses.remove(&file.used);
            self.bytes -= file.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::Index;
    use crate::cache::Key;

    fn key(name: u8) -> Key {
        Key::of([&[name][..]])
    }

    #[test]
    fn the_least_recently_used_leaves_first() {
        let mut index = Index::new(30);
        for name in [1, 2, 3] {
            assert_eq!(index.insert(key(name), 10), []);
        }
        index.touch(key(1));
        assert_eq!(index.insert(key(4), 20), [key(2), key(3)]);
        assert_eq!(index.insert(key(5), 1), [key(1)]);
        assert_eq!((index.entries(), index.bytes()), (2, 21));
    }

    #[test]
    fn what_is_longer_than_the_room_leaves_at_once() {
        let mut index = Index::new(30);
        assert_eq!(index.insert(key(1), 31), [key(1)]);
        assert_eq!((index.entries(), index.bytes()), (0, 0));
    }

    #[derive(Clone, Copy, Debug)]
    enum Act {
        Insert(u8, u64),
        Touch(u8),
        Remove(u8),
    }

    fn acts() -> impl Strategy<Value = Act> {
        let name = 0..12u8;
        prop_oneof![
            (name.clone(), 0..60u64).prop_map(|(name, bytes)| Act::Insert(name, bytes)),
            name.clone().prop_map(Act::Touch),
            name.prop_map(Act::Remove),
        ]
    }

    proptest! {
        /// The same as a list in the order of use, which is plain to see and slow.
        #[test]
        fn it_does_what_a_sorted_list_would(acts in vec(acts(), 0..200)) {
            let mut index = Index::new(100);
            let mut list: Vec<(Key, u64)> = Vec::new();
            for act in acts {
                match act {
                    Act::Insert(name, bytes) => {
                        list.retain(|(other, _)| *other != key(name));
                        list.push((key(name), bytes));
                        let mut leaving = Vec::new();
                        while list.iter().map(|(_, bytes)| bytes).sum::<u64>() > 100 {
                            leaving.push(list.remove(0).0);
                        }
                        prop_assert_eq!(index.insert(key(name), bytes), leaving);
                    }
                    Act::Touch(name) => {
                        index.touch(key(name));
                        if let Some(at) = list.iter().position(|(other, _)| *other == key(name)) {
                            let used = list.remove(at);
                            list.push(used);
                        }
                    }
                    Act::Remove(name) => {
                        index.remove(key(name));
                        list.retain(|(other, _)| *other != key(name));
                    }
                }
                prop_assert_eq!(index.entries(), list.len());
                prop_assert_eq!(index.bytes(), list.iter().map(|(_, bytes)| bytes).sum::<u64>());
                prop_assert!(list.iter().all(|(key, _)| index.contains(*key)));
            }
        }
    }
}
