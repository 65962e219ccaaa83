//! Where jobs are changed: a job is what stands in its key, and whoever changes it names the revision that it saw.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::kv::{self, CreateErrorKind, Store as Bucket, UpdateErrorKind};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use tokio::{
    io::AsyncReadExt,
    sync::broadcast,
    time::{Instant, sleep, timeout},
};

use super::{
    Folders,
    lines::Line,
    mirror::Mirror,
    queue::Queue,
    record::{Record, count},
    takes::Takes,
    trouble::{away, while_doing},
};
use crate::{
    cluster::{Identity, Link, Objects, Reads},
    jobs::{Change, Created, JobId, NewJob, StoreError, now_ms},
};

/// A job whose key is taken is told of within so long, unless its node has ended.
const TOLD: Duration = Duration::from_secs(5);
/// All jobs are known by then.
const READ: Duration = Duration::from_mins(1);
/// The next part of a text has come by then.
const STILL: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(50);
/// What came at the same moment has come by then.
const SETTLED: Duration = Duration::from_millis(50);

/// All that is kept in `JetStream`.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) link: Arc<Link>,
    pub(super) jobs: Bucket,
    pub(super) keys: Bucket,
    pub(super) takes: Takes,
    pub(super) texts: Objects,
    pub(super) audio: Objects,
    pub(super) queue: Queue,
    pub(super) mirror: Arc<Mirror>,
    pub(super) folders: Folders,
    pub(super) identity: Identity,
}

impl Desk {
    /// Opens everything, makes what is not there, and waits until all jobs are known.
    pub(super) async fn join(
        link: Arc<Link>,
        folders: Folders,
        news: broadcast::Sender<Change>,
    ) -> Result<Self, StoreError> {
        let bucket = async |what, reads| link.bucket(what, reads).await.map_err(while_doing("open a bucket"));
        let objects = async |what| link.objects(what).await.map_err(while_doing("open a store of objects"));
        let (jobs, keys) = (bucket("jobs", Reads::Leader).await?, bucket("keys", Reads::Leader).await?);
        let takes = bucket("takes", Reads::Anyone).await?;
        let (texts, audio) = (objects("texts").await?, objects("audio").await?);
        let identity = link.identity("jobs").await.map_err(while_doing("open a bucket"))?;
        let queue = Queue::open(Arc::clone(&link)).await?;
        let (mirror, mut is_current) = Mirror::follow(jobs.clone(), news, folders.shelf.clone());
        timeout(READ, is_current.wait_for(|is_current| *is_current))
            .await
            .map_err(while_doing("learn of the jobs that there are"))?
            .map_err(while_doing("learn of the jobs that there are"))?;
        Ok(Self {
            link,
            jobs,
            keys,
            takes: Takes { bucket: takes },
            texts,
            audio,
            queue,
            mirror,
            folders,
            identity,
        })
    }

    /// An error while no server answers.
    pub(super) fn up(&self) -> Result<(), StoreError> {
        if self.link.is_up() { Ok(()) } else { Err(away(&self.link)) }
    }

    /// One job as it stands now, and the revision that this is.
    pub(super) async fn record(&self, id: &JobId) -> Result<Option<(Record, u64)>, StoreError> {
        let entry = self.jobs.entry(id.as_str()).await.map_err(while_doing("look for a job"))?;
        let Some(entry) = entry else { return Ok(None) };
        if entry.operation != kv::Operation::Put {
            self.mirror.learn(id, entry.revision, None);
            return Ok(None);
        }
        let record: Record = read(&entry.value)?;
        self.mirror.learn(id, entry.revision, Some(record.clone()));
        Ok(Some((record, entry.revision)))
    }

    /// Changes a job, as often as others change it meanwhile. `change` says whether there is anything to write, and is
    /// asked again for what the job has become. Answers with what it said last, and the job.
    pub(super) async fn change(
        &self,
        id: &JobId,
        mut change: impl FnMut(&mut Record) -> bool + Send,
    ) -> Result<Option<(bool, Record)>, StoreError> {
        loop {
            let Some((mut record, revision)) = self.record(id).await? else { return Ok(None) };
            if !change(&mut record) {
                return Ok(Some((false, record)));
            }
            match self.jobs.update(id.as_str(), written(&record)?, revision).await {
                Ok(revision) => {
                    self.mirror.learn(id, revision, Some(record.clone()));
                    return Ok(Some((true, record)));
                }
                Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => {}
                Err(error) => return Err(while_doing("change a job")(error)),
            }
        }
    }

