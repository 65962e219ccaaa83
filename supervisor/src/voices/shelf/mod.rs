//! The voices that were sent to us, and how far each has come.
//!
//! ```text
//! add ─▶ Waiting ──workers renewed──▶ InForce ──remove──▶ struck ──nobody speaks, workers renewed──▶ gone
//!           └──no worker starts with it──▶ Refused
//! ```
//!
//! The shelf owns the folder of voices. Whoever renews workers asks it which engines need that ([`Shelf::unsettled`])
//! and which recordings they are to know ([`Shelf::hear_in`]), and tells it what came of it. Streams hold the voices
//! that they speak with ([`Shelf::hold`]): a recording goes when the last of them has ended.

mod meta;
mod store;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};

pub use meta::{Engines, Meta, WrongField};

use crate::config::{Config, Voice};

/// Why a voice was not put on the shelf, or taken from it.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// There is one of this name.
    #[error("there is a voice {0:?} already; remove it first, or choose another id")]
    Taken(String),
    /// One of this name was removed, and somebody still listens to it.
    #[error("the voice {0:?} was removed and is still being spoken; try again in a moment")]
    Leaving(String),
    /// The disk did not take it. Nothing is left of it.
    #[error("could not keep the voice {id:?} in {folder}: {error}")]
    Disk {
        /// Which voice.
        id: String,
        /// Where to.
        folder: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Voices are shared with other machines, and nobody answers there.
    #[error(
        "voices are shared by way of the NATS servers of [cluster], which do not answer ({reason}); look whether they run \
         and whether this machine reaches them"
    )]
    Away {
        /// What was noticed.
        reason: String,
    },
}

impl ShelfError {
    /// Whether it is for want of room.
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        matches!(self, Self::Disk { error, .. } if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge))
    }
}

/// How far a voice has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No worker knows it yet.
    Waiting,
    /// The workers were started with it.
    InForce,
    /// They did not start with it, and why.
    Refused(String),
}

#[derive(Debug)]
struct Entry {
    meta: Arc<Meta>,
    recording: PathBuf,
    standing: Standing,
    /// Streams that speak with it.
    uses: usize,
    is_struck: bool,
    /// Tells it from others that had its name.
    serial: u64,
}

#[derive(Debug, Default)]
struct Entries {
    by_id: BTreeMap<String, Entry>,
    serial: u64,
}

/// All of them.
#[derive(Debug)]
pub struct Shelf {
    root: PathBuf,
    entries: Mutex<Entries>,
    /// One writes to the folder at a time.
    writing: Mutex<()>,
    /// For whoever renews workers.
    changed: Notify,
    /// For those that wait for a voice.
    settled: watch::Sender<()>,
}

/// The voices that an engine's workers are being started with.
#[derive(Debug)]
pub struct Heard {
    engine: String,
    serials: BTreeSet<u64>,
    /// Of these, the ones that are new to them.
    new: Vec<String>,
}

impl Heard {
    /// How many are new.
    pub fn new_ones(&self) -> usize {
        self.new.len()
    }
}

impl Shelf {
    /// The voices in a state directory, without touching anything there.
    pub fn look(state_dir: &Path) -> Self {
        let root = state_dir.join("voices");
        let mut entries = Entries::default();
        for found in store::read(&root) {
            let standing = found.refused.map_or(Standing::InForce, Standing::Refused);
            entries.insert(found.meta, found.recording, standing);
        }
        Self {
            root,
            entries: Mutex::new(entries),
            writing: Mutex::default(),
            changed: Notify::new(),
            settled: watch::Sender::new(()),
        }
    }

    /// The same for the server that owns the directory: what was left half done is removed.
    pub fn open(state_dir: &Path) -> Arc<Self> {
        store::sweep(&state_dir.join("voices"));
        Arc::new(Self::look(state_dir))
    }

