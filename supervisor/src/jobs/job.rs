//! A job as it is told and kept: what was asked for, and how far it is.

use std::{fmt, str::FromStr, time::SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Book;

/// Names a job. Ids of later jobs sort behind those of earlier ones, whichever node made them: milliseconds since 1970,
/// then 80 random bits, as 32 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(String);

impl JobId {
    /// A new one for a job that is made now.
    pub fn draw() -> Self {
        let bits = u128::from(now_ms()) << 80 | rand::random::<u128>() >> 48;
        Self(format!("{bits:032x}"))
    }

    /// As it stands in a path: nothing but hexadecimal digits, so it may name a file.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for JobId {
    type Err = NoJobId;

    fn from_str(text: &str) -> Result<Self, NoJobId> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 32 && text.bytes().all(is_digit)).then(|| Self(text.to_owned())).ok_or(NoJobId)
    }
}

impl TryFrom<String> for JobId {
    type Error = NoJobId;

    fn try_from(text: String) -> Result<Self, NoJobId> {
        text.parse()
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// It is no job's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a job's id has 32 lower-case hexadecimal digits")]
pub struct NoJobId;

/// Where a job is.
///
/// ```text
/// queued ──cut──▶ running ──all spoken, joined──▶ done
///    │               │
///    └───────┬───────┘ ──▶ failed, or cancelled
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Nobody has looked at its text yet.
    Queued,
    /// It was cut into segments, and they are being spoken and joined.
    Running,
    /// All of its audio is there.
    Done,
    /// It will not be done; [`Job::error`] says why.
    Failed,
    /// Its client took it back.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    /// As in answers and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Nothing follows it.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// Everything that decides how a job sounds, beside its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The voice that was asked for; without, the default one of each stretch's language.
    pub voice: Option<String>,
    /// Name of the format, as in requests.
    pub format: String,
    /// Samples per second, or the engine's own.
    pub sample_rate: Option<u32>,
    /// Speaking rate, 0.25 to 4.
    pub speed: f64,
    /// Seed of whatever is drawn at random: the client's, else made of the request when it came.
    pub seed: u64,
    /// The engines' own options.
    pub options: Map<String, Value>,
    /// Whether the text may be SSML: `None` as its beginning tells.
    pub ssml: Option<bool>,
    /// Whether numbers, dates and units are said as words; `None` as the engines' configuration says.
    pub normalise: Option<bool>,
}

/// A job that somebody asks for.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Its id, drawn before: a store that is asked twice for the same one keeps the first.
    pub id: JobId,
    /// The API key that made it; without keys there is none, and everybody shares such jobs.
    pub owner: Option<String>,
    /// The client's `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// Hash of all that was asked for: the same key with another one is a mistake of the client's.
    pub digest: String,
    /// What it is called.
    pub title: Option<String>,
    /// How it is to sound.
    pub order: Order,
    /// What is to be spoken.
    pub book: Book,
    /// The engines that will speak it, as its text and the configuration told when it came.
    pub engines: Vec<String>,
    /// How long it will take to speak, as its text tells it, in milliseconds.
    pub spoken_ms: u64,
    /// Who is told of its end.
    pub webhook: Option<String>,
}

/// A job as it stands: small whatever the length of its text, since that and its audio are kept apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The API key that made it.
    pub owner: Option<String>,
    /// What it is called.
    pub title: Option<String>,
    /// Who wrote it, as the book tells.
    #[serde(default)]
    pub author: Option<String>,
    /// How it is to sound.
    pub order: Order,
    /// The engines that speak it.
    pub engines: Vec<String>,
    /// Who is told of its end.
    pub webhook: Option<String>,
    /// Where it is.
    pub state: JobState,
    /// Why it does not go on at present, or why it failed.
    pub error: Option<JobError>,
    /// When it was made, when its first segment was begun, and when it was over; milliseconds since 1970.
    pub created_ms: u64,
    /// See [`created_ms`](Self::created_ms).
    pub started_ms: Option<u64>,
    /// See [`created_ms`](Self::created_ms).
    pub ended_ms: Option<u64>,
    /// Characters of its text.
    pub characters: u64,
    /// How many segments it was cut into; 0 until it was.
    pub segments: u32,
    /// How many of them are stored.
    pub segments_stored: u32,
    /// How long it will take to speak, as the text tells it, in milliseconds.
    pub spoken_ms: u64,
    /// How much of that is stored.
    pub spoken_stored_ms: u64,
    /// Length of the audio that is stored, or of the finished audio once it is done, in milliseconds.
    pub audio_ms: u64,
    /// Samples per second at which its segments are joined; 0 until it was cut.
    pub rate: u32,
    /// Characters that nobody could speak.
    pub skipped: u64,
    /// Bytes of its finished audio without a header; 0 until it is done.
    pub audio_bytes: u64,
    /// Samples of its finished audio; 0 until it is done, or if its store does not know.
    #[serde(default)]
    pub samples: u64,
    /// Where its chapters begin, once it is done.
    pub chapters: Vec<Mark>,
    /// How far it is with telling [`webhook`](Self::webhook), once it is over.
    #[serde(default)]
    pub telling: Option<Telling>,
}

/// How far it is with telling somebody of a job's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// Whether it is done.
    pub state: TellingState,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next, in milliseconds since 1970, if it is.
    pub next_ms: Option<u64>,
    /// Why the last try failed.
    pub error: Option<String>,
}

impl Telling {
    /// What a job begins with that is over now; `None` if nobody is to be told.
    pub fn begin(job: &Job, now_ms: u64) -> Option<Self> {
        let pending = Self { state: TellingState::Pending, tries: 0, next_ms: Some(now_ms), error: None };
        job.webhook.is_some().then_some(pending)
    }
}

/// Whether somebody was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TellingState {
    /// Not yet.
    Pending,
    /// They said so.
    Delivered,
    /// Nobody was, and nobody will be.
    GivenUp,
}

impl TellingState {
    /// As in answers.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }
}

/// Where a chapter begins in the finished audio.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The chapter's title.
    pub title: Option<String>,
    /// Where it begins, in milliseconds.
    pub start_ms: u64,
}

/// Why a job failed or waits, in a stable code and in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobError {
    /// As the code of an answer would be.
    pub code: String,
    /// For a person.
    pub message: String,
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_nothing_else_is_one() {
        let (first, second) = (JobId::draw(), JobId::draw());
        assert_ne!(first, second);
        assert_eq!(first.as_str().parse(), Ok(first.clone()));
        for wrong in ["", "..", "../../etc/passwd", "0123", &first.as_str().to_uppercase().replace('0', "A")]
        {
            assert_eq!(wrong.parse::<JobId>(), Err(NoJobId), "{wrong}");
        }
    }
}