    /// The same, for a change that may be made again, and looks after it. Several servers that keep a bucket together may take
    /// two changes of one revision that come at the same moment (those of 2.9 do), and the later one undoes the first.
    pub(super) async fn surely(
        &self,
        id: &JobId,
        mut change: impl FnMut(&mut Record) -> bool + Send,
    ) -> Result<Option<(bool, Record)>, StoreError> {
        let Some((is_new, mut record)) = self.change(id, &mut change).await? else { return Ok(None) };
        if self.link.cluster().replicas > 1 && is_new {
            loop {
                sleep(SETTLED).await;
                let Some((was_undone, now)) = self.change(id, &mut change).await? else { break };
                record = now;
                if !was_undone {
                    break;
                }
            }
        }
        Ok(Some((is_new, record)))
    }

    /// The job that an idempotency key stands for: `id`, unless another one came first and is there still.
    async fn keyed(&self, id: &JobId, name: &str) -> Result<Option<Record>, StoreError> {
        const ACT: &str = "look for an idempotency key";
        let own = Bytes::from(id.as_str().to_owned());
        let told = Instant::now() + TOLD;
        loop {
            match self.keys.create(name, own.clone()).await {
                Ok(_) => return Ok(None),
                Err(error) if error.kind() == CreateErrorKind::AlreadyExists => {}
                Err(error) => return Err(while_doing(ACT)(error)),
            }
            let Some(entry) = self.keys.entry(name).await.map_err(while_doing(ACT))? else { continue };
            let before = std::str::from_utf8(&entry.value).ok().and_then(|text| text.parse::<JobId>().ok());
            if let Some(before) = before {
                if before == *id {
                    return Ok(None);
                }
                if let Some((record, _)) = self.record(&before).await? {
                    return Ok(Some(record));
                }
                // It may be on its way in.
                if Instant::now() < told {
                    sleep(LOOK).await;
                    continue;
                }
            }
            // Of a job that is gone, or whose node ended before it told of it.
            match self.keys.update(name, own.clone(), entry.revision).await {
                Ok(_) => return Ok(None),
                Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => {}
                Err(error) => return Err(while_doing(ACT)(error)),
            }
        }
    }

    /// Makes a job, or finds the one that is there under its key.
    pub(super) async fn make(&self, new: NewJob) -> Result<Created, StoreError> {
        let owner = new.owner.as_deref().unwrap_or_default();
        let key = new.idempotency_key.as_deref().map(|key| hash(&[owner, key]));
        if let Some(key) = &key
            && let Some(before) = self.keyed(&new.id, key).await?
        {
            let is_same = before.digest == new.digest;
            let job = Box::new(before.job);
            return Ok(if is_same { Created::Before(job) } else { Created::Conflict(job.id) });
        }
        if let Some((before, _)) = self.record(&new.id).await? {
            return Ok(Created::Before(Box::new(before.job)));
        }
        let text = written(&new.book)?;
        let record = Record { key, ..Record::new(&new, text.len(), now_ms()) };
        self.put_text(&format!("{}.book", new.id), &text).await?;
        let engine = new.engines.first().map(String::as_str).unwrap_or_default();
        let name = format!("cut.{}", new.id);
        self.queue.push(Line::Cut(engine), new.id.as_str(), &name, Bytes::new()).await?;
        match self.jobs.create(new.id.as_str(), written(&record)?).await {
            Ok(revision) => {
                self.mirror.learn(&new.id, revision, Some(record.clone()));
                Ok(Created::New(Box::new(record.job)))
            }
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => {
                let before = self.record(&new.id).await?.ok_or(StoreError::Lost)?;
                Ok(Created::Before(Box::new(before.0.job)))
            }
            Err(error) => Err(while_doing("make a job")(error)),
        }
    }

    pub(super) async fn put_text(&self, name: &str, mut text: &[u8]) -> Result<(), StoreError> {
        self.texts.put(name, &mut text).await.map_err(while_doing("write a text"))
    }

    pub(super) async fn text<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        const ACT: &str = "read a text";
        let Some(mut object) = self.texts.get(name).await.map_err(while_doing(ACT))? else { return Ok(None) };
        let mut text = Vec::new();
        // What is removed meanwhile comes to no end.
        loop {
            let come = timeout(STILL, object.read_buf(&mut text)).await;
            if come.map_err(while_doing(ACT))?.map_err(while_doing(ACT))? == 0 {
                return read(&text).map(Some);
            }
        }
    }
}

pub(super) fn hash(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(count(part.len()).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().fold(String::new(), |told, byte| told + &format!("{byte:02x}"))
}

pub(super) fn written<T: Serialize>(value: &T) -> Result<Bytes, StoreError> {
    serde_json::to_vec(value).map(Bytes::from).map_err(while_doing("write what it keeps"))
}

pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(while_doing("read what it has kept"))
}
