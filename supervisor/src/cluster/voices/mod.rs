//! Voices that were sent to any machine, on every machine: the shelf of each is a copy of what stands in NATS.
//!
//! ```text
//! key-value  NAME_voices       the id in hexadecimal → what is known of the voice, and the name of its recording
//! objects    NAME_recordings   ID.TOKEN → the recording
//! ```
//!
//! One task brings the shelf in line with that whenever it changes: `difference` decides, and touches nothing. Whoever
//! sends or removes a voice here changes what stands in NATS, and waits until that has come back.

mod difference;
mod ledger;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use async_nats::jetstream::kv::{CreateErrorKind, Entry, Operation, Store as Bucket};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::{
    io::AsyncReadExt,
    sync::watch,
    task::{JoinHandle, spawn_blocking},
    time::{interval, sleep, timeout},
};

use self::{
    difference::{Step, difference},
    ledger::Ledger,
};
use super::{Link, Objects, Reads};
use crate::voices::{Meta, Shelf, ShelfError};

/// How often it is tried again to do what could not be done.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it is asked whether the servers have lost what they kept: nobody tells of that.
const CHECK: Duration = Duration::from_secs(5);
/// How often it is looked whether a server answers.
const LOOK: Duration = Duration::from_millis(100);
/// What was sent here has come back by then; it takes milliseconds.
const BACK: Duration = Duration::from_secs(10);
/// The longest recording has come by then.
const FETCHED: Duration = Duration::from_mins(1);

/// A voice as it stands in NATS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    meta: Meta,
    /// Name of its recording.
    recording: String,
}

/// Where they are kept.
#[derive(Clone, Debug)]
struct Kept {
    voices: Bucket,
    recordings: Objects,
}

/// The way to the voices of all machines.
#[derive(Debug)]
pub struct SharedVoices {
    link: Arc<Link>,
    shelf: Arc<Shelf>,
    kept: watch::Receiver<Option<Kept>>,
    /// Whenever the shelf was brought in line.
    settled: watch::Receiver<()>,
}

fn away(reason: impl std::fmt::Display) -> ShelfError {
    ShelfError::Away { reason: format!("{reason}") }
}

/// A key that NATS takes, whatever the id ends with.
fn key(id: &str) -> String {
    id.bytes().fold(String::new(), |key, byte| key + &format!("{byte:02x}"))
}

impl SharedVoices {
    /// Shares a shelf, from now on and as long as somebody holds this. `folder` is where it is noted which voices came
    /// from elsewhere. Those that were on the shelf before are shared too.
    pub fn start(link: Arc<Link>, shelf: Arc<Shelf>, folder: &Path) -> Self {
        let (tell_kept, kept) = watch::channel(None);
        let (tell_settled, settled) = watch::channel(());
        let ledger = Ledger::open(folder);
        let keeper =
            Keeper { link: Arc::clone(&link), shelf: Arc::clone(&shelf), ledger, tell_kept, tell_settled };
        tokio::spawn(keeper.run());
        Self { link, shelf, kept, settled }
    }

    /// Where voices are kept, while a server answers.
    async fn kept(&self) -> Result<Kept, ShelfError> {
        if !self.link.is_up() {
            return Err(away("no connection"));
        }
        let mut kept = self.kept.clone();
        let found = timeout(BACK, kept.wait_for(Option::is_some)).await.map_err(away)?.map_err(away)?;
        found.clone().ok_or_else(|| away("no connection"))
    }

    /// Puts a voice on all shelves, with a recording as a WAV file. When this returns it is on ours.
    pub async fn add(&self, meta: Meta, wav: &[u8]) -> Result<(), ShelfError> {
        let Kept { voices, recordings } = self.kept().await?;
        self.shelf.vacant(&meta.id)?;
        let (id, key) = (meta.id.clone(), key(&meta.id));
        let recording = format!("{id}.{:016x}", rand::random::<u64>());
        recordings.put(&recording, &mut &*wav).await.map_err(away)?;
        let told = serde_json::to_vec(&Told { meta, recording: recording.clone() }).map_err(away)?;
        let gone = async || drop(recordings.delete(&recording).await);
        if let Err(error) = voices.create(&key, told.into()).await {
            gone().await;
            let is_taken = error.kind() == CreateErrorKind::AlreadyExists;
            return Err(if is_taken { ShelfError::Taken(id) } else { away(error) });
        }
        if self.back(|shelf| shelf.get(&id).is_some()).await {
            return Ok(());
        }
        drop(voices.delete(&key).await);
        gone().await;
        Err(away("the voice did not reach this machine's own shelf; its log says why"))
    }

    /// Takes a voice from all shelves, and tells whether it was there. When this returns it is gone from ours.
    pub async fn remove(&self, id: &str) -> Result<bool, ShelfError> {
        let Kept { voices, recordings } = self.kept().await?;
        let entry = voices.entry(key(id)).await.map_err(away)?;
        let told = entry.filter(|entry| entry.operation == Operation::Put);
        let Some(told) = told.and_then(|entry| serde_json::from_slice::<Told>(&entry.value).ok()) else {
            // One that never was shared, since another has its name.
            return strike(&self.shelf, id).await.map_err(away)?;
        };
        voices.delete(key(id)).await.map_err(away)?;
        recordings.delete(&told.recording).await.map_err(away)?;
        self.back(|shelf| shelf.get(id).is_none()).await;
        Ok(true)
    }

