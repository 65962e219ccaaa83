//! Everything that changes the database, one thing after the other: how jobs come and go on. `ends` has how they end.

use std::{
    collections::HashMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use rusqlite::{Connection, params};

use super::{
    floor::Floor,
    leases::{Leases, Task},
    reel::Reels,
    rows::{self, int, natural},
    trouble::Trouble,
};
use crate::jobs::{
    Created, Job, JobError, JobId, JobState, Lease, NewJob, Plan, StoreError, Stored, Take, Wanted, Work,
    now_ms,
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
    pub(super) fn known(&self, id: &JobId) -> Result<(Job, i64), Trouble> {
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

    pub(super) fn held(&self, lease: &Lease) -> Result<(Job, Task), Trouble> {
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
}

/// Milliseconds as whole ones.
fn whole(milliseconds: f64) -> i64 {
    Duration::try_from_secs_f64(milliseconds / 1000.0)
        .map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}
