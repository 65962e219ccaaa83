//! Rows ↔ what they stand for, and everything that is only read.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::trouble::Trouble;
use crate::jobs::{Book, Job, JobId, JobState, Joint, NewJob, Order, Piece, Query, Scope, Totals};

/// What of a job never changes.
#[derive(Serialize, Deserialize)]
pub(super) struct Account {
    title: Option<String>,
    #[serde(default)]
    author: Option<String>,
    order: Order,
    webhook: Option<String>,
}

impl Account {
    pub(super) fn of(job: &NewJob) -> Self {
        Self {
            title: job.title.clone(),
            author: job.book.author.clone(),
            order: job.order.clone(),
            webhook: job.webhook.clone(),
        }
    }
}

/// A number as `SQLite` keeps it.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The same back.
pub(super) fn natural<N: TryFrom<i64> + Default>(number: i64) -> N {
    N::try_from(number).unwrap_or_default()
}

/// The columns of [`job_of`], in order.
const JOB: &str = "id, owner, account, engines, state, error, created_ms, started_ms, ended_ms, characters, segments, \
                   segments_stored, spoken_ms, spoken_stored_ms, audio_ms, rate, skipped, audio_bytes, chapters, seq, \
                   samples, telling";

fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// A column with a word of ours.
fn word<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_value(serde_json::Value::String(text)).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// A job and its place in the order.
fn job_of(row: &Row<'_>) -> rusqlite::Result<(Job, i64)> {
    let Account { title, author, order, webhook } = json(row, 2)?;
    let count = |column| row.get(column).map(natural::<u64>);
    let error: Option<String> = row.get(5)?;
    let job = Job {
        id: word(row, 0)?,
        owner: row.get(1)?,
        title,
        author,
        order,
        engines: json(row, 3)?,
        webhook,
        state: word(row, 4)?,
        error: error.and_then(|text| serde_json::from_str(&text).ok()),
        created_ms: count(6)?,
        started_ms: row.get::<_, Option<i64>>(7)?.map(natural),
        ended_ms: row.get::<_, Option<i64>>(8)?.map(natural),
        characters: count(9)?,
        segments: row.get(10).map(natural)?,
        segments_stored: row.get(11).map(natural)?,
        spoken_ms: count(12)?,
        spoken_stored_ms: count(13)?,
        audio_ms: count(14)?,
        rate: row.get(15).map(natural)?,
        skipped: count(16)?,
        audio_bytes: count(17)?,
        chapters: json(row, 18)?,
        samples: count(20)?,
        telling: row.get::<_, Option<String>>(21)?.and_then(|text| serde_json::from_str(&text).ok()),
    };
    Ok((job, row.get(19)?))
}

/// One job, and its place in the order.
pub(super) fn job(connection: &Connection, id: &JobId) -> Result<Option<(Job, i64)>, Trouble> {
    let mut found = connection.prepare_cached(&format!("SELECT {JOB} FROM jobs WHERE id = ?1"))?;
    Ok(found.query_row([id.as_str()], job_of).optional()?)
}

/// The job that an owner made under an idempotency key, and what was asked for then.
pub(super) fn by_key(
    connection: &Connection,
    owner: Option<&str>,
    key: &str,
) -> Result<Option<(Job, String)>, Trouble> {
    let mut found = connection.prepare_cached(&format!(
        "SELECT {JOB}, digest FROM jobs WHERE coalesce(owner, '') = coalesce(?1, '') AND idempotency_key = ?2"
    ))?;
    let found = found.query_row(params![owner, key], |row| Ok((job_of(row)?.0, row.get(22)?)));
    Ok(found.optional()?)
}

/// The first job in a state that one of these engines speaks, of those that `wanted` wants.
pub(super) fn first(
    connection: &Connection,
    state: JobState,
    condition: &str,
    engines: &str,
    wanted: impl Fn(i64) -> bool,
) -> Result<Option<(Job, i64)>, Trouble> {
    let mut found = connection.prepare_cached(&format!(
        "SELECT {JOB} FROM jobs WHERE state = ?1 AND {condition} AND (?2 = '' OR EXISTS (
           SELECT 1 FROM json_each(jobs.engines) WHERE value IN (SELECT value FROM json_each(?2)))) ORDER BY seq"
    ))?;
    let mut rows = found.query(params![state.label(), engines])?;
    while let Some(row) = rows.next()? {
        if wanted(row.get(19)?) {
            return Ok(Some(job_of(row)?));
        }
    }
    Ok(None)
}

