//! Jobs that several machines share, in NATS `JetStream`: every node takes work when it has time for it, and any node
//! answers for any job.
//!
//! ```text
//! key-value  NAME_jobs    JOB → what is told of it (`record.rs`); each change names the revision that it changes
//!            NAME_keys    idempotency keys → the job that came of them
//!            NAME_takes   the segments' audio (`takes.rs`)
//! objects    NAME_texts   JOB.book, JOB.plan.TOKEN
//!            NAME_audio   JOB.TOKEN → finished audio
//! work queue NAME_work    what there is to do (`queue.rs`)
//! ```
//!
//! What has to happen together happens in an order in which each step may be the last one of a node: work stands in line
//! before its job is told of, audio is there before its head, the head before it is counted, and only then its message is
//! answered. Whoever takes a message up again finds how far it had come. What two nodes may both write, because one of
//! them was thought gone, has a name of its own for each, and the job tells which of them counts.
//!
//! [`Nats`] is the store: it answers [`StoreError::Away`] while no server does. [`Desk`] is what it becomes once one was
//! reached: `desk` changes jobs, `work` gives out what there is to do, `ends` is for jobs that are over, `rescue` for those
//! that nobody would end. `mirror` knows all jobs without asking.

mod desk;
mod ends;
mod lines;
mod mirror;
mod queue;
mod record;
mod rescue;
mod takes;
#[cfg(test)]
mod tests;
mod ticks;
mod trouble;
mod work;

use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{broadcast, watch},
    time::sleep,
};

use self::desk::Desk;
use super::{
    Answer, Book, Change, Created, Finished, Job, JobError, JobId, Kept, Lease, NewJob, Plan, Query,
    Retention, Store, StoreError, Stored, Take, Telling, Totals, Wanted, Work,
};
use crate::cluster::Link;

/// How often a server that cannot be joined is asked again.
const PAUSE: Duration = Duration::from_millis(500);
/// How often it is asked whether the servers have lost what they kept: nobody tells of that.
const CHECK: Duration = Duration::from_secs(5);
/// So many changes that others made wait for whoever reads them.
const NEWS: usize = 1024;

/// Jobs in `JetStream`.
#[derive(Debug)]
pub struct Nats {
    link: Arc<Link>,
    desk: watch::Receiver<Option<Arc<Desk>>>,
    news: broadcast::Sender<Change>,
    drafts: PathBuf,
}

/// Folders of this machine: what is in them is nobody's after a start.
#[derive(Clone, Debug)]
struct Folders {
    /// Audio on its way.
    drafts: PathBuf,
    /// Finished audio that was made or asked for here.
    shelf: PathBuf,
}

impl Nats {
    /// Over a connection, whether it stands already or not: it joins the others as soon as it does, and makes whatever is
    /// not there yet. `folder` is for audio on its way and for what was brought here.
    pub async fn open(link: Arc<Link>, folder: &Path) -> Result<Self, StoreError> {
        let folders = Folders { drafts: folder.join("drafts"), shelf: folder.join("audio") };
        for folder in [&folders.drafts, &folders.shelf] {
            emptied(folder).await.map_err(trouble::while_doing("make room for audio on this machine"))?;
        }
        let news = broadcast::Sender::new(NEWS);
        let (tell, desk) = watch::channel(None);
        let drafts = folders.drafts.clone();
        tokio::spawn(join(Arc::clone(&link), folders, news.clone(), tell));
        Ok(Self { link, desk, news, drafts })
    }

    /// What was joined, whether a server answers now or not.
    fn joined(&self) -> Result<Arc<Desk>, StoreError> {
        self.desk.borrow().clone().ok_or_else(|| trouble::away(&self.link))
    }

    /// The same while one answers.
    fn desk(&self) -> Result<Arc<Desk>, StoreError> {
        let desk = self.joined()?;
        desk.up()?;
        Ok(desk)
    }

    /// Something that needs a server.
    fn over<'a, T, F>(&'a self, act: impl FnOnce(Arc<Desk>) -> F + Send + 'a) -> Answer<'a, T>
    where
        T: Send + 'a,
        F: Future<Output = Result<T, StoreError>> + Send + 'a,
    {
        Box::pin(async move {
            match act(self.desk()?).await {
                // Whatever it says that went wrong.
                Err(StoreError::Broken { reason, .. }) if !self.link.is_up() => {
                    Err(StoreError::Away { reason })
                }
                result => result,
            }
        })
    }
}

/// Joins the others, as soon as that can be done.
async fn join(
    link: Arc<Link>,
    folders: Folders,
    news: broadcast::Sender<Change>,
    tell: watch::Sender<Option<Arc<Desk>>>,
) {
    let mut joined: Option<Arc<Desk>> = None;
    while !tell.is_closed() {
        if let Some(desk) = &joined {
            sleep(CHECK).await;
            if !link.is_up() {
                continue;
            }
            if !desk.identity.is_lost(desk.mirror.latest()).await {
                if let Err(error) = desk.queue.recount().await {
                    tracing::debug!(%error, "Could not look whether all work in line is given out");
                }
                continue;
            }
            tracing::error!(
                "The NATS servers of [cluster] have lost jobs, or what became of them; beginning anew with what there is"
            );
            joined = None;
        }
        if link.is_up() {
            match Box::pin(Desk::join(Arc::clone(&link), folders.clone(), news.clone())).await {
                Ok(desk) => {
                    link.is_mended();
                    tracing::info!(name = link.cluster().name, "Jobs are shared by way of NATS");
                    let desk = Arc::new(desk);
                    tell.send_replace(Some(Arc::clone(&desk)));
                    joined = Some(desk);
                    continue;
                }
                // Without JetStream it says that nobody is there.
                Err(StoreError::Away { reason }) if link.is_up() => {
                    link.is_troubled(&format!(
                        "{reason}; is JetStream on? (jetstream in its configuration, or -js)"
                    ));
                }
                Err(error) if link.is_up() => link.is_troubled(&error.to_string()),
                Err(_) => {}
            }
        }
        sleep(PAUSE).await;
    }
}

