//! How a job stands, as it is answered.

use serde::Serialize;
use utoipa::ToSchema;

use crate::jobs::{Job, Jobs, StoreError, Telling, progress};

/// A job, and how it stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Job)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct JobStanding {
    /// What it is called in paths.
    #[schema(example = "0197a2c4e8f01122334455667788aabb")]
    id: String,
    /// `queued`, `running`, `done`, `failed` or `cancelled`.
    #[schema(example = "running")]
    state: &'static str,
    /// What it was called by whoever sent it.
    #[schema(required, example = "A book")]
    title: Option<String>,
    /// Who wrote it, as the book tells.
    #[schema(required, example = json!(null))]
    author: Option<String>,
    /// The voice that was asked for; `auto` for the default voice of each part's language.
    #[schema(example = "auto")]
    voice_id: String,
    /// Engines that speak it.
    #[schema(example = json!(["piper"]))]
    engines: Vec<String>,
    /// Format of its audio.
    #[schema(example = "wav")]
    format: String,
    /// Speaking rate.
    #[schema(example = 1.0)]
    speed: f64,
    /// Seed of whatever is drawn at random.
    #[schema(example = 7)]
    seed: u64,
    /// Characters of its text.
    #[schema(example = 100_000)]
    characters: u64,
    /// When it was taken in, in milliseconds since 1970.
    #[schema(example = 1_764_000_000_000_u64)]
    created_ms: u64,
    /// When its text was cut.
    #[schema(required, example = 1_764_000_001_000_u64)]
    started_ms: Option<u64>,
    /// When it was over.
    #[schema(required, example = json!(null))]
    ended_ms: Option<u64>,
    /// How far it is.
    progress: Progress,
    /// Seconds until it is done, jobs before it among them, if all goes on as it did lately; null if nobody can know, and
    /// in lists.
    #[schema(required, example = 840.0)]
    remaining_s: Option<f64>,
    /// Why it failed; or why it does not go on at present, and goes on by itself when it can.
    #[schema(required, example = json!(null))]
    error: Option<Trouble>,
    /// Characters that nobody could speak.
    #[schema(example = 0)]
    skipped_characters: u64,
    /// Where its chapters begin, once it is done.
    #[schema(example = json!([{ "title": "One", "start_ms": 0 }]))]
    chapters: Vec<ChapterMark>,
    /// Who is told of its end, and whether they were; null if nobody is.
    #[schema(required, inline = false)]
    webhook: Option<WebhookStanding>,
    /// Where its audio is.
    #[schema(example = "/api/jobs/0197a2c4e8f01122334455667788aabb/audio")]
    audio: String,
}

/// How far it is with telling somebody of a job's end.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = JobWebhook)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct WebhookStanding {
    /// Who is told.
    #[schema(example = "https://hooks.example/done")]
    url: String,
    /// `waiting` for the end of the job, `pending` until it was delivered, `delivered`, or `given_up` after about a day.
    #[schema(example = "delivered")]
    state: &'static str,
    /// How often it was tried.
    #[schema(example = 1)]
    attempts: u32,
    /// When it is tried next, in milliseconds since 1970.
    #[schema(required, example = json!(null))]
    next_ms: Option<u64>,
    /// Why it was not delivered the last time.
    #[schema(required, example = json!(null))]
    error: Option<String>,
}

impl WebhookStanding {
    fn of(url: String, telling: Option<Telling>) -> Self {
        match telling {
            None => Self { url, state: "waiting", attempts: 0, next_ms: None, error: None },
            Some(Telling { state, tries, next_ms, error }) => {
                Self { url, state: state.label(), attempts: tries, next_ms, error }
            }
        }
    }
}

/// How far a job is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = JobProgress)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct Progress {
    /// Share of it that is stored, from 0 to 1, by the length of its speech.
    #[schema(example = 0.25)]
    share: f64,
    /// How many segments its text was cut into; 0 until it was.
    #[schema(example = 1200)]
    segments: u32,
    /// How many of them are stored.
    #[schema(example = 300)]
    segments_stored: u32,
    /// How much audio is stored, in milliseconds.
    #[schema(example = 1_500_000)]
    audio_ms: u64,
    /// How much there will be, as what is stored tells.
    #[schema(required, example = 6_000_000)]
    audio_ms_expected: Option<u64>,
}

/// What is wrong with a job.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = JobTrouble)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct Trouble {
    /// A code as in errors.
    #[schema(example = "engine_failed")]
    code: String,
    /// For people.
    #[schema(example = "the engine f5 is not available: no model")]
    message: String,
}

/// Where a chapter begins.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = JobChapterMark)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct ChapterMark {
    /// Its title.
    #[schema(required, example = "One")]
    title: Option<String>,
    /// Where it begins, in milliseconds.
    #[schema(example = 0)]
    start_ms: u64,
}

/// A page of jobs, the latest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Jobs)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct JobPage {
    /// The jobs.
    pub(super) jobs: Vec<JobStanding>,
    /// What to send as `before` for the next page; null on the last one.
    #[schema(required, example = json!(null))]
    pub(super) next: Option<String>,
}

impl JobStanding {
    /// Without an estimate.
    pub(super) fn of(job: Job) -> Self {
        let progress = Progress {
            share: (progress::share(&job) * 1e4).round() / 1e4,
            segments: job.segments,
            segments_stored: job.segments_stored,
            audio_ms: job.audio_ms,
            audio_ms_expected: progress::whole_audio_ms(&job),
        };
        Self {
            audio: format!("/api/jobs/{}/audio", job.id),
            id: job.id.into(),
            state: job.state.label(),
            title: job.title,
            author: job.author,
            voice_id: job.order.voice.unwrap_or_else(|| "auto".into()),
            engines: job.engines,
            format: job.order.format,
            speed: job.order.speed,
            seed: job.order.seed,
            characters: job.characters,
            created_ms: job.created_ms,
            started_ms: job.started_ms,
            ended_ms: job.ended_ms,
            progress,
            remaining_s: None,
            error: job.error.map(|error| Trouble { code: error.code, message: error.message }),
            skipped_characters: job.skipped,
            chapters: job
                .chapters
                .into_iter()
                .map(|mark| ChapterMark { title: mark.title, start_ms: mark.start_ms })
                .collect(),
            webhook: job.webhook.map(|url| WebhookStanding::of(url, job.telling)),
        }
    }

    /// With one.
    pub(super) async fn with_estimate(jobs: &Jobs, job: Job) -> Result<Self, StoreError> {
        let remaining = jobs.estimate(&job).await?;
        let remaining_s = remaining.map(|remaining| (remaining.as_secs_f64() * 10.0).round() / 10.0);
        Ok(Self { remaining_s, ..Self::of(job) })
    }
}
