//! Jobs that are over: their audio, who is told, and how they go.

use std::time::Instant;

use rusqlite::{Transaction, params};

use super::{
    desk::Desk,
    reel::{remove, sync},
    rows::{self, int, natural},
    trouble::Trouble,
};
use crate::jobs::{Finished, Job, JobError, JobId, JobState, Lease, Retention, StoreError, Telling, now_ms};

impl Desk {
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