/// The first job of whose end somebody is to be told by now, of those that `wanted` wants.
pub(super) fn to_tell(
    connection: &Connection,
    now_ms: u64,
    wanted: impl Fn(i64) -> bool,
) -> Result<Option<(Job, i64)>, Trouble> {
    let mut found = connection
        .prepare_cached(&format!("SELECT {JOB} FROM jobs WHERE tell_ms <= ?1 ORDER BY tell_ms, seq"))?;
    let mut rows = found.query([int(now_ms)])?;
    while let Some(row) = rows.next()? {
        if wanted(row.get(19)?) {
            return Ok(Some(job_of(row)?));
        }
    }
    Ok(None)
}

/// One page of jobs.
pub(super) fn list(connection: &Connection, query: &Query) -> Result<Vec<Job>, Trouble> {
    let mut found = connection.prepare_cached(&format!(
        "SELECT {JOB} FROM jobs WHERE (?1 IS NULL OR owner IS NULL OR owner = ?1) AND (?2 IS NULL OR state = ?2)
         AND (?3 IS NULL OR id < ?3) ORDER BY id DESC LIMIT ?4"
    ))?;
    let key = match &query.scope {
        Scope::All => None,
        Scope::Key(key) => Some(key),
    };
    let (state, before) = (query.state.map(JobState::label), query.before.as_ref().map(JobId::as_str));
    let rows = found.query_map(params![key, state, before, query.limit], |row| Ok(job_of(row)?.0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A job's text.
pub(super) fn book(connection: &Connection, id: &JobId) -> Result<Option<Book>, Trouble> {
    let mut found = connection
        .prepare_cached("SELECT book FROM texts JOIN jobs ON texts.job = jobs.seq WHERE jobs.id = ?1")?;
    Ok(found.query_row([id.as_str()], |row| json(row, 0)).optional()?)
}

/// What all jobs come to.
pub(super) fn totals(connection: &Connection) -> Result<Totals, Trouble> {
    let mut found = connection
        .prepare_cached("SELECT state, count(*), coalesce(sum(bytes), 0) FROM jobs GROUP BY state")?;
    let mut rows = found.query([])?;
    let mut totals = Totals::default();
    while let Some(row) = rows.next()? {
        let state: JobState = word(row, 0)?;
        for (known, count) in JobState::ALL.iter().zip(&mut totals.jobs) {
            if *known == state {
                *count = natural(row.get(1)?);
            }
        }
        totals.bytes += natural::<u64>(row.get(2)?);
    }
    Ok(totals)
}

/// What jobs before this one have still to be spoken.
pub(super) fn ahead(connection: &Connection, id: &JobId) -> Result<u64, Trouble> {
    let mut found = connection.prepare_cached(
        "SELECT coalesce(sum(spoken_ms - spoken_stored_ms), 0) FROM jobs
         WHERE state IN ('queued', 'running') AND seq < (SELECT seq FROM jobs WHERE id = ?1)",
    )?;
    Ok(found.query_row([id.as_str()], |row| row.get(0).map(natural))?)
}

/// A segment that waits: its number, what it is, and how often it was tried.
pub(super) type Waiting = (i64, i64, Piece, u32);

/// The first segment of an engine that waits, of those that `wanted` wants.
pub(super) fn waiting(
    connection: &Connection,
    engine: &str,
    wanted: impl Fn(i64, i64) -> bool,
) -> Result<Option<Waiting>, Trouble> {
    let mut found = connection.prepare_cached(
        "SELECT job, number, piece, tries FROM pieces WHERE engine = ?1 AND place IS NULL ORDER BY job, number",
    )?;
    let mut rows = found.query([engine])?;
    while let Some(row) = rows.next()? {
        let (job, number) = (row.get(0)?, row.get(1)?);
        if wanted(job, number) {
            return Ok(Some((job, number, json(row, 2)?, row.get(3).map(natural)?)));
        }
    }
    Ok(None)
}

/// Where a segment's audio stands, once it is stored.
pub(super) struct Placed {
    pub(super) place: u64,
    pub(super) bytes: usize,
    pub(super) rate: u32,
    pub(super) skipped: u64,
    pub(super) joint: Joint,
    pub(super) chapter: u32,
}

/// Where a segment's audio stands.
pub(super) fn placed(connection: &Connection, id: &JobId, number: u32) -> Result<Option<Placed>, Trouble> {
    let mut found = connection.prepare_cached(
        "SELECT place, pieces.bytes, pieces.rate, pieces.skipped, piece FROM pieces JOIN jobs ON pieces.job = jobs.seq
         WHERE jobs.id = ?1 AND number = ?2 AND place IS NOT NULL",
    )?;
    let placed = found.query_row(params![id.as_str(), number], |row| {
        let piece: Piece = json(row, 4)?;
        Ok(Placed {
            place: row.get(0).map(natural)?,
            bytes: row.get(1).map(natural)?,
            rate: row.get(2).map(natural)?,
            skipped: row.get(3).map(natural)?,
            joint: piece.joint,
            chapter: piece.chapter,
        })
    });
    Ok(placed.optional()?)
}
