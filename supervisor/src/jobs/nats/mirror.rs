//! All jobs as this node knows them: what the key-value bucket tells of every change, read without asking anybody.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_nats::jetstream::kv::{Entry, Operation, Store as Bucket};
use futures_util::StreamExt;
use tokio::{
    sync::{broadcast, watch},
    time::sleep,
};

use super::record::Record;
use crate::jobs::{Change, Job, JobId, JobState, Query, Totals};

const PAUSE: Duration = Duration::from_secs(1);

/// A job, or that it is gone. Those that were removed stay for a while, so that late news of them is told apart from a
/// new job.
#[derive(Debug)]
enum Known {
    Job { record: Box<Record>, since: Instant },
    Gone(Instant),
}

/// Whether something was news.
#[derive(Debug)]
pub(super) enum News {
    /// It was known already, or something later.
    None,
    /// It was, and this was known before.
    After(Option<Box<Record>>),
}

/// What is known, of each job its latest revision.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    known: RwLock<BTreeMap<JobId, (u64, Known)>>,
    latest: AtomicU64,
}

/// Nothing that is told of later counts.
pub(super) const FOR_GOOD: u64 = u64::MAX;

impl Mirror {
    /// Follows a bucket until it is dropped, and tells of what others change. Audio of jobs that are gone goes from
    /// `shelf`. The second value turns true once everything that was there is known.
    pub(super) fn follow(
        bucket: Bucket,
        news: broadcast::Sender<Change>,
        shelf: PathBuf,
    ) -> (Arc<Self>, watch::Receiver<bool>) {
        let mirror = Arc::new(Self::default());
        let (is_current, told) = watch::channel(false);
        let follower = Follower { mirror: Arc::downgrade(&mirror), bucket, news, shelf, is_current };
        tokio::spawn(follower.run());
        (mirror, told)
    }

    fn known(&self) -> RwLockReadGuard<'_, BTreeMap<JobId, (u64, Known)>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<JobId, (u64, Known)>> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// News. What is older than what is known is none.
    pub(super) fn learn(&self, id: &JobId, revision: u64, record: Option<Record>) -> News {
        if revision != FOR_GOOD {
            self.latest.fetch_max(revision, Ordering::Relaxed);
        }
        let mut known = self.known_mut();
        if known.get(id).is_some_and(|(before, _)| *before >= revision) {
            return News::None;
        }
        let since = Instant::now();
        let now = record.map_or(Known::Gone(since), |record| Known::Job { record: Box::new(record), since });
        let before = known.insert(id.clone(), (revision, now));
        News::After(before.and_then(|(_, known)| known.record().cloned().map(Box::new)))
    }

    /// The latest revision of all jobs that is known.
    pub(super) fn latest(&self) -> u64 {
        self.latest.load(Ordering::Relaxed)
    }

    /// One job.
    pub(super) fn get(&self, id: &JobId) -> Option<Record> {
        self.known().get(id).and_then(|(_, known)| known.record().cloned())
    }

    /// Whether a job is known to be over, or gone.
    pub(super) fn is_over(&self, id: &JobId) -> bool {
        self.known()
            .get(id)
            .is_some_and(|(_, known)| known.record().is_none_or(|record| record.job.state.is_over()))
    }

    /// Whether a job is known to have been removed.
    pub(super) fn is_gone(&self, id: &JobId) -> bool {
        self.known().get(id).is_some_and(|(_, known)| known.record().is_none())
    }

    /// Something of one job.
    pub(super) fn look<T>(&self, id: &JobId, look: impl Fn(&Record) -> T) -> Option<T> {
        self.known().get(id).and_then(|(_, known)| known.record().map(look))
    }

    /// Whatever `pick` makes of the jobs, the latest first, until it has so many.
    pub(super) fn collect<T>(&self, limit: usize, pick: impl Fn(&Record) -> Option<T>) -> Vec<T> {
        self.known().values().rev().filter_map(|(_, known)| pick(known.record()?)).take(limit).collect()
    }

    /// Open jobs that have not changed for so long, the oldest first.
    pub(super) fn standing_still(&self, time: Duration, limit: usize) -> Vec<JobId> {
        let known = self.known();
        let open = known.iter().filter_map(|(id, (_, known))| match known {
            Known::Job { record, since } if !record.job.state.is_over() => Some((id, since)),
            Known::Job { .. } | Known::Gone(_) => None,
        });
        open.take(limit).filter(|(_, since)| since.elapsed() >= time).map(|(id, _)| id.clone()).collect()
    }

