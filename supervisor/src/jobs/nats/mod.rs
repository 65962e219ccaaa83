//! Jobs that several machines share, in NATS JetStream: every node takes work when it has time for it, and any node
//! answers for any job.
//!
//! ```text
//! key-value  NAME_jobs    JOB → what is told of it (`record.rs`); each change names the revision that it changes
//!            NAME_keys    idempotency keys → the job that came of them
//!            NAME_takes   the segments' audio (`takes.rs`)
//! objects    NAME_texts   JOB.book, JOB.plan
//!            NAME_audio   JOB → its finished audio
//! work queue NAME_work    what there is to do (`queue.rs`)
//! ```
//!
//! What has to happen together happens in an order in which each step may be the last one of a node: work stands in line
//! before its job is told of, audio is there before its head, the head before it is counted, and only then its message is
//! answered. Whoever takes a message up again finds how far it had come.

mod mirror;
mod queue;
mod record;
mod takes;
#[cfg(test)]
mod tests;
mod ticks;
mod trouble;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_nats::{
    ConnectOptions,
    jetstream::{
        self, AckKind, Context, Message,
        kv::{self, CreateErrorKind, Store as Bucket, UpdateErrorKind},
        object_store::{self, GetErrorKind, ObjectStore},
    },
};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use self::{
    mirror::Mirror,
    queue::{Line, Queue, Waiting, about},
    record::{Record, count, whole},
    takes::Takes,
    trouble::{insist, while_doing},
};
use super::{
    Answer, Book, Created, Finished, Job, JobError, JobId, JobState, Kept, Lease, NewJob, Piece, Plan, Query,
    Retention, Store, StoreError, Stored, Take, Totals, Wanted, Work, now_ms,
};

/// For so long a server that is away is waited for, where giving up would lose work that is done.
const PATIENCE: Duration = Duration::from_mins(2);
/// So long a job that stands in line may not be told of yet.
const UNTOLD: Duration = Duration::from_secs(2);
/// Times that it is looked for.
const LOOKS: i64 = 30;

/// Where the nodes meet.
#[derive(Clone, Debug)]
pub struct Meeting {
    /// Addresses of NATS servers, with a comma between them.
    pub servers: String,
    /// A file of credentials, where the servers ask for one.
    pub credentials: Option<PathBuf>,
    /// What everything of ours is called there: letters, digits, `-` and `_`.
    pub name: String,
    /// On how many of the servers everything is kept.
    pub replicas: usize,
    /// How long a node may be silent before others take its work.
    pub silence: Duration,
}

/// Jobs in JetStream.
pub struct Nats {
    context: Context,
    jobs: Bucket,
    keys: Bucket,
    takes: Takes,
    texts: ObjectStore,
    audio: ObjectStore,
    queue: Queue,
    mirror: Arc<Mirror>,
    drafts: PathBuf,
    shelf: PathBuf,
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nats").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl Nats {
    /// Joins the others, and makes whatever is not there yet. `folder` of this machine is for finished audio on its way;
    /// what is in it is nobody's.
    pub async fn join(meeting: &Meeting, folder: &Path) -> Result<Self, StoreError> {
        let client = options(meeting)
            .await?
            .connect(meeting.servers.split(',').map(str::trim).collect::<Vec<_>>())
            .await
            .map_err(while_doing("reach its NATS servers"))?;
        let context = jetstream::new(client);
        let (name, replicas) = (meeting.name.as_str(), meeting.replicas);
        let bucket = async |what: &str| {
            let config = kv::Config {
                bucket: format!("{name}_{what}"),
                history: 1,
                num_replicas: replicas,
                ..kv::Config::default()
            };
            context.create_key_value(config).await.map_err(while_doing("open a bucket"))
        };
        let objects = async |what: &str| {
            let config = object_store::Config {
                bucket: format!("{name}_{what}"),
                num_replicas: replicas,
                ..object_store::Config::default()
            };
            context.create_object_store(config).await.map_err(while_doing("open a store of objects"))
        };
        let (jobs, keys, takes) = (bucket("jobs").await?, bucket("keys").await?, bucket("takes").await?);
        let (texts, audio) = (objects("texts").await?, objects("audio").await?);
        let queue = Queue::open(&context, name, replicas, meeting.silence).await?;
        let (mirror, mut is_current) = Mirror::follow(jobs.clone());
        let (drafts, shelf) = (folder.join("drafts"), folder.join("audio"));
        for folder in [&drafts, &shelf] {
            emptied(folder).await.map_err(while_doing("make room for finished audio"))?;
        }
        is_current
            .wait_for(|is_current| *is_current)
            .await
            .map_err(while_doing("learn of the jobs that there are"))?;
        Ok(Self { context, jobs, keys, takes: Takes { bucket: takes }, texts, audio, queue, mirror, drafts, shelf })
    }