    /// Whether something has become true of our shelf, in time.
    async fn back(&self, is_there: impl Fn(&Shelf) -> bool) -> bool {
        let mut settled = self.settled.clone();
        let wait = async {
            while !is_there(&self.shelf) {
                if settled.changed().await.is_err() {
                    return false;
                }
            }
            true
        };
        timeout(BACK, wait).await.unwrap_or(false)
    }
}

/// A voice goes from this machine's shelf.
fn strike(shelf: &Arc<Shelf>, id: &str) -> JoinHandle<Result<bool, ShelfError>> {
    let (owner, id) = (Arc::clone(shelf), id.to_owned());
    spawn_blocking(move || owner.remove(&id))
}

/// Brings the shelf in line.
struct Keeper {
    link: Arc<Link>,
    shelf: Arc<Shelf>,
    ledger: Ledger,
    tell_kept: watch::Sender<Option<Kept>>,
    tell_settled: watch::Sender<()>,
}

impl Keeper {
    async fn run(mut self) {
        while !self.tell_kept.is_closed() {
            if self.link.is_up()
                && let Err(error) = self.keep().await
            {
                tracing::debug!(%error, "Voices are not shared for the moment; asking again");
                sleep(PAUSE).await;
            }
            sleep(LOOK).await;
        }
    }

    async fn keep(&mut self) -> Result<(), async_nats::Error> {
        let kept = Kept {
            voices: self.link.bucket("voices", Reads::Leader).await?,
            recordings: self.link.objects("recordings").await?,
        };
        let identity = self.link.identity("voices").await?;
        self.ledger.of(identity.created());
        let is_empty = kept.voices.status().await?.values() == 0;
        let mut checks = interval(CHECK);
        let mut news = kept.voices.watch_with_history(">").await?;
        self.tell_kept.send_replace(Some(kept.clone()));
        let (mut wanted, mut is_current) = (BTreeMap::new(), is_empty);
        loop {
            if is_current {
                self.settle(&kept, &mut wanted).await;
                self.tell_settled.send_replace(());
            }
            tokio::select! {
                entry = news.next() => {
                    let Some(entry) = entry.transpose()? else { return Ok(()) };
                    is_current |= entry.seen_current || entry.delta == 0;
                    learn(&mut wanted, &entry);
                }
                // What could not be done, or was done to the folder by somebody else.
                () = sleep(PAUSE) => {}
                _ = checks.tick() => {
                    if identity.is_lost(0).await {
                        return Ok(());
                    }
                }
                () = self.tell_kept.closed() => return Ok(()),
            }
        }
    }

    /// Does what has to be done; what cannot be done now is done the next time.
    async fn settle(&mut self, kept: &Kept, wanted: &mut BTreeMap<String, Told>) {
        for step in difference(wanted, self.ledger.known(), &self.shelf.list()) {
            let id = step.id().to_owned();
            match self.take(step, kept).await {
                // It is wanted from now on, and not only when that has come back to us.
                Ok(Some(shared)) => drop(wanted.insert(id, shared)),
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, voice = id, "A shared voice has to wait"),
            }
        }
    }

    /// Takes a step; answers with a voice that is shared now by our doing.
    async fn take(&mut self, step: Step, kept: &Kept) -> Result<Option<Told>, async_nats::Error> {
        match step {
            Step::Fetch(told) => {
                let Some(mut object) = kept.recordings.get(&told.recording).await? else { return Ok(None) };
                let mut wav = Vec::new();
                timeout(FETCHED, object.read_to_end(&mut wav)).await??;
                let (owner, meta) = (Arc::clone(&self.shelf), told.meta.clone());
                spawn_blocking(move || owner.add(meta, &wav)).await??;
                tracing::info!(voice = told.meta.id, engine = told.meta.engine, "A shared voice has come");
                self.ledger.note(told.meta.id, told.recording);
            }
            Step::Adopt(told) => self.ledger.note(told.meta.id, told.recording),
            Step::Remove(id) => {
                if strike(&self.shelf, &id).await?? {
                    tracing::info!(voice = id, "A shared voice was removed");
                }
                self.ledger.forget(&id);
            }
            Step::Share(meta) => {
                let Some(clone) = self.shelf.voice(&meta.id).and_then(|voice| voice.clone) else {
                    return Ok(None);
                };
                let recording = format!("{}.{:016x}", meta.id, rand::random::<u64>());
                let mut file = tokio::fs::File::open(&clone.reference).await?;
                kept.recordings.put(&recording, &mut file).await?;
                let told = Told { meta: (*meta).clone(), recording: recording.clone() };
                let created = kept.voices.create(key(&meta.id), serde_json::to_vec(&told)?.into()).await;
                if let Err(error) = created {
                    kept.recordings.delete(&recording).await?;
                    return Err(error.into());
                }
                tracing::info!(voice = meta.id, "A voice of this machine is shared");
                self.ledger.note(meta.id.clone(), recording);
                return Ok(Some(told));
            }
            Step::Clash(id) => {
                if self.ledger.clashes(&id) {
                    tracing::warn!(
                        voice = id,
                        "Another voice of this name is shared by other machines, and this machine keeps its own; remove \
                         it here to have theirs"
                    );
                }
            }
        }
        Ok(None)
    }
}

fn learn(wanted: &mut BTreeMap<String, Told>, entry: &Entry) {
    wanted.retain(|id, _| key(id) != entry.key);
    if entry.operation != Operation::Put {
        return;
    }
    match serde_json::from_slice::<Told>(&entry.value) {
        Ok(told) => drop(wanted.insert(told.meta.id.clone(), told)),
        Err(error) => {
            tracing::warn!(%error, "A voice was shared by a server that this one does not understand");
        }
    }
}