    /// Adds up something of all jobs.
    fn fold<T>(&self, start: T, add: impl FnMut(T, &Record) -> T) -> T {
        self.known().values().filter_map(|(_, known)| known.record()).fold(start, add)
    }

    /// One page of them.
    pub(super) fn list(&self, query: &Query) -> Vec<Job> {
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        self.collect(limit, |record| {
            let job = &record.job;
            let is_asked = query.scope.has(job.owner.as_deref())
                && query.state.is_none_or(|state| state == job.state)
                && query.before.as_ref().is_none_or(|before| job.id < *before);
            is_asked.then(|| job.clone())
        })
    }

    /// What all of them come to.
    pub(super) fn totals(&self) -> Totals {
        self.fold(Totals::default(), |mut totals, record| {
            for (state, count) in JobState::ALL.iter().zip(&mut totals.jobs) {
                *count += u64::from(*state == record.job.state);
            }
            totals.bytes += record.bytes;
            totals
        })
    }

    /// What jobs before this one still have to have spoken.
    pub(super) fn ahead(&self, id: &JobId) -> u64 {
        self.fold(0, |sum, record| {
            let job = &record.job;
            let counts = !job.state.is_over() && job.id < *id;
            sum + if counts { job.spoken_ms.saturating_sub(job.spoken_stored_ms) } else { 0 }
        })
    }

    /// Jobs that have been gone for so long.
    pub(super) fn gone_for(&self, time: Duration) -> Vec<JobId> {
        let is_old = |known: &Known| matches!(known, Known::Gone(since) if since.elapsed() >= time);
        self.known().iter().filter(|(_, (_, known))| is_old(known)).map(|(id, _)| id.clone()).collect()
    }

    /// Nothing is known of it any more.
    pub(super) fn forget(&self, id: &JobId) {
        self.known_mut().remove(id);
    }
}

impl Known {
    fn record(&self) -> Option<&Record> {
        match self {
            Self::Job { record, .. } => Some(record),
            Self::Gone(_) => None,
        }
    }
}

struct Follower {
    mirror: Weak<Mirror>,
    bucket: Bucket,
    news: broadcast::Sender<Change>,
    shelf: PathBuf,
    is_current: watch::Sender<bool>,
}

impl Follower {
    async fn run(self) {
        let mut is_told = false;
        while self.mirror.strong_count() > 0 {
            if let Err(error) = self.read().await
                && !std::mem::replace(&mut is_told, true)
            {
                tracing::debug!(%error, "What becomes of jobs is not told for the moment; asking again");
            }
            sleep(PAUSE).await;
        }
    }

    async fn read(&self) -> Result<(), async_nats::Error> {
        let is_empty = self.bucket.status().await?.values() == 0;
        let mut news = self.bucket.watch_with_history(">").await?;
        if is_empty {
            self.is_current.send_replace(true);
        }
        while let Some(entry) = news.next().await {
            let entry = entry?;
            let Some(mirror) = self.mirror.upgrade() else { return Ok(()) };
            self.take_in(&mirror, &entry).await;
            if entry.seen_current || entry.delta == 0 {
                self.is_current.send_replace(true);
            }
        }
        Ok(())
    }

    async fn take_in(&self, mirror: &Mirror, entry: &Entry) {
        let Ok(id) = entry.key.parse::<JobId>() else { return };
        let record = match entry.operation {
            Operation::Put => match serde_json::from_slice::<Record>(&entry.value) {
                Ok(record) => Some(record),
                Err(error) => {
                    tracing::warn!(job = %id, %error, "A job was written by a server that this one does not understand");
                    return;
                }
            },
            Operation::Delete | Operation::Purge => None,
        };
        let state = record.as_ref().map(|record| record.job.state);
        let News::After(before) = mirror.learn(&id, entry.revision, record) else { return };
        if let (None, Some(audio)) = (state, before.and_then(|before| before.audio)) {
            // It may never have been here.
            drop(tokio::fs::remove_file(self.shelf.join(audio)).await);
        }
        // Whoever nobody listens to tells nobody.
        drop(self.news.send(Change { id, state }));
    }
}