    /// One job as it stands now, and the revision that this is.
    async fn record(&self, id: &JobId) -> Result<Option<(Record, u64)>, StoreError> {
        let entry = self.jobs.entry(id.as_str()).await.map_err(while_doing("look for a job"))?;
        let Some(entry) = entry.filter(|entry| entry.operation == kv::Operation::Put) else { return Ok(None) };
        let record: Record = read(&entry.value)?;
        self.mirror.learn(id, entry.revision, Some(record.clone()));
        Ok(Some((record, entry.revision)))
    }

    /// Changes a job, as often as others change it meanwhile. `change` says whether there is anything to write, and is
    /// asked again for what the job has become. Answers with what it said last, and the job.
    async fn change(
        &self,
        id: &JobId,
        mut change: impl FnMut(&mut Record) -> bool,
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

    /// The job that an idempotency key stands for: `id`, unless another one came first and is there still.
    async fn keyed(&self, new: &NewJob, key: &str) -> Result<Option<Record>, StoreError> {
        const ACT: &str = "look for an idempotency key";
        let name = hash(&[new.owner.as_deref().unwrap_or_default(), key]);
        let own = Bytes::from(new.id.as_str().to_owned());
        loop {
            match self.keys.create(&name, own.clone()).await {
                Ok(_) => return Ok(None),
                Err(error) if error.kind() == CreateErrorKind::AlreadyExists => {}
                Err(error) => return Err(while_doing(ACT)(error)),
            }
            let Some(entry) = self.keys.entry(&name).await.map_err(while_doing(ACT))? else { continue };
            let id = std::str::from_utf8(&entry.value).ok().and_then(|text| text.parse::<JobId>().ok());
            if id.as_ref() == Some(&new.id) {
                return Ok(None);
            }
            if let Some(id) = id
                && let Some((record, _)) = self.record(&id).await?
            {
                return Ok(Some(record));
            }
            // Of a job that is gone, or whose node ended before it told of it.
            match self.keys.update(&name, own.clone(), entry.revision).await {
                Ok(_) => return Ok(None),
                Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => {}
                Err(error) => return Err(while_doing(ACT)(error)),
            }
        }
    }

    async fn make(&self, new: NewJob) -> Result<Created, StoreError> {
        if let Some(key) = &new.idempotency_key
            && let Some(before) = self.keyed(&new, key).await?
        {
            let is_same = before.digest == new.digest;
            let job = Box::new(before.job);
            return Ok(if is_same { Created::Before(job) } else { Created::Conflict(job.id) });
        }
        if let Some((before, _)) = self.record(&new.id).await? {
            return Ok(Created::Before(Box::new(before.job)));
        }
        let text = written(&new.book)?;
        let record = Record::new(&new, text.len(), now_ms());
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

    async fn put_text(&self, name: &str, text: &[u8]) -> Result<(), StoreError> {
        self.texts.put(name, &mut &*text).await.map(drop).map_err(while_doing("write a text"))
    }

    async fn text<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let mut object = match self.texts.get(name).await {
            Ok(object) => object,
            Err(error) if error.kind() == GetErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(while_doing("read a text")(error)),
        };
        let mut text = Vec::new();
        object.read_to_end(&mut text).await.map_err(while_doing("read a text"))?;
        read(&text).map(Some)
    }

    async fn next(&self, wanted: &Wanted, time: Duration) -> Result<Option<Work>, StoreError> {
        let mut lines = Vec::new();
        if wanted.finish {
            lines.push(Line::Finish);
        }
        lines.extend(wanted.engines.iter().map(|engine| Line::Speak(engine)));
        lines.extend(wanted.engines.iter().map(|engine| Line::Cut(engine)));
        for line in lines {
            while let Some(message) = self.queue.next(line).await? {
                if let Some(work) = self.work(line, message, time).await? {
                    return Ok(Some(work));
                }
            }
        }
        Ok(None)
    }

    /// What a message asks for; `None` if it turns out that nothing has to be done.
    async fn work(
        &self,
        line: Line<'_>,
        message: Message,
        time: Duration,
    ) -> Result<Option<Work>, StoreError> {
        let settle = async |message: &Message, kind| {
            message.ack_with(kind).await.map_err(while_doing("answer for work"))
        };
        let Some(id) = about(&message) else {
            settle(&message, AckKind::Term).await?;
            return Ok(None);
        };
        let Some((record, _)) = self.record(&id).await? else {
            // Work stands in line before its job is told of. One that is never told of has lost its node meanwhile.
            let looks = message.info().map_or(LOOKS, |info| info.delivered);
            let kind = if looks < LOOKS { AckKind::Nak(Some(UNTOLD)) } else { AckKind::Term };
            settle(&message, kind).await?;
            return Ok(None);
        };
        if record.job.state.is_over() {
            settle(&message, AckKind::Ack).await?;
            return Ok(None);
        }
        match line {
            Line::Finish => {
                let lease = self.queue.hold(&id, None, message, None, time);
                Ok(Some(Work::Finish { lease, job: Box::new(record.job) }))
            }
            Line::Speak(_) => self.segment(record, message, time).await,
            Line::Cut(_) => self.uncut(record, message, time).await,
        }
    }

    async fn segment(
        &self,
        record: Record,
        message: Message,
        time: Duration,
    ) -> Result<Option<Work>, StoreError> {
        let Waiting { index, piece } = read(&message.payload)?;
        let id = record.job.id.clone();
        let tries = record.tries.get(&index).copied().unwrap_or_default();
        let is_known = record.stored.has(index);
        let lease = self.queue.hold(&id, Some(index), message, Some(piece.clone()), time);
        if is_known || self.takes.head(&id, index).await?.is_some() {
            // Whoever stored it was gone before it was counted, or before it was answered for.
            self.counted(&lease, index, &piece).await?;
            return Ok(None);
        }
        Ok(Some(Work::Speak { lease, piece: Box::new(piece), tries }))
    }

    /// A segment that is stored is counted, and its message answered. Whether that was new, and the job.
    async fn counted(&self, lease: &Lease, index: u32, piece: &Piece) -> Result<(bool, Record), StoreError> {
        let head = self.takes.head(&lease.job, index).await?.ok_or(StoreError::Lost)?;
        let spoken = whole(piece.spoken_ms);
        let changed = self.change(&lease.job, |record| {
            record.job.state == JobState::Running && record.has(index, spoken, &head.size)
        });
        let (is_new, record) = changed.await?.ok_or(StoreError::Lost)?;
        if record.is_whole() {
            let id = &lease.job;
            self.queue.push(Line::Finish, id.as_str(), &format!("finish.{id}"), Bytes::new()).await?;
        }
        self.queue.end(lease).await?;
        Ok((is_new, record))
    }

    async fn uncut(
        &self,
        record: Record,
        message: Message,
        time: Duration,
    ) -> Result<Option<Work>, StoreError> {
        let id = record.job.id.clone();
        let lease = self.queue.hold(&id, None, message, None, time);
        if record.job.state == JobState::Queued {
            let Some(book) = self.text::<Book>(&format!("{id}.book")).await? else { return Ok(None) };
            return Ok(Some(Work::Cut { lease, job: Box::new(record.job), book }));
        }
        // It was cut by a node that was gone before all segments stood in line.
        self.line_up(&lease, &record).await?;
        Ok(None)
    }

    /// All segments that are not stored stand in line.
    async fn line_up(&self, lease: &Lease, record: &Record) -> Result<(), StoreError> {
        let id = &lease.job;
        let pieces: Vec<Piece> =
            self.text(&format!("{id}.plan")).await?.ok_or(StoreError::Lost)?;
        let waiting = (0_u32..)
            .zip(pieces)
            .filter(|(index, _)| !record.stored.has(*index))
            .map(|(index, piece)| Waiting { index, piece })
            .collect();
        self.queue.push_all(id, waiting).await?;
        self.queue.end(lease).await
    }

    async fn planned(&self, lease: &Lease, plan: &Plan) -> Result<(), StoreError> {
        if !self.queue.held(lease).is_some_and(|held| held.is_ours()) {
            return Err(StoreError::Lost);
        }
        // Two nodes may have cut it, and both plans are as good: the one that is told of first is the one that counts.
        let draft = format!("{}.plan", lease.job);
        let Some((record, _)) = self.record(&lease.job).await? else { return Err(StoreError::Lost) };
        if record.job.state != JobState::Queued {
            return Err(StoreError::Lost);
        }
        insist(PATIENCE, async || self.put_text(&draft, &written(&plan.pieces)?).await).await?;
        let now = now_ms();
        let changed =
            insist(PATIENCE, async || self.change(&lease.job, |record| record.planned(plan, now)).await).await?;
        let (is_planned, record) = changed.ok_or(StoreError::Lost)?;
        if !is_planned && record.job.state != JobState::Running {
            return Err(StoreError::Lost);
        }
        insist(PATIENCE, async || self.line_up(lease, &record).await).await
    }

    async fn stored(&self, lease: &Lease, take: &Take) -> Result<Stored, StoreError> {
        let (Some(index), Some(held)) = (lease.index, self.queue.held(lease)) else {
            return Err(StoreError::Lost);
        };
        let piece = held.piece.ok_or(StoreError::Lost)?;
        let Some((record, _)) = self.record(&lease.job).await? else { return Err(StoreError::Lost) };
        if record.job.state.is_over() {
            return Err(StoreError::Lost);
        }
        let token = hash(&[&lease.token]);
        let join = (piece.joint, piece.chapter);
        let before = self.takes.put((&lease.job, index), &token, take, join).await?;
        let (is_new, record) = self.counted(lease, index, &piece).await?;
        Ok(if before.is_none() && is_new { Stored::Now { last: record.is_whole() } } else { Stored::Before })
    }

    async fn finished(&self, lease: &Lease, finished: &Finished) -> Result<(), StoreError> {
        if !self.queue.held(lease).is_some_and(|held| held.is_ours()) {
            return Err(StoreError::Lost);
        }
        let id = &lease.job;
        let mut file = tokio::fs::File::open(&finished.file).await.map_err(while_doing("read finished audio"))?;
        self.audio.put(id.as_str(), &mut file).await.map_err(while_doing("store finished audio"))?;
        let book = self.texts.info(format!("{id}.book")).await.map_or(0, |info| count(info.size));
        let now = now_ms();
        let changed = self.change(id, |record| record.finished(finished, book, now)).await?;
        let (is_done, record) = changed.ok_or(StoreError::Lost)?;
        if !is_done && record.job.state != JobState::Done {
            return Err(StoreError::Lost);
        }
        self.queue.end(lease).await?;
        self.parts_go(id).await?;
        let _ = tokio::fs::rename(&finished.file, self.shelf.join(id.as_str())).await;
        Ok(())
    }

    /// What only an open job needs.
    async fn parts_go(&self, id: &JobId) -> Result<(), StoreError> {
        self.queue.forget(id).await?;
        self.takes.remove(id).await?;
        gone(self.texts.delete(format!("{id}.plan")).await)
    }

    async fn end(&self, id: &JobId, state: JobState, error: Option<JobError>) -> Result<Option<Job>, StoreError> {
        let now = now_ms();
        let changed = self.change(id, |record| record.ends(state, error.clone(), now)).await?;
        let Some((is_new, record)) = changed else { return Ok(None) };
        if is_new {
            self.parts_go(id).await?;
            gone(self.texts.delete(format!("{id}.book")).await)?;
        }
        Ok(Some(record.job))
    }

    async fn gone(&self, id: &JobId) -> Result<bool, StoreError> {
        if self.record(id).await?.is_none() {
            return Ok(false);
        }
        self.jobs.purge(id.as_str()).await.map_err(while_doing("remove a job"))?;
        self.mirror.learn(id, u64::MAX, None);
        self.parts_go(id).await?;
        gone(self.texts.delete(format!("{id}.book")).await)?;
        gone(self.audio.delete(id.as_str()).await)?;
        let _ = tokio::fs::remove_file(self.shelf.join(id.as_str())).await;
        Ok(true)
    }

    async fn brought(&self, id: &JobId) -> Result<Option<PathBuf>, StoreError> {
        let Some((record, _)) = self.record(id).await? else { return Ok(None) };
        if record.job.state != JobState::Done {
            return Ok(None);
        }
        let place = self.shelf.join(id.as_str());
        if tokio::fs::metadata(&place).await.is_ok() {
            return Ok(Some(place));
        }
        let mut object =
            self.audio.get(id.as_str()).await.map_err(while_doing("bring finished audio here"))?;
        let act = || while_doing("keep finished audio here");
        let draft = self.drafts.join(format!("{id}.{}", JobId::draw()));
        let mut file = tokio::fs::File::create(&draft).await.map_err(act())?;
        tokio::io::copy(&mut object, &mut file).await.map_err(act())?;
        tokio::fs::rename(&draft, &place).await.map_err(act())?;
        Ok(Some(place))
    }

    async fn swept(&self, retention: Retention) -> Result<Vec<JobId>, StoreError> {
        let oldest = now_ms().saturating_sub(u64::try_from(retention.age.as_millis()).unwrap_or(u64::MAX));
        let mut over = self.mirror.collect(usize::MAX, |record| {
            record.job.ended_ms.map(|ended| (ended, record.job.id.clone(), record.bytes))
        });
        over.sort();
        let mut bytes = self.mirror.fold(0, |sum, record| sum + record.bytes);
        let mut removed = Vec::new();
        for (ended, id, own) in over {
            if ended >= oldest && bytes <= retention.bytes {
                break;
            }
            // Every node sweeps: what another one has removed is told by one of them alone.
            if self.gone(&id).await? {
                removed.push(id);
            }
            bytes = bytes.saturating_sub(own);
        }
        Ok(removed)
    }

    async fn has_room(&self) -> Result<(), StoreError> {
        let account = self.context.query_account().await.map_err(while_doing("ask for room"))?;
        let (used, most) = (account.storage, account.limits.max_storage.unwrap_or(-1));
        let most = u64::try_from(most).ok().filter(|most| *most > 0);
        match most {
            Some(most) if used >= most - most / 20 => Err(StoreError::Full {
                place: PathBuf::from("the NATS server"),
                reason: format!("{used} of {most} bytes are in use"),
            }),
            _ => Ok(()),
        }
    }
}

impl Store for Nats {
    fn create(&self, job: NewJob) -> Answer<'_, Created> {
        Box::pin(self.make(job))
    }