impl Store for Nats {
    fn create(&self, job: NewJob) -> Answer<'_, Created> {
        self.over(|desk| async move { desk.make(job).await })
    }

    fn job(&self, id: &JobId) -> Answer<'_, Option<Job>> {
        let id = id.clone();
        Box::pin(async move {
            let (mirror, asked) = (Arc::clone(&self.joined()?.mirror), id.clone());
            match self.over(|desk| async move { desk.record(&asked).await }).await {
                Ok(found) => Ok(found.map(|(record, _)| record.job)),
                // What was told last is better than nothing, for those that watch and for those that work.
                Err(StoreError::Away { reason }) => match mirror.get(&id) {
                    Some(record) => Ok(Some(record.job)),
                    None => Err(StoreError::Away { reason }),
                },
                Err(error) => Err(error),
            }
        })
    }

    fn list(&self, query: Query) -> Answer<'_, Vec<Job>> {
        Box::pin(async move { Ok(self.joined()?.mirror.list(&query)) })
    }

    fn book(&self, id: &JobId) -> Answer<'_, Option<Book>> {
        let name = format!("{id}.book");
        self.over(|desk| async move { desk.text(&name).await })
    }

    fn totals(&self) -> Answer<'_, Totals> {
        Box::pin(async move { Ok(self.joined()?.mirror.totals()) })
    }

    fn ahead(&self, id: &JobId) -> Answer<'_, u64> {
        let id = id.clone();
        Box::pin(async move { Ok(self.joined()?.mirror.ahead(&id)) })
    }

    fn claim(&self, wanted: Wanted, lease: Duration) -> Answer<'_, Option<Work>> {
        let claimed = self.over(move |desk| async move { desk.next(&wanted, lease).await });
        Box::pin(async move {
            match claimed.await {
                // The connection tells of it, once.
                Err(StoreError::Away { .. }) => Ok(None),
                claimed => claimed,
            }
        })
    }

    fn renew(&self, lease: &Lease, time: Duration) -> Answer<'_, ()> {
        let lease = lease.clone();
        // It needs no server: what is held is kept alive whenever one answers.
        Box::pin(async move { self.joined()?.renew(&lease, time) })
    }

    fn release(&self, lease: &Lease, delay: Duration, why: Option<JobError>, failed: bool) -> Answer<'_, ()> {
        let lease = lease.clone();
        Box::pin(async move { self.joined()?.release(&lease, delay, why, failed).await })
    }

    fn plan(&self, lease: &Lease, plan: Plan) -> Answer<'_, ()> {
        let lease = lease.clone();
        self.over(|desk| async move { desk.plan(&lease, &plan).await })
    }

    fn put(&self, lease: &Lease, take: Take) -> Answer<'_, Stored> {
        let lease = lease.clone();
        // Also while no server answers: speaking it again costs more than waiting.
        Box::pin(async move { self.joined()?.put(&lease, &take).await })
    }

    fn take(&self, id: &JobId, index: u32) -> Answer<'_, Option<Kept>> {
        let id = id.clone();
        self.over(move |desk| async move { desk.takes.get(&id, index).await })
    }

    fn finish(&self, lease: &Lease, finished: Finished) -> Answer<'_, ()> {
        let lease = lease.clone();
        Box::pin(async move { self.joined()?.finish(&lease, &finished).await })
    }

    fn told(&self, lease: &Lease, telling: Telling) -> Answer<'_, ()> {
        let lease = lease.clone();
        Box::pin(async move { self.joined()?.told(&lease, &telling).await })
    }

    fn audio(&self, id: &JobId) -> Answer<'_, Option<PathBuf>> {
        let id = id.clone();
        Box::pin(async move {
            // What was brought here can be heard while no server answers.
            if let Some(place) = self.joined()?.at_hand(&id) {
                return Ok(Some(place));
            }
            self.over(|desk| async move { desk.bring(&id).await }).await
        })
    }

    fn fail(&self, id: &JobId, error: JobError) -> Answer<'_, Option<Job>> {
        let id = id.clone();
        self.over(|desk| async move { desk.fail(&id, error).await })
    }

    fn cancel(&self, id: &JobId) -> Answer<'_, Option<Job>> {
        let id = id.clone();
        self.over(|desk| async move { desk.cancel(&id).await })
    }

    fn remove(&self, id: &JobId) -> Answer<'_, bool> {
        let id = id.clone();
        self.over(|desk| async move { desk.gone(&id).await })
    }

    fn sweep(&self, retention: Retention) -> Answer<'_, Vec<JobId>> {
        let swept = self.over(move |desk| async move { desk.swept(retention).await });
        Box::pin(async move {
            match swept.await {
                Err(StoreError::Away { .. }) => Ok(Vec::new()),
                swept => swept,
            }
        })
    }

    fn room(&self) -> Answer<'_, ()> {
        self.over(|desk| async move { desk.has_room().await })
    }

    fn drafts(&self) -> &Path {
        &self.drafts
    }

    fn news(&self) -> Option<broadcast::Receiver<Change>> {
        Some(self.news.subscribe())
    }
}

async fn emptied(folder: &Path) -> std::io::Result<()> {
    match tokio::fs::remove_dir_all(folder).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // What people have spoken is nobody else's business.
    tokio::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).await
}
