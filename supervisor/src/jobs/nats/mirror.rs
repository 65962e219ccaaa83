//! All jobs as this node knows them: what the key-value bucket tells of every change, read without asking anybody.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, Weak},
    time::Duration,
};

use async_nats::jetstream::kv::{Entry, Operation, Store as Bucket};
use futures_util::StreamExt;
use tokio::{sync::watch, time::sleep};

use super::record::Record;
use crate::jobs::JobId;

const PAUSE: Duration = Duration::from_secs(1);

type Known = BTreeMap<JobId, (u64, Option<Record>)>;

/// What is known, of each job its latest revision. Those that were removed stay as gone, so that late news of them is
/// told apart from a new job.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    known: RwLock<Known>,
}

impl Mirror {
    /// Follows a bucket until it is dropped. The second value turns true once everything that was there is known.
    pub(super) fn follow(bucket: Bucket) -> (Arc<Self>, watch::Receiver<bool>) {
        let mirror = Arc::new(Self::default());
        let (is_current, told) = watch::channel(false);
        tokio::spawn(follow(Arc::downgrade(&mirror), bucket, is_current));
        (mirror, told)
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// News; what is older than what is known is none.
    pub(super) fn learn(&self, id: &JobId, revision: u64, record: Option<Record>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.get(id).is_none_or(|(before, _)| *before < revision) {
            known.insert(id.clone(), (revision, record));
        }
    }

    /// One job.
    pub(super) fn get(&self, id: &JobId) -> Option<Record> {
        self.known().get(id).and_then(|(_, record)| record.clone())
    }

    /// Whatever `pick` makes of the jobs, the latest first, until it has so many.
    pub(super) fn collect<T>(&self, limit: usize, pick: impl Fn(&Record) -> Option<T>) -> Vec<T> {
        self.known().values().rev().filter_map(|(_, record)| pick(record.as_ref()?)).take(limit).collect()
    }

    /// Adds up something of all jobs, the earliest first.
    pub(super) fn fold<T>(&self, start: T, mut add: impl FnMut(T, &Record) -> T) -> T {
        self.known().values().filter_map(|(_, record)| record.as_ref()).fold(start, |sum, one| add(sum, one))
    }
}

async fn follow(mirror: Weak<Mirror>, bucket: Bucket, is_current: watch::Sender<bool>) {
    loop {
        if let Err(error) = read(&mirror, &bucket, &is_current).await {
            tracing::warn!(%error, "What becomes of jobs is not told for the moment; asking again");
        }
        if mirror.strong_count() == 0 {
            return;
        }
        sleep(PAUSE).await;
    }
}

async fn read(
    mirror: &Weak<Mirror>,
    bucket: &Bucket,
    is_current: &watch::Sender<bool>,
) -> Result<(), async_nats::Error> {
    let is_empty = bucket.status().await?.values() == 0;
    let mut news = bucket.watch_with_history(">").await?;
    if is_empty {
        is_current.send_replace(true);
    }
    while let Some(entry) = news.next().await {
        let entry = entry?;
        let Some(mirror) = mirror.upgrade() else { return Ok(()) };
        take_in(&mirror, &entry);
        if entry.seen_current || entry.delta == 0 {
            is_current.send_replace(true);
        }
    }
    Ok(())
}

fn take_in(mirror: &Mirror, entry: &Entry) {
    let Ok(id) = entry.key.parse::<JobId>() else { return };
    let record = match entry.operation {
        Operation::Put => match serde_json::from_slice(&entry.value) {
            Ok(record) => Some(record),
            Err(error) => {
                tracing::warn!(job = %id, %error, "A job was written by a server that this one does not understand");
                return;
            }
        },
        Operation::Delete | Operation::Purge => None,
    };
    mirror.learn(&id, entry.revision, record);
}
