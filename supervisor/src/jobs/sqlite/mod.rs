//! Jobs on this machine: an embedded `SQLite` database for what is told of them, and files for their audio.
//!
//! ```text
//! STATE_DIR/jobs/jobs.sqlite   jobs, texts, segments as they were cut (write-ahead log, fsync at every commit)
//!                segments/ID.pcm   audio of the segments, in the order in which they were spoken
//!                audio/ID          finished audio
//!                drafts/           finished audio in the making; emptied at a start
//! ```
//!
//! A segment is stored in three steps: a place behind the end of its job's file is reserved, the audio is written there
//! and brought to the disk, and only then the database is told. Whatever ends in between, a row with a place has its
//! audio. Two threads own a connection each: [`desk`] changes, [`rows`] reads, and neither waits for the other.

mod desk;
mod ends;
mod floor;
mod hand;
mod leases;
mod reel;
mod rows;
#[cfg(test)]
mod tests;
mod trouble;

use std::{
    collections::{HashMap, HashSet},
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};
use tokio::task::spawn_blocking;

use self::{
    desk::{Desk, Spot},
    floor::Floor,
    hand::Hand,
    leases::Leases,
    reel::Reels,
    trouble::Trouble,
};
use super::{
    Answer, Book, Created, Finished, Job, JobError, JobId, JobState, Kept, Lease, NewJob, Plan, Query,
    Retention, Store, StoreError, Stored, Take, Telling, Totals, Wanted, Work,
};

/// What makes the database's layout: the first step of an empty one, the others of what an earlier version made. The number of
/// steps that were taken is its `user_version`; more than there are were made by a later version of ours.
const STEPS: [&str; 2] = [include_str!("schema.sql"), include_str!("layout_2.sql")];

/// Jobs on this machine.
#[derive(Debug)]
pub struct Sqlite {
    folder: PathBuf,
    drafts: PathBuf,
    shelf: PathBuf,
    reels: Reels,
    changes: Hand<Desk>,
    reads: Hand<Connection>,
    /// The kernel lets go of it with the process, however that ends.
    _lock: File,
}

impl Sqlite {
    /// Takes a folder, makes it if need be, and goes on with what is there. `min_free_mb` MiB of the disk are left to
    /// others. Blocks.
    pub fn open(folder: &Path, min_free_mb: u64) -> Result<Self, StoreError> {
        Self::try_open(folder, min_free_mb).map_err(|trouble| trouble.told("open its database", folder))
    }

    fn try_open(folder: &Path, min_free_mb: u64) -> Result<Self, Trouble> {
        let (segments, shelf, drafts) =
            (folder.join("segments"), folder.join("audio"), folder.join("drafts"));
        for folder in [&segments, &shelf, &drafts] {
            // What people have spoken is nobody else's business.
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let lock = File::create(folder.join(".lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another server uses this folder"),
            TryLockError::Error(error) => error,
        })?;
        let file = folder.join("jobs.sqlite");
        let mut connection = Connection::open(&file)?;
        connection.set_prepared_statement_cache_capacity(32);
        // A commit is on the disk when it returns, and readers never wait for it.
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "full")?;
        lay_out(&mut connection)?;
        let reels = Reels::new(segments);
        tidy(&connection, &reels, &shelf, &drafts)?;
        let reads = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let desk = Desk {
            connection,
            leases: Leases::default(),
            reels: reels.clone(),
            shelf: shelf.clone(),
            floor: Floor { folder: folder.to_owned(), least: min_free_mb },
            ends: HashMap::new(),
        };
        Ok(Self {
            folder: folder.to_owned(),
            drafts,
            shelf,
            reels,
            changes: Hand::over(desk, "jobs", folder.to_owned())?,
            reads: Hand::over(reads, "jobs-read", folder.to_owned())?,
            _lock: lock,
        })
    }

    /// Has the audio of a segment written where it belongs.
    async fn write(&self, lease: &Lease, spot: &Spot, take: &Take) -> Result<(), StoreError> {
        let (reels, job, place, pcm) = (self.reels.clone(), lease.job.clone(), spot.place, take.pcm.clone());
        let act = "write a segment";
        let written = spawn_blocking(move || reels.write(&job, place, &pcm)).await;
        match written {
            Ok(written) => written.map_err(|error| Trouble::from(error).told(act, &self.folder)),
            Err(lost) => Err(StoreError::Broken { act, reason: lost.to_string() }),
        }
    }
}