    /// Puts a voice on it, with a recording as a WAV file. Blocks on the disk.
    pub fn add(&self, meta: Meta, wav: &[u8]) -> Result<(), ShelfError> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.vacant(&meta.id)?;
        let written = store::write(&self.root, &meta, wav);
        let recording = written.map_err(|error| self.failed(&meta, error))?;
        self.lock().insert(meta, recording, Standing::Waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// An error if a name cannot be given to another voice now.
    pub fn vacant(&self, id: &str) -> Result<(), ShelfError> {
        match self.lock().by_id.get(id) {
            Some(entry) if entry.is_struck => Err(ShelfError::Leaving(id.to_owned())),
            Some(_) => Err(ShelfError::Taken(id.to_owned())),
            None => Ok(()),
        }
    }

    /// Takes a voice from it, and tells whether it was there. Blocks on the disk.
    pub fn remove(&self, id: &str) -> Result<bool, ShelfError> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(meta) = self.get(id) else { return Ok(false) };
        store::strike(&self.root, &meta).map_err(|error| self.failed(&meta, error))?;
        if let Some(entry) = self.lock().by_id.get_mut(id) {
            entry.is_struck = true;
        }
        self.changed.notify_one();
        self.settled.send_replace(());
        Ok(true)
    }

    fn failed(&self, meta: &Meta, error: io::Error) -> ShelfError {
        ShelfError::Disk { id: meta.id.clone(), folder: self.root.clone(), error }
    }

    /// A voice, unless it was removed.
    pub fn get(&self, id: &str) -> Option<Arc<Meta>> {
        self.lock().by_id.get(id).filter(|entry| !entry.is_struck).map(|entry| Arc::clone(&entry.meta))
    }

    /// How far a voice has come.
    pub fn standing(&self, id: &str) -> Option<Standing> {
        self.lock().by_id.get(id).filter(|entry| !entry.is_struck).map(|entry| entry.standing.clone())
    }

    /// As it would stand in a configuration.
    pub fn voice(&self, id: &str) -> Option<Voice> {
        let entries = self.lock();
        let entry = entries.by_id.get(id).filter(|entry| !entry.is_struck)?;
        Some(entry.meta.voice(entry.recording.clone()))
    }

    /// All that were not removed.
    pub fn list(&self) -> Vec<Arc<Meta>> {
        let entries = self.lock();
        let there = entries.by_id.values().filter(|entry| !entry.is_struck);
        there.map(|entry| Arc::clone(&entry.meta)).collect()
    }

    /// Waits until a voice of an engine is in force, and keeps it so; nothing if the name is not one of ours. The error
    /// is why no worker knows it.
    pub async fn hold(self: &Arc<Self>, engine: &str, id: &str) -> Result<Option<Use>, String> {
        let mut settled = self.settled.subscribe();
        loop {
            {
                let mut entries = self.lock();
                let found = entries.by_id.get_mut(id).filter(|entry| entry.meta.engine == engine);
                match found {
                    Some(entry) if !entry.is_struck => match &entry.standing {
                        Standing::InForce => {
                            entry.uses += 1;
                            let (owner, serial) = (Arc::clone(self), entry.serial);
                            return Ok(Some(Use { shelf: owner, id: id.to_owned(), serial }));
                        }
                        Standing::Refused(reason) => return Err(reason.clone()),
                        Standing::Waiting => {}
                    },
                    _ => return Ok(None),
                }
            }
            // The sender is ours.
            drop(settled.changed().await);
        }
    }

    /// Waits until something was added or removed, or a removed one is not spoken with any more.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Engines whose workers know other voices than they are to know.
    pub fn unsettled(&self) -> BTreeSet<String> {
        let entries = self.lock();
        let unsettled = entries.by_id.values().filter(|entry| entry.is_unsettled());
        unsettled.map(|entry| entry.meta.engine.clone()).collect()
    }

