//! Jobs that are over: their audio, what they leave, and how they go.

use std::path::PathBuf;

use tokio::fs;

use super::{
    desk::{Desk, hash},
    mirror::FOR_GOOD,
    record::Record,
    trouble::{insist, while_doing},
    work::PATIENCE,
};
use crate::{
    cluster::purge,
    jobs::{Finished, Job, JobError, JobId, JobState, Lease, Retention, StoreError, now_ms},
};

/// Whoever asks for audio waits for so long.
const BROUGHT: std::time::Duration = std::time::Duration::from_secs(15);
/// How often room is made for the end of a job.
const TRIES: u32 = 20;
/// So long what only an open job needs stays after it is done: other nodes may be reading it still.
const READ_ALONG: u64 = 60_000;
/// A job that has not changed for so long is looked at, whether anybody is about to do something for it.
const STILL: std::time::Duration = std::time::Duration::from_mins(1);
/// So long those that were removed are told apart from new ones.
const FORGOTTEN: std::time::Duration = std::time::Duration::from_hours(1);

impl Desk {
    /// A job's audio is there.
    pub(super) async fn finish(&self, lease: &Lease, finished: &Finished) -> Result<(), StoreError> {
        self.or_let_go(lease, insist(PATIENCE, async || self.finished(lease, finished).await)).await
    }

    async fn finished(&self, lease: &Lease, finished: &Finished) -> Result<(), StoreError> {
        const KEEP: &str = "keep finished audio";
        self.up()?;
        if !self.queue.held(lease).is_some_and(|held| held.is_ours()) {
            return Err(StoreError::Lost);
        }
        let id = &lease.job;
        // Two nodes may both finish it: the audio that is told of first is the one that counts.
        let name = format!("{id}.{}", hash(&[&lease.token]));
        let place = self.folders.shelf.join(&name);
        if fs::metadata(&place).await.is_err() {
            fs::rename(&finished.file, &place).await.map_err(while_doing(KEEP))?;
        }
        let mut file = fs::File::open(&place).await.map_err(while_doing(KEEP))?;
        self.audio.put(&name, &mut file).await.map_err(while_doing(KEEP))?;
        let book =
            self.texts.size(&format!("{id}.book")).await.map_err(while_doing(KEEP))?.unwrap_or_default();
        let now = now_ms();
        let changed = self.surely(id, |record| record.finished(finished, &name, book, now)).await?;
        let counts = changed.filter(|(_, record)| record.audio.as_ref() == Some(&name));
        let Some((_, record)) = counts else {
            drop(fs::remove_file(&place).await);
            self.audio.delete(&name).await.map_err(while_doing(KEEP))?;
            return Err(StoreError::Lost);
        };
        self.line_up_telling(&record).await?;
        self.queue.end(lease).await
    }

    /// What only an open job needs goes.
    async fn parts_go(&self, record: &Record) -> Result<(), StoreError> {
        let id = &record.job.id;
        self.queue.forget(id);
        self.takes.remove(id).await?;
        if let Some(plan) = &record.plan {
            self.texts.delete(plan).await.map_err(while_doing("remove a cut"))?;
        }
        Ok(())
    }

    async fn book_goes(&self, id: &JobId) -> Result<(), StoreError> {
        self.texts.delete(&format!("{id}.book")).await.map_err(while_doing("remove a text"))
    }

    /// It will not be done.
    pub(super) async fn fail(&self, id: &JobId, error: JobError) -> Result<Option<Job>, StoreError> {
        self.end(id, JobState::Failed, Some(error)).await
    }

    /// It is taken back.
    pub(super) async fn cancel(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        self.end(id, JobState::Cancelled, None).await
    }

    async fn end(
        &self,
        id: &JobId,
        state: JobState,
        error: Option<JobError>,
    ) -> Result<Option<Job>, StoreError> {
        let now = now_ms();
        let mut tries = TRIES;
        let changed = loop {
            match self.surely(id, |record| record.ends(state, error.clone(), now)).await {
                // A server that is full takes no note of it, until what the job has there is gone. What somebody is about to
                // store for it takes that room again, once.
                Err(StoreError::Full { .. }) if tries > 0 => {
                    tries -= 1;
                    self.queue.forget(id);
                    self.takes.remove(id).await?;
                }
                changed => break changed?,
            }
        };
        let Some((is_new, record)) = changed else { return Ok(None) };
        if is_new {
            self.tidied(&record).await?;
        }
        Ok(Some(record.job))
    }

    /// Everything goes that a job which is over does not need, and that is noted.
    async fn tidied(&self, record: &Record) -> Result<(), StoreError> {
        let lined_up = self.line_up_telling(record).await;
        self.parts_go(record).await?;
        if record.job.state != JobState::Done {
            self.book_goes(&record.job.id).await?;
        }
        if lined_up.is_err() {
            // A server that was full has room by now.
            self.line_up_telling(record).await?;
        }
        self.change(&record.job.id, Record::tidied).await.map(drop)
    }

    /// It is removed, and everything of it. Whether it was there.
    pub(super) async fn gone(&self, id: &JobId) -> Result<bool, StoreError> {
        let Some((record, _)) = self.record(id).await? else { return Ok(false) };
        self.parts_go(&record).await?;
        self.book_goes(id).await?;
        if let Some(key) = &record.key {
            self.key_goes(key, id).await?;
        }
        if let Some(audio) = &record.audio {
            self.audio.delete(audio).await.map_err(while_doing("remove finished audio"))?;
            drop(fs::remove_file(self.folders.shelf.join(audio)).await);
        }
        // Last of all: whoever ends on the way leaves a job that can be removed again. Not by a purge, of which servers of 2.9
        // do not tell everybody who follows the bucket; it keeps one entry for a key anyhow.
        self.jobs.delete(id.as_str()).await.map_err(while_doing("remove a job"))?;
        self.mirror.learn(id, FOR_GOOD, None);
        Ok(true)
    }