/// Brings the tables of a database to where this version has them.
fn lay_out(connection: &mut Connection) -> Result<(), Trouble> {
    let layout: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let steps = usize::try_from(layout).ok().and_then(|taken| STEPS.get(taken..));
    let Some(steps) = steps else {
        let ours = STEPS.len();
        let reason = format!(
            "it has layout {layout}, and this version reads up to {ours}; use the version that made it"
        );
        return Err(io::Error::other(reason).into());
    };
    if steps.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for step in steps {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", i32::try_from(STEPS.len()).unwrap_or_default())?;
    Ok(transaction.commit()?)
}

/// Removes files that nobody knows: what was under way when we were ended.
fn tidy(connection: &Connection, reels: &Reels, shelf: &Path, drafts: &Path) -> Result<(), Trouble> {
    let ids = |states: &str| -> Result<HashSet<String>, Trouble> {
        let mut found = connection.prepare(&format!("SELECT id FROM jobs WHERE state IN ({states})"))?;
        let ids = found.query_map([], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    };
    let (running, done) = (ids("'running'")?, ids("'done'")?);
    reels.sweep(|name| running.contains(name));
    reel::sweep(shelf, |name| done.contains(name));
    reel::sweep(drafts, |_| false);
    Ok(())
}

impl Store for Sqlite {
    fn create(&self, job: NewJob) -> Answer<'_, Created> {
        Box::pin(self.changes.ask("keep a job", move |desk| desk.create(&job)))
    }

    fn job(&self, id: &JobId) -> Answer<'_, Option<Job>> {
        let id = id.clone();
        Box::pin(self.reads.ask("find a job", move |rows| Ok(rows::job(rows, &id)?.map(|(job, _)| job))))
    }

    fn list(&self, query: Query) -> Answer<'_, Vec<Job>> {
        Box::pin(self.reads.ask("list jobs", move |rows| rows::list(rows, &query)))
    }

    fn book(&self, id: &JobId) -> Answer<'_, Option<Book>> {
        let id = id.clone();
        Box::pin(self.reads.ask("read a text", move |rows| rows::book(rows, &id)))
    }

    fn totals(&self) -> Answer<'_, Totals> {
        Box::pin(self.reads.ask("count jobs", |rows| rows::totals(rows)))
    }

    fn ahead(&self, id: &JobId) -> Answer<'_, u64> {
        let id = id.clone();
        Box::pin(self.reads.ask("look ahead", move |rows| rows::ahead(rows, &id)))
    }

    fn claim(&self, wanted: Wanted, lease: Duration) -> Answer<'_, Option<Work>> {
        Box::pin(self.changes.ask("give out work", move |desk| desk.claim(&wanted, lease)))
    }

    fn renew(&self, lease: &Lease, time: Duration) -> Answer<'_, ()> {
        let lease = lease.clone();
        Box::pin(self.changes.ask("renew a lease", move |desk| desk.renew(&lease, time)))
    }

    fn release(&self, lease: &Lease, delay: Duration, why: Option<JobError>, failed: bool) -> Answer<'_, ()> {
        let lease = lease.clone();
        let release = move |desk: &mut Desk| desk.release(&lease, delay, why.as_ref(), failed);
        Box::pin(self.changes.ask("take work back", release))
    }

    fn plan(&self, lease: &Lease, plan: Plan) -> Answer<'_, ()> {
        let lease = lease.clone();
        Box::pin(self.changes.ask("keep the segments of a job", move |desk| desk.plan(&lease, &plan)))
    }

    fn put(&self, lease: &Lease, take: Take) -> Answer<'_, Stored> {
        let lease = lease.clone();
        Box::pin(async move {
            let (act, bytes, wanted) = ("keep a segment", take.pcm.len(), lease.clone());
            let Some(spot) = self.changes.ask(act, move |desk| desk.reserve(&wanted, bytes)).await? else {
                return Ok(Stored::Before);
            };
            if bytes > 0 {
                self.write(&lease, &spot, &take).await?;
            }
            self.changes.ask(act, move |desk| desk.stored(&lease, &spot, &take)).await
        })
    }

    fn take(&self, id: &JobId, index: u32) -> Answer<'_, Option<Kept>> {
        let (id, reels) = (id.clone(), self.reels.clone());
        let read = move |rows: &mut Connection| {
            let Some(placed) = rows::placed(rows, &id, index)? else { return Ok(None) };
            let pcm = match reels.read(&id, placed.place, placed.bytes) {
                // Its job was over just now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                read => read?,
            };
            let take = Take { pcm: pcm.into(), rate: placed.rate, skipped: placed.skipped };
            Ok(Some(Kept { take, joint: placed.joint, chapter: placed.chapter }))
        };
        Box::pin(self.reads.ask("read a segment", read))
    }

    fn finish(&self, lease: &Lease, finished: Finished) -> Answer<'_, ()> {
        let lease = lease.clone();
        Box::pin(self.changes.ask("keep finished audio", move |desk| desk.finish(&lease, &finished)))
    }

    fn told(&self, lease: &Lease, telling: Telling) -> Answer<'_, ()> {
        let lease = lease.clone();
        Box::pin(self.changes.ask("keep who was told", move |desk| desk.told(&lease, &telling)))
    }

    fn audio(&self, id: &JobId) -> Answer<'_, Option<PathBuf>> {
        let (id, folder) = (id.clone(), self.shelf.clone());
        Box::pin(self.reads.ask("find finished audio", move |rows| {
            let is_done = rows::job(rows, &id)?.is_some_and(|(job, _)| job.state == JobState::Done);
            Ok(is_done.then(|| folder.join(id.as_str())).filter(|path| fs::exists(path).unwrap_or(false)))
        }))
    }

    fn fail(&self, id: &JobId, error: JobError) -> Answer<'_, Option<Job>> {
        let id = id.clone();
        let fail = move |desk: &mut Desk| desk.end(&id, JobState::Failed, Some(&error));
        Box::pin(self.changes.ask("end a job", fail))
    }

    fn cancel(&self, id: &JobId) -> Answer<'_, Option<Job>> {
        let id = id.clone();
        Box::pin(self.changes.ask("end a job", move |desk| desk.end(&id, JobState::Cancelled, None)))
    }

    fn remove(&self, id: &JobId) -> Answer<'_, bool> {
        let id = id.clone();
        Box::pin(self.changes.ask("remove a job", move |desk| desk.remove(&id)))
    }

    fn sweep(&self, retention: Retention) -> Answer<'_, Vec<JobId>> {
        Box::pin(self.changes.ask("remove old jobs", move |desk| desk.sweep(retention)))
    }

    fn room(&self) -> Answer<'_, ()> {
        Box::pin(self.changes.ask("look for room", |desk| desk.floor.check()))
    }

    fn drafts(&self) -> &Path {
        &self.drafts
    }
}
