//! Everything that changes the database, one thing after the other.

use std::{
    collections::HashMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use rusqlite::{Connection, Transaction, params};

use super::{
    floor::Floor,
    leases::{Leases, Task},
    reel::{Reels, remove, sync},
    rows::{self, int, natural},
    trouble::Trouble,
};
use crate::jobs::{
    Created, Finished, Job, JobError, JobId, JobState, Lease, NewJob, Plan, Retention, StoreError, Stored,
    Take, Telling, Wanted, Work, now_ms,
};

/// What the thread of changes owns.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) connection: Connection,
    pub(super) leases: Leases,
    pub(super) reels: Reels,
    /// Finished audio.
    pub(super) shelf: PathBuf,
    pub(super) floor: Floor,
    /// How long the reels of jobs are that are being spoken, written or promised.
    pub(super) ends: HashMap<i64, u64>,
}

/// A segment whose audio may be written.
pub(super) struct Spot {
    pub(super) place: u64,
}

impl Desk {
    pub(super) fn create(&mut self, new: &NewJob) -> Result<Created, Trouble> {
        let owner = new.owner.as_deref();
        if let Some(key) = new.idempotency_key.as_deref()
            && let Some((job, digest)) = rows::by_key(&self.connection, owner, key)?
        {
            let same = digest == new.digest;
            return Ok(if same { Created::Before(Box::new(job)) } else { Created::Conflict(job.id) });
        }
        if let Some((job, _)) = rows::job(&self.connection, &new.id)? {
            return Ok(Created::Before(Box::new(job)));
        }
        self.floor.check_for_new()?;
        let book = serde_json::to_string(&new.book)?;
        let transaction = self.connection.transaction()?;
        transaction
            .prepare_cached(
                "INSERT INTO jobs (id, owner, idempotency_key, digest, account, engines, state, created_ms, characters,
                 spoken_ms, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'queued', ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                new.id.as_str(),
                owner,
                new.idempotency_key,
                new.digest,
                serde_json::to_string(&rows::Account::of(new))?,
                serde_json::to_string(&new.engines)?,
                int(now_ms()),
                int(u64::try_from(new.book.characters()).unwrap_or(u64::MAX)),
                int(new.spoken_ms),
                int(u64::try_from(book.len()).unwrap_or(u64::MAX)),
            ])?;
        let seq = transaction.last_insert_rowid();
        transaction
            .prepare_cached("INSERT INTO texts (job, book) VALUES (?1, ?2)")?
            .execute(params![seq, book])?;
        transaction.commit()?;
        Ok(Created::New(Box::new(self.known(&new.id)?.0)))
    }

    /// A job that must be there.
    fn known(&self, id: &JobId) -> Result<(Job, i64), Trouble> {
        Ok(rows::job(&self.connection, id)?.ok_or(StoreError::Lost)?)
    }

    /// The next thing to do: what is begun is brought to its end before anything new is begun.
    pub(super) fn claim(&mut self, wanted: &Wanted, time: Duration) -> Result<Option<Work>, Trouble> {
        let now = Instant::now();
        let is_whole = "segments > 0 AND segments_stored = segments";
        let is_free = |seq| self.leases.is_free((seq, None), now);
        if wanted.finish
            && let Some((job, seq)) = rows::first(&self.connection, JobState::Running, is_whole, "", is_free)?
        {
            let token = self.leases.give((seq, None), time, now);
            let lease = Lease { job: job.id.clone(), index: None, token };
            return Ok(Some(Work::Finish { lease, job: Box::new(job) }));
        }
        if wanted.tell
            && let Some((job, seq)) = rows::to_tell(&self.connection, now_ms(), is_free)?
        {
            let token = self.leases.give((seq, None), time, now);
            let lease = Lease { job: job.id.clone(), index: None, token };
            return Ok(Some(Work::Tell { lease, job: Box::new(job) }));
        }
        let mut next: Option<rows::Waiting> = None;
        for engine in &wanted.engines {
            let is_free = |job, number| self.leases.is_free((job, Some(number)), now);
            let found = rows::waiting(&self.connection, engine, is_free)?;
            next = match (next, found) {
                (Some(one), Some(other)) => {
                    Some(if (one.0, one.1) <= (other.0, other.1) { one } else { other })
                }
                (one, other) => one.or(other),
            };
        }
        if let Some((seq, number, piece, tries)) = next {
            let id: String =
                self.connection.query_row("SELECT id FROM jobs WHERE seq = ?1", [seq], |row| row.get(0))?;
            let token = self.leases.give((seq, Some(number)), time, now);
            let job = id.parse().map_err(|_wrong| StoreError::Lost)?;
            let lease = Lease { job, index: Some(natural(number)), token };
            return Ok(Some(Work::Speak { lease, piece: Box::new(piece), tries }));
        }
        if wanted.engines.is_empty() {
            return Ok(None);
        }
        let engines = serde_json::to_string(&wanted.engines)?;
        let Some((job, seq)) = rows::first(&self.connection, JobState::Queued, "TRUE", &engines, is_free)?
        else {
            return Ok(None);
        };
        let Some(book) = rows::book(&self.connection, &job.id)? else { return Ok(None) };
        let token = self.leases.give((seq, None), time, now);
        let lease = Lease { job: job.id.clone(), index: None, token };
        Ok(Some(Work::Cut { lease, job: Box::new(job), book }))
    }

    /// What a lease is for, and whether its job is still open.
    fn task(&self, lease: &Lease) -> Result<(Job, Task), Trouble> {
        let (job, seq) = self.known(&lease.job)?;
        if job.state.is_over() {
            return Err(StoreError::Lost.into());
        }
        Ok((job, (seq, lease.index.map(i64::from))))
    }

    fn held(&self, lease: &Lease) -> Result<(Job, Task), Trouble> {
        let (job, task) = self.task(lease)?;
        let holds = self.leases.holds(task, &lease.token, Instant::now());
        holds.then_some((job, task)).ok_or_else(|| StoreError::Lost.into())
    }

    pub(super) fn renew(&mut self, lease: &Lease, time: Duration) -> Result<(), Trouble> {
        let (_, task) = self.held(lease)?;
        self.leases.renew(task, &lease.token, time, Instant::now());
        Ok(())
    }

    pub(super) fn release(
        &mut self,
        lease: &Lease,
        delay: Duration,
        why: Option<&JobError>,
        failed: bool,
    ) -> Result<(), Trouble> {
        let (_, task) = match self.held(lease) {
            Err(Trouble::Told(StoreError::Lost)) => return Ok(()),
            held => held?,
        };
        self.leases.rest(task, delay, Instant::now());
        let transaction = self.connection.transaction()?;
        if failed {
            transaction
                .prepare_cached("UPDATE pieces SET tries = tries + 1 WHERE job = ?1 AND number = ?2")?
                .execute(params![task.0, task.1])?;
        }
        if let Some(why) = why {
            let why = serde_json::to_string(why)?;
            transaction
                .prepare_cached("UPDATE jobs SET error = ?2 WHERE seq = ?1 AND error IS NOT ?2")?
                .execute(params![task.0, why])?;
        }
        transaction.commit()?;
        Ok(())
    }

    pub(super) fn plan(&mut self, lease: &Lease, plan: &Plan) -> Result<(), Trouble> {
        let (job, task) = self.held(lease)?;
        if job.state != JobState::Queued {
            return Err(StoreError::Lost.into());
        }
        self.floor.check()?;
        let transaction = self.connection.transaction()?;
        let (mut spoken, mut bytes) = (0, 0);
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO pieces (job, number, engine, spoken_ms, piece) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for (number, piece) in (0_i64..).zip(&plan.pieces) {
                let spoken_ms = whole(piece.spoken_ms);
                spoken += spoken_ms;
                let text = serde_json::to_string(piece)?;
                bytes += i64::try_from(text.len()).unwrap_or_default();
                insert.execute(params![task.0, number, piece.engine, spoken_ms, text])?;
            }
        }
        transaction.execute(
            "UPDATE jobs SET state = 'running', started_ms = ?2, error = NULL, segments = ?3, spoken_ms = ?4, rate = ?5,
             skipped = ?6, bytes = bytes + ?7 WHERE seq = ?1",
            params![
                task.0,
                int(now_ms()),
                i64::try_from(plan.pieces.len()).unwrap_or_default(),
                spoken,
                plan.rate,
                int(plan.skipped),
                bytes
            ],
        )?;
        transaction.commit()?;
        self.leases.end(task);
        Ok(())
    }

    /// Where a segment's audio may be written; `None` if it is stored already.
    pub(super) fn reserve(&mut self, lease: &Lease, bytes: usize) -> Result<Option<Spot>, Trouble> {
        let (_, (job, number)) = self.task(lease)?;
        self.floor.check()?;
        let is_stored: bool = self
            .connection
            .prepare_cached("SELECT place IS NOT NULL FROM pieces WHERE job = ?1 AND number = ?2")?
            .query_row(params![job, number], |row| row.get(0))?;
        if is_stored {
            return Ok(None);
        }
        let end = match self.ends.get(&job) {
            Some(end) => *end,
            None => self.connection.query_row(
                "SELECT coalesce(max(place + bytes), 0) FROM pieces WHERE job = ?1 AND place IS NOT NULL",
                [job],
                |row| row.get(0).map(natural),
            )?,
        };
        self.ends.insert(job, end + u64::try_from(bytes).unwrap_or(u64::MAX));
        Ok(Some(Spot { place: end }))
    }

    /// A segment's audio is on the disk.
    pub(super) fn stored(&mut self, lease: &Lease, spot: &Spot, take: &Take) -> Result<Stored, Trouble> {
        let (job, task) = self.task(lease)?;
        let bytes = i64::try_from(take.pcm.len()).unwrap_or(i64::MAX);
        let transaction = self.connection.transaction()?;
        let changed = transaction
            .prepare_cached(
                "UPDATE pieces SET place = ?3, bytes = ?4, rate = ?5, skipped = ?6
                 WHERE job = ?1 AND number = ?2 AND place IS NULL",
            )?
            .execute(params![task.0, task.1, int(spot.place), bytes, take.rate, int(take.skipped)])?;
        if changed == 0 {
            return Ok(Stored::Before);
        }
        let audio_ms = bytes.saturating_mul(500) / i64::from(take.rate.max(1));
        transaction
            .prepare_cached(
                "UPDATE jobs SET segments_stored = segments_stored + 1, error = NULL, audio_ms = audio_ms + ?3,
                 bytes = bytes + ?4, skipped = skipped + ?5, spoken_stored_ms = spoken_stored_ms +
                 (SELECT spoken_ms FROM pieces WHERE job = ?1 AND number = ?2) WHERE seq = ?1",
            )?
            .execute(params![task.0, task.1, audio_ms, bytes, int(take.skipped)])?;
        transaction.commit()?;
        self.leases.end(task);
        Ok(Stored::Now { last: job.segments_stored + 1 == job.segments })
    }

    pub(super) fn finish(&mut self, lease: &Lease, finished: &Finished) -> Result<(), Trouble> {
        let (job, task) = self.held(lease)?;
        if job.segments == 0 || job.segments_stored < job.segments {
            return Err(StoreError::Lost.into());
        }
        let telling = Telling::begin(&job, now_ms());
        // If the disk loses us between here and the end, the file is made once more.
        std::fs::rename(&finished.file, self.shelf.join(job.id.as_str()))?;
        sync(&self.shelf)?;
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "UPDATE jobs SET state = 'done', error = NULL, ended_ms = ?2, audio_ms = ?3, audio_bytes = ?4, chapters = ?5,
             samples = ?6, telling = ?7, tell_ms = ?8, bytes = ?4 + (SELECT length(book) FROM texts WHERE job = ?1) WHERE seq = ?1",
            params![
                task.0,
                int(now_ms()),
                int(finished.audio_ms),
                int(finished.bytes),
                serde_json::to_string(&finished.chapters)?,
                int(finished.samples),
                telling.as_ref().map(serde_json::to_string).transpose()?,
                telling.and_then(|telling| telling.next_ms).map(int),
            ],
        )?;
        transaction.execute("DELETE FROM pieces WHERE job = ?1", [task.0])?;
        transaction.commit()?;
        self.let_go(task.0, &job.id);
        Ok(())
    }

    /// Somebody was told, or not.
    pub(super) fn told(&mut self, lease: &Lease, telling: &Telling) -> Result<(), Trouble> {
        let (_, seq) = self.known(&lease.job)?;
        let task = (seq, None);
        if !self.leases.holds(task, &lease.token, Instant::now()) {
            return Err(StoreError::Lost.into());
        }
        self.connection
            .prepare_cached("UPDATE jobs SET telling = ?2, tell_ms = ?3 WHERE seq = ?1")?
            .execute(params![seq, serde_json::to_string(telling)?, telling.next_ms.map(int)])?;
        self.leases.end(task);
        Ok(())
    }

    /// Ends a job without its audio.
    pub(super) fn end(
        &mut self,
        id: &JobId,
        state: JobState,
        error: Option<&JobError>,
    ) -> Result<Option<Job>, Trouble> {
        let Some((job, seq)) = rows::job(&self.connection, id)? else { return Ok(None) };
        if job.state.is_over() {
            return Ok(Some(job));
        }
        let telling = Telling::begin(&job, now_ms());
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "UPDATE jobs SET state = ?2, error = ?3, ended_ms = ?4, telling = ?5, tell_ms = ?6, bytes = 0 WHERE seq = ?1",
            params![
                seq,
                state.label(),
                error.map(serde_json::to_string).transpose()?,
                int(now_ms()),
                telling.as_ref().map(serde_json::to_string).transpose()?,
                telling.and_then(|telling| telling.next_ms).map(int),
            ],
        )?;
        drop_parts(&transaction, seq)?;
        transaction.commit()?;
        self.let_go(seq, id);
        Ok(rows::job(&self.connection, id)?.map(|(job, _)| job))
    }

    pub(super) fn remove(&mut self, id: &JobId) -> Result<bool, Trouble> {
        let Some((_, seq)) = rows::job(&self.connection, id)? else { return Ok(false) };
        let transaction = self.connection.transaction()?;
        drop_parts(&transaction, seq)?;
        transaction.execute("DELETE FROM jobs WHERE seq = ?1", [seq])?;
        transaction.commit()?;
        self.let_go(seq, id);
        remove(&self.shelf.join(id.as_str()));
        Ok(true)
    }

    fn let_go(&mut self, seq: i64, id: &JobId) {
        self.leases.end_all(seq);
        self.ends.remove(&seq);
        self.reels.remove(id);
    }

    pub(super) fn sweep(&mut self, retention: Retention) -> Result<Vec<JobId>, Trouble> {
        let age = u64::try_from(retention.age.as_millis()).unwrap_or(u64::MAX);
        let oldest = now_ms().saturating_sub(age);
        let mut removed = Vec::new();
        let mut bytes = rows::totals(&self.connection)?.bytes;
        loop {
            let first = self.connection.query_row(
                "SELECT id, ended_ms, bytes FROM jobs WHERE ended_ms IS NOT NULL AND tell_ms IS NULL
                 ORDER BY ended_ms, seq LIMIT 1",
                [],
                |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)),
            );
            let (id, ended, own) = match first {
                Err(rusqlite::Error::QueryReturnedNoRows) => return Ok(removed),
                first => first?,
            };
            if natural::<u64>(ended) >= oldest && bytes <= retention.bytes {
                return Ok(removed);
            }
            let Ok(id) = id.parse::<JobId>() else { return Ok(removed) };
            self.remove(&id)?;
            bytes -= natural::<u64>(own).min(bytes);
            removed.push(id);
        }
    }
}

/// A job's text and segments go.
fn drop_parts(transaction: &Transaction<'_>, seq: i64) -> Result<(), Trouble> {
    transaction.execute("DELETE FROM pieces WHERE job = ?1", [seq])?;
    transaction.execute("DELETE FROM texts WHERE job = ?1", [seq])?;
    Ok(())
}

/// Milliseconds as whole ones.
fn whole(milliseconds: f64) -> i64 {
    Duration::try_from_secs_f64(milliseconds / 1000.0)
        .map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}