    fn job(&self, id: &JobId) -> Answer<'_, Option<Job>> {
        let id = id.clone();
        Box::pin(async move { Ok(self.record(&id).await?.map(|(record, _)| record.job)) })
    }

    fn list(&self, query: Query) -> Answer<'_, Vec<Job>> {
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let found = self.mirror.collect(limit, |record| {
            let job = &record.job;
            let is_asked = query.scope.has(job.owner.as_deref())
                && query.state.is_none_or(|state| state == job.state)
                && query.before.as_ref().is_none_or(|before| job.id < *before);
            is_asked.then(|| job.clone())
        });
        Box::pin(async move { Ok(found) })
    }

    fn book(&self, id: &JobId) -> Answer<'_, Option<Book>> {
        let name = format!("{id}.book");
        Box::pin(async move { self.text(&name).await })
    }

    fn totals(&self) -> Answer<'_, Totals> {
        let totals = self.mirror.fold(Totals::default(), |mut totals, record| {
            for (state, count) in JobState::ALL.iter().zip(&mut totals.jobs) {
                *count += u64::from(*state == record.job.state);
            }
            totals.bytes += record.bytes;
            totals
        });
        Box::pin(async move { Ok(totals) })
    }

    fn ahead(&self, id: &JobId) -> Answer<'_, u64> {
        let ahead = self.mirror.fold(0, |sum, record| {
            let job = &record.job;
            let counts = !job.state.is_over() && job.id < *id;
            sum + if counts { job.spoken_ms.saturating_sub(job.spoken_stored_ms) } else { 0 }
        });
        Box::pin(async move { Ok(ahead) })
    }

    fn claim(&self, wanted: Wanted, lease: Duration) -> Answer<'_, Option<Work>> {
        Box::pin(async move { self.next(&wanted, lease).await })
    }

    fn renew(&self, lease: &Lease, time: Duration) -> Answer<'_, ()> {
        let lease = lease.clone();
        Box::pin(async move {
            let is_open = self.mirror.get(&lease.job).is_some_and(|record| !record.job.state.is_over());
            (is_open && self.queue.renew(&lease, time)).then_some(()).ok_or(StoreError::Lost)
        })
    }

    fn release(&self, lease: &Lease, delay: Duration, why: Option<JobError>, failed: bool) -> Answer<'_, ()> {
        let lease = lease.clone();
        Box::pin(async move {
            let index = lease.index.filter(|_| failed);
            if index.is_some() || why.is_some() {
                let change = self.change(&lease.job, |record| {
                    record.rests(index, why.clone());
                    !record.job.state.is_over()
                });
                change.await?;
            }
            self.queue.give_back(&lease, delay).await
        })
    }

    fn plan(&self, lease: &Lease, plan: Plan) -> Answer<'_, ()> {
        let lease = lease.clone();
        Box::pin(async move { self.planned(&lease, &plan).await })
    }

    fn put(&self, lease: &Lease, take: Take) -> Answer<'_, Stored> {
        let lease = lease.clone();
        // Speaking it again costs more than waiting.
        Box::pin(async move { insist(PATIENCE, async || self.stored(&lease, &take).await).await })
    }

    fn take(&self, id: &JobId, index: u32) -> Answer<'_, Option<Kept>> {
        let id = id.clone();
        Box::pin(async move { self.takes.get(&id, index).await })
    }

    fn finish(&self, lease: &Lease, finished: Finished) -> Answer<'_, ()> {
        let lease = lease.clone();
        Box::pin(async move { insist(PATIENCE, async || self.finished(&lease, &finished).await).await })
    }

    fn audio(&self, id: &JobId) -> Answer<'_, Option<PathBuf>> {
        let id = id.clone();
        Box::pin(async move { self.brought(&id).await })
    }

    fn fail(&self, id: &JobId, error: JobError) -> Answer<'_, Option<Job>> {
        let id = id.clone();
        Box::pin(async move { self.end(&id, JobState::Failed, Some(error)).await })
    }

    fn cancel(&self, id: &JobId) -> Answer<'_, Option<Job>> {
        let id = id.clone();
        Box::pin(async move { self.end(&id, JobState::Cancelled, None).await })
    }

    fn remove(&self, id: &JobId) -> Answer<'_, bool> {
        let id = id.clone();
        Box::pin(async move { self.gone(&id).await })
    }

    fn sweep(&self, retention: Retention) -> Answer<'_, Vec<JobId>> {
        Box::pin(self.swept(retention))
    }

    fn room(&self) -> Answer<'_, ()> {
        Box::pin(self.has_room())
    }

    fn drafts(&self) -> &Path {
        &self.drafts
    }
}

async fn options(meeting: &Meeting) -> Result<ConnectOptions, StoreError> {
    let options = match &meeting.credentials {
        Some(file) => ConnectOptions::with_credentials_file(file)
            .await
            .map_err(while_doing("read the credentials for its NATS servers"))?,
        None => ConnectOptions::new(),
    };
    Ok(options.name("ishowtts"))
}

async fn emptied(folder: &Path) -> std::io::Result<()> {
    match tokio::fs::remove_dir_all(folder).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    tokio::fs::create_dir_all(folder).await
}

/// What was not there is as gone as what is removed.
fn gone(result: Result<(), object_store::DeleteError>) -> Result<(), StoreError> {
    match result {
        Err(error) if error.kind() == object_store::DeleteErrorKind::NotFound => Ok(()),
        result => result.map_err(while_doing("remove what is over")),
    }
}

fn hash(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(count(part.len()).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn written<T: Serialize>(value: &T) -> Result<Bytes, StoreError> {
    serde_json::to_vec(value).map(Bytes::from).map_err(while_doing("write what it keeps"))
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(while_doing("read what it has kept"))
}