    /// Adds the voices to a configuration that an engine's workers are to be started with; `None`: those of all engines.
    /// `alone`: at most one that is new to them. A voice of the configuration wins over ours of the same name.
    pub fn hear_in(&self, config: &mut Config, engine: Option<&str>, alone: bool) -> Heard {
        let entries = self.lock();
        let mut heard = Heard {
            engine: engine.unwrap_or_default().to_owned(),
            serials: BTreeSet::new(),
            new: Vec::new(),
        };
        for (id, entry) in &entries.by_id {
            let is_asked_for = engine.is_none_or(|engine| engine == entry.meta.engine);
            if !is_asked_for || !entry.is_heard() {
                continue;
            }
            if entry.standing == Standing::Waiting {
                if alone && !heard.new.is_empty() {
                    continue;
                }
                heard.new.push(id.clone());
            }
            heard.serials.insert(entry.serial);
            if config.engines.contains_key(&entry.meta.engine) {
                let voice = || entry.meta.voice(entry.recording.clone());
                config.voices.entry(id.clone()).or_insert_with(voice);
            }
        }
        heard
    }

    /// The workers of an engine know these now, and no others.
    pub fn in_force(&self, heard: &Heard) {
        let mut gone = Vec::new();
        let mut entries = self.lock();
        entries.by_id.retain(|_, entry| {
            if entry.meta.engine != heard.engine {
                return true;
            }
            let is_known = heard.serials.contains(&entry.serial);
            if is_known && entry.standing == Standing::Waiting {
                entry.standing = Standing::InForce;
            }
            let stays = is_known || !entry.is_struck || entry.uses > 0;
            if !stays {
                gone.push(Arc::clone(&entry.meta));
            }
            stays
        });
        drop(entries);
        self.clear(&gone);
    }

    /// No worker started with those of these that are new.
    pub fn refuse(&self, heard: &Heard, reason: &str) {
        let mut entries = self.lock();
        let mut refused = Vec::new();
        for entry in entries.by_id.values_mut() {
            if heard.serials.contains(&entry.serial) && entry.standing == Standing::Waiting {
                entry.standing = Standing::Refused(reason.to_owned());
                refused.push(Arc::clone(&entry.meta));
            }
        }
        drop(entries);
        for meta in refused {
            store::refuse(&self.root, &meta, reason);
        }
        self.settled.send_replace(());
    }

    /// An engine has no workers that could know anything: what was removed can go.
    pub fn without_workers(&self, engine: &str) {
        let mut gone = Vec::new();
        self.lock().by_id.retain(|_, entry| {
            let stays = entry.meta.engine != engine || !entry.is_struck;
            if !stays {
                gone.push(Arc::clone(&entry.meta));
            }
            stays
        });
        self.clear(&gone);
    }

    fn clear(&self, gone: &[Arc<Meta>]) {
        for meta in gone {
            store::clear(&self.root, meta);
        }
        self.settled.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn insert(&mut self, meta: Meta, recording: PathBuf, standing: Standing) {
        self.serial += 1;
        let (id, serial) = (meta.id.clone(), self.serial);
        let entry = Entry { meta: Arc::new(meta), recording, standing, uses: 0, is_struck: false, serial };
        self.by_id.insert(id, entry);
    }
}

impl Entry {
    /// Whether workers are to know it: also one that was removed, while somebody listens to it.
    fn is_heard(&self) -> bool {
        match self.standing {
            Standing::Refused(_) => false,
            Standing::Waiting => !self.is_struck,
            Standing::InForce => !self.is_struck || self.uses > 0,
        }
    }

    fn is_unsettled(&self) -> bool {
        if self.is_struck { self.uses == 0 } else { self.standing == Standing::Waiting }
    }
}

/// A stream speaks with a voice for as long as it has this.
#[derive(Debug)]
pub struct Use {
    shelf: Arc<Shelf>,
    id: String,
    serial: u64,
}

impl Drop for Use {
    fn drop(&mut self) {
        let mut entries = self.shelf.lock();
        let Some(entry) = entries.by_id.get_mut(&self.id).filter(|entry| entry.serial == self.serial) else {
            return;
        };
        entry.uses = entry.uses.saturating_sub(1);
        if entry.is_unsettled() {
            self.shelf.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