    /// An idempotency key goes with its job, if it still stands for it.
    async fn key_goes(&self, key: &str, id: &JobId) -> Result<(), StoreError> {
        const ACT: &str = "remove an idempotency key";
        let entry = self.keys.entry(key).await.map_err(while_doing(ACT))?;
        let Some(entry) = entry.filter(|entry| entry.value == id.as_str().as_bytes()) else { return Ok(()) };
        let subject = format!("{}{key}", self.keys.prefix);
        // Only as far as it was seen: somebody may be giving it to another job.
        let gone = self.keys.stream.purge().filter(subject).sequence(entry.revision + 1).await;
        gone.map(drop).map_err(while_doing(ACT))
    }

    /// Finished audio that is on this machine already.
    pub(super) fn at_hand(&self, id: &JobId) -> Option<PathBuf> {
        let name = self.mirror.get(id).filter(|record| record.job.state == JobState::Done)?.audio?;
        Some(self.folders.shelf.join(name)).filter(|place| place.is_file())
    }

    /// Finished audio, brought to this machine if it is not there; tried again while servers change their places.
    pub(super) async fn bring(&self, id: &JobId) -> Result<Option<PathBuf>, StoreError> {
        insist(BROUGHT, async || {
            self.up()?;
            self.brought(id).await
        })
        .await
    }

    async fn brought(&self, id: &JobId) -> Result<Option<PathBuf>, StoreError> {
        const BRING: &str = "bring finished audio here";
        let Some((record, _)) = self.record(id).await? else { return Ok(None) };
        let (JobState::Done, Some(name)) = (record.job.state, record.audio) else { return Ok(None) };
        let place = self.folders.shelf.join(&name);
        if fs::metadata(&place).await.is_ok() {
            return Ok(Some(place));
        }
        let Some(mut object) = self.audio.get(&name).await.map_err(while_doing(BRING))? else {
            return Ok(None);
        };
        let draft = self.folders.drafts.join(format!("{id}.{}", JobId::draw()));
        let mut file = fs::File::create(&draft).await.map_err(while_doing(BRING))?;
        let copied = tokio::io::copy(&mut object, &mut file).await;
        let kept = match copied {
            Ok(_) => fs::rename(&draft, &place).await,
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            drop(fs::remove_file(&draft).await);
            return Err(while_doing(BRING)(error));
        }
        Ok(Some(place))
    }

    /// What nobody has to keep any more goes. Every node does that, and what one has removed is told by it alone.
    pub(super) async fn swept(&self, retention: Retention) -> Result<Vec<JobId>, StoreError> {
        let now = now_ms();
        let tidied = self.all_tidied(now).await;
        let removed = self.kept_within(retention, now).await?;
        let rest = async {
            tidied?;
            self.forgotten().await?;
            self.rescue(STILL).await
        };
        match rest.await {
            Err(error) if removed.is_empty() => return Err(error),
            Err(error) => tracing::warn!("{error}"),
            Ok(()) => {}
        }
        Ok(removed)
    }

    /// What jobs that are over do not need goes, if whoever ended them has not seen to it.
    async fn all_tidied(&self, now: u64) -> Result<(), StoreError> {
        let untidy = |record: &Record| {
            let is_over = record.job.ended_ms.is_some_and(|ended| ended + READ_ALONG <= now);
            (is_over && !record.is_tidy).then(|| record.clone())
        };
        for record in self.mirror.collect(usize::MAX, untidy) {
            self.tidied(&record).await?;
        }
        Ok(())
    }

    /// Nothing tells of jobs that were removed long ago.
    async fn forgotten(&self) -> Result<(), StoreError> {
        for id in self.mirror.gone_for(FORGOTTEN) {
            let subject = format!("{}{id}", self.jobs.prefix);
            purge(&self.jobs.stream, &subject).await.map_err(while_doing("forget a job"))?;
            self.mirror.forget(&id);
        }
        Ok(())
    }

    /// Jobs that are older or more than is to be kept are removed.
    async fn kept_within(&self, retention: Retention, now: u64) -> Result<Vec<JobId>, StoreError> {
        let oldest = now.saturating_sub(u64::try_from(retention.age.as_millis()).unwrap_or(u64::MAX));
        let mut over = self.mirror.collect(usize::MAX, |record| {
            let ended = record.job.ended_ms.filter(|_| record.tells_ms().is_none());
            ended.map(|ended| (ended, record.job.id.clone(), record.bytes))
        });
        over.sort();
        let mut bytes = self.mirror.totals().bytes;
        let mut removed = Vec::new();
        for (ended, id, own) in over {
            if ended >= oldest && bytes <= retention.bytes {
                break;
            }
            if self.gone(&id).await? {
                removed.push(id);
            }
            bytes = bytes.saturating_sub(own);
        }
        Ok(removed)
    }

    /// Whether the servers have room for more.
    pub(super) async fn has_room(&self) -> Result<(), StoreError> {
        let room = self.link.room().await.map_err(while_doing("ask for room"))?;
        match room.most() {
            Some(most) if room.storage >= most - most / 20 => Err(StoreError::Full {
                place: PathBuf::from("the NATS servers"),
                reason: format!("{} of {most} bytes are in use", room.storage),
            }),
            _ => Ok(()),
        }
    }
}
