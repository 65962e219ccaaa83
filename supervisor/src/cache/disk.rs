//! The tier on the disk: a file for each recording, named by its key. All that touches a file blocks, and is
//! called on threads for that.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use super::{
    Key, Meter, QUARTER, Recording,
    codec::{self, HEADER_BYTES},
    index::Index,
};
use crate::seldom::Seldom;

/// Files that are not finished.
const DRAFT: &str = ".draft-";
/// Held by the server that uses the folder.
const LOCK: &str = ".lock";
/// A full disk stays full for a while, and every recording would tell of it.
const QUIET: Duration = Duration::from_mins(10);

/// Recordings in a folder, never more than there is room for, but for those being written.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    longest: usize,
    /// Never held while a file is touched: the runtime's thread looks in here.
    index: Mutex<Index>,
    /// Held while a file appears or goes and the index learns of it, so that both stay the same.
    changing: Mutex<()>,
    trouble: Seldom,
    meter: Meter,
    /// The kernel lets go of it with the process, however that ends.
    _lock: File,
}

impl Disk {
    /// Takes a folder, makes it if need be, and looks through it.
    pub(super) fn open(folder: &Path, room: u64, meter: Meter) -> io::Result<Self> {
        // What people have spoken is nobody else's business.
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let lock = File::create(folder.join(LOCK))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another server uses it"),
            TryLockError::Error(error) => error,
        })?;
        let disk = Self {
            folder: folder.to_owned(),
            longest: usize::try_from(room).unwrap_or(usize::MAX) / QUARTER,
            index: Mutex::new(Index::new(room)),
            changing: Mutex::default(),
            trouble: Seldom::new(QUIET),
            meter,
            _lock: lock,
        };
        for (key, bytes) in disk.look_through()? {
            let leaving = disk.update(|index| index.insert(key, bytes));
            disk.evict(&leaving);
        }
        Ok(disk)
    }

    /// Most bytes of a recording that is kept here.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Whether it is worth reading. Does not block.
    pub(super) fn contains(&self, key: Key) -> bool {
        self.index().contains(key)
    }

    /// Notes that a recording was heard from elsewhere, so that it stays. Does not block.
    pub(super) fn touch(&self, key: Key) {
        self.index().touch(key);
    }

    /// Reads a recording. One that is not as it was written is removed.
    pub(super) fn read(&self, key: Key) -> Option<Recording> {
        match self.load(key) {
            Ok(Some(recording)) => {
                self.touch(key);
                self.meter.hit();
                Some(recording)
            }
            // Anything else may pass, such as too many open files.
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                self.tell(&error);
                None
            }
            broken => {
                tracing::debug!(%key, removed = broken.is_ok(), "A kept recording was gone or not whole");
                let _together = self.together();
                self.update(|index| index.remove(key));
                self.unlink(key);
                None
            }
        }
    }

    /// Keeps a recording, if the disk lets it.
    pub(super) fn write(&self, key: Key, recording: &Recording) {
        if let Err(error) = self.store(key, recording) {
            self.tell(&error);
        }
    }

    fn load(&self, key: Key) -> io::Result<Option<Recording>> {
        let mut file = File::open(self.path(key))?;
        let length = file.metadata()?.len();
        // Whatever that is, it need not be taken into memory.
        if length > self.longest_file() {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        Read::by_ref(&mut file).take(length).read_to_end(&mut bytes)?;
        let recording = codec::decode(key, bytes.into());
        // The order of uses is read off these times after a restart.
        if recording.is_some()
            && let Err(error) = file.set_modified(SystemTime::now())
        {
            self.tell(&error);
        }
        Ok(recording)
    }

    /// Whole or not at all. It is not waited for until the disk has it: what a loss of power leaves half done, the
    /// checksum finds.
    fn store(&self, key: Key, recording: &Recording) -> io::Result<()> {
        let mut draft = tempfile::Builder::new().prefix(DRAFT).tempfile_in(&self.folder)?;
        let mut file = io::BufWriter::new(draft.as_file_mut());
        file.write_all(&codec::header(key, recording))?;
        recording.pieces.iter().try_for_each(|piece| file.write_all(piece))?;
        file.flush()?;
        drop(file);
        // The kernel's own stamps are coarser than the time between two recordings.
        draft.as_file().set_modified(SystemTime::now())?;
        let bytes = draft.as_file().metadata()?.len();

        let _together = self.together();
        draft.persist(self.path(key)).map_err(|error| error.error)?;
        let leaving = self.update(|index| index.insert(key, bytes));
        self.evict(&leaving);
        Ok(())
    }

    /// What the folder holds, the least recently used first. Leftovers are removed; what is not ours is left alone.
    fn look_through(&self) -> io::Result<impl Iterator<Item = (Key, u64)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(DRAFT) {
                fs::remove_file(entry.path())?;
            }
            let Some(key) = Key::parse(&name) else { continue };
            let about = entry.metadata()?;
            if about.len() > self.longest_file() {
                // From a time when there was more room.
                self.unlink(key);
            } else {
                found.push((about.modified()?, key, about.len()));
            }
        }
        found.sort_unstable_by_key(|(used, ..)| *used);
        Ok(found.into_iter().map(|(_, key, bytes)| (key, bytes)))
    }

    fn evict(&self, leaving: &[Key]) {
        for &key in leaving {
            self.unlink(key);
        }
        self.meter.evicted(leaving.len());
    }

    fn unlink(&self, key: Key) {
        match fs::remove_file(self.path(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => self.tell(&error),
            _ => {}
        }
    }

    fn together(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is held, and shows it.
    fn update<T>(&self, change: impl FnOnce(&mut Index) -> T) -> T {
        let mut index = self.index();
        let result = change(&mut index);
        self.meter.holds(index.entries(), index.bytes());
        result
    }

    fn path(&self, key: Key) -> PathBuf {
        self.folder.join(key.to_string())
    }

    fn longest_file(&self) -> u64 {
        u64::try_from(HEADER_BYTES.saturating_add(self.longest)).unwrap_or(u64::MAX)
    }

    fn tell(&self, error: &io::Error) {
        let folder = self.folder.display();
        if self.trouble.due(Instant::now()) {
            tracing::warn!(%folder, %error, "The folder of the cache makes trouble; going on without it");
        } else {
            tracing::debug!(%folder, %error, "The folder of the cache makes trouble");
        }
    }
}
