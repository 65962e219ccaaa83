//! The one table: error → status, type, code, message, param.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use ishowtts_workers::Failure;
use serde_json::{Value, json};

use crate::{
    jobs::{NotTaken, StoreError, intake::IntakeError},
    schedule::Refusal,
    stream::SpeechError,
    voices::{CastError, ShelfError},
};

/// Everything that a request can be answered with instead of what it asked for.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// There is nothing at this path.
    #[error("there is no such route")]
    NoSuchRoute,
    /// There is, but not by this method.
    #[error("this route does not answer to this method")]
    MethodNotAllowed,
    /// It shows no API key, or one that is not known.
    #[error("{}", if *has_key { "this API key is not known" } else {
        "an API key is needed: send it as Authorization: Bearer KEY, X-API-Key or xi-api-key"
    })]
    Unauthorised {
        /// Whether it showed one.
        has_key: bool,
    },
    /// Its `Host` may be a name that somebody bent to this address.
    #[error(
        "this server does not answer to the name {0:?}; ask it by its address, or add the name to `hosts` under [server]"
    )]
    HostNotAllowed(String),
    /// A page of another site has a browser ask.
    #[error("pages of {0:?} may not use this server; `origins` under [cors] lists those that may")]
    OriginNotAllowed(String),
    /// The request line and headers are too long.
    #[error("the request's line and headers are longer than {0} bytes")]
    HeadersTooLarge(usize),
    /// A handshake of a WebSocket that cannot be answered.
    #[error("Sec-WebSocket-Key must be there once and hold 16 bytes in base64")]
    InvalidHandshake,
    /// The body is not JSON.
    #[error("the body is not valid JSON: {0}")]
    InvalidJson(String),
    /// The body has another media type.
    #[error("the body must be sent with Content-Type: application/json")]
    UnsupportedMediaType,
    /// The body is too long.
    #[error("the body is longer than {0} bytes")]
    BodyTooLarge(usize),
    /// The body did not arrive in time.
    #[error("the body did not arrive within {0} s")]
    BodyTooSlow(u64),
    /// The connection failed while the body arrived.
    #[error("the body could not be read")]
    BodyBroken,
    /// A field is missing, unknown or out of range.
    #[error("{message}")]
    InvalidField {
        /// The field's name.
        param: String,
        /// What is wrong with it, and what would be right.
        message: String,
    },
    /// The text is longer than the limit.
    #[error("the text has {length} characters; at most {most} are allowed")]
    TextTooLong {
        /// How long it is.
        length: usize,
        /// How long it may be.
        most: usize,
    },
    /// The text and its voice do not come to anything.
    #[error(transparent)]
    Cast(#[from] CastError),
    /// It was not, or not wholly, spoken.
    #[error(transparent)]
    Speech(#[from] SpeechError),
    /// A form was asked for, and this is none.
    #[error("the body must be sent with Content-Type: multipart/form-data")]
    NotMultipart,
    /// The form cannot be read.
    #[error("the form cannot be read: {0}")]
    InvalidMultipart(String),
    /// More files are on their way in than are taken at once.
    #[error("other files are being taken in; try again in a moment")]
    UploadsBusy,
    /// A voice was not taken in, or not removed.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// The voice belongs to the configuration or to an engine.
    #[error("the voice {id:?} cannot be removed here: it comes from {origin}")]
    VoiceFixed {
        /// Which voice.
        id: String,
        /// Where it comes from, and what can be done there.
        origin: String,
    },
    /// Environments are still being made.
    #[error("the server is being set up; its log tells how far it is")]
    Starting,
    /// There is no such model.
    #[error("the model {0:?} does not exist; GET /v1/models lists those that do")]
    UnknownModel(String),
    /// Timestamps are asked for.
    #[error(
        "no engine here tells when which word sounds, so there are no timestamps; ask {0} for the audio alone"
    )]
    NoAlignment(&'static str),
    /// There is no such engine.
    #[error("there is no engine {0:?} in the configuration")]
    UnknownEngine(String),
    /// There are no jobs here.
    #[error("this server takes no jobs: {0}")]
    NoJobs(String),
    /// What several machines share cannot be reached.
    #[error("{0}")]
    ClusterAway(String),
    /// There is no such job, or it belongs to somebody else.
    #[error("there is no job {0:?}; GET /api/jobs lists them")]
    UnknownJob(String),
    /// A job was not taken in, or cannot be looked at.
    #[error(transparent)]
    Job(#[from] NotTaken),
    /// A body that brings no text.
    #[error(
        "the body must be JSON (Content-Type: application/json), a form with a book in it (multipart/form-data), or a book: \
         text/plain, text/markdown or application/epub+zip"
    )]
    NoBook,
    /// Nothing tells what a file is.
    #[error(
        "nothing tells what the file is: let its name end in .txt, .md or .epub, or send kind: text, markdown or epub"
    )]
    UnknownBook,
    /// A book cannot be read.
    #[error(transparent)]
    Book(#[from] IntakeError),
    /// A job has no audio, or none yet.
    #[error("the job is {state}, and there is no audio of it{}{}",
        if error.is_some() { ": " } else { "" }, error.as_deref().unwrap_or_default())]
    NoAudio {
        /// Where it is.
        state: &'static str,
        /// What is wrong with it.
        error: Option<String>,
        /// When there may be some.
        retry: Option<Duration>,
    },
    /// The bytes that were asked for are behind the end.
    #[error(
        "the range that was asked for begins behind the end: there are {length} bytes, and no more will come"
    )]
    NoSuchRange {
        /// How many bytes there are.
        length: u64,
    },
    /// The bytes that were asked for may come yet.
    #[error(
        "the job's audio grows, and has not come to byte {first}; ask again later, or without Range: all of it is sent then, as \
         it is made"
    )]
    AudioToCome {
        /// The first of them.
        first: u64,
    },
    /// We are at fault.
    #[error("{0}")]
    Internal(String),
}

/// One row of the table.
struct Row {
    status: StatusCode,
    kind: &'static str,
    code: String,
    param: Option<String>,
    /// When it is worth another try, if that is known.
    retry: Option<Duration>,
}

const INVALID: &str = "invalid_request_error";
const AUTHENTICATION: &str = "authentication_error";
const CAPACITY: &str = "capacity_error";
const SERVER: &str = "server_error";

/// After such times another try is worth it.
const AT_ONCE: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_secs(5);
const MENDED: Duration = Duration::from_secs(30);
/// `Retry-After` to the millisecond, as `OpenAI`'s clients read it.
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

impl ApiError {
    fn row(&self) -> Row {
        let row =
            |status, kind, code: &str| Row { status, kind, code: code.to_owned(), param: None, retry: None };
        let about = |row: Row, param: &str| Row { param: Some(param.to_owned()), ..row };
        match self {
            Self::NoSuchRoute => row(StatusCode::NOT_FOUND, INVALID, "no_such_route"),
            Self::MethodNotAllowed => row(StatusCode::METHOD_NOT_ALLOWED, INVALID, "method_not_allowed"),
            Self::Unauthorised { .. } => row(StatusCode::UNAUTHORIZED, AUTHENTICATION, "unauthorised"),
            Self::HostNotAllowed(_) => row(StatusCode::FORBIDDEN, INVALID, "host_not_allowed"),
            Self::OriginNotAllowed(_) => row(StatusCode::FORBIDDEN, INVALID, "origin_not_allowed"),
            Self::HeadersTooLarge(_) => {
                row(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, INVALID, "headers_too_large")
            }
            Self::InvalidHandshake => row(StatusCode::BAD_REQUEST, INVALID, "invalid_handshake"),
            Self::InvalidJson(_) => row(StatusCode::BAD_REQUEST, INVALID, "invalid_json"),
            Self::UnsupportedMediaType | Self::NotMultipart | Self::NoBook => {
                row(StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID, "unsupported_media_type")
            }
            Self::BodyTooLarge(_) => row(StatusCode::PAYLOAD_TOO_LARGE, INVALID, "body_too_large"),
            Self::BodyTooSlow(_) => row(StatusCode::REQUEST_TIMEOUT, INVALID, "body_too_slow"),
            Self::BodyBroken => row(StatusCode::BAD_REQUEST, INVALID, "body_broken"),
            Self::InvalidField { param, .. } => {
                about(row(StatusCode::UNPROCESSABLE_ENTITY, INVALID, "invalid_field"), param)
            }
            Self::TextTooLong { .. } => {
                about(row(StatusCode::UNPROCESSABLE_ENTITY, INVALID, "text_too_long"), "text")
            }
            Self::Cast(error) => cast(error),
            Self::UnknownModel(_) => about(row(StatusCode::NOT_FOUND, INVALID, "model_not_found"), "model"),
            Self::InvalidMultipart(_) => row(StatusCode::BAD_REQUEST, INVALID, "invalid_multipart"),
            Self::UploadsBusy => {
                let busy = row(StatusCode::TOO_MANY_REQUESTS, CAPACITY, "no_capacity");
                Row { retry: Some(AT_ONCE), ..busy }
            }
            Self::Shelf(error) => match error {
                ShelfError::Taken(_) => about(row(StatusCode::CONFLICT, INVALID, "voice_exists"), "id"),
                ShelfError::Leaving(_) => {
                    let leaving = about(row(StatusCode::CONFLICT, INVALID, "voice_exists"), "id");
                    Row { retry: Some(SOON), ..leaving }
                }
                ShelfError::Away { .. } => {
                    let away = row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "cluster_unavailable");
                    Row { retry: Some(SOON), ..away }
                }
                ShelfError::Disk { .. } if error.is_full() => {
                    row(StatusCode::INSUFFICIENT_STORAGE, SERVER, "disk_full")
                }
                ShelfError::Disk { .. } => row(StatusCode::INTERNAL_SERVER_ERROR, SERVER, "internal"),
            },
            Self::VoiceFixed { .. } => row(StatusCode::CONFLICT, INVALID, "voice_fixed"),
            Self::NoAlignment(_) => row(StatusCode::UNPROCESSABLE_ENTITY, INVALID, "no_alignment"),
            Self::UnknownEngine(_) => row(StatusCode::NOT_FOUND, INVALID, "unknown_engine"),
            Self::Starting => {
                let starting = row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "starting");
                Row { retry: Some(SOON), ..starting }
            }
            Self::NoJobs(_) => row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "jobs_unavailable"),
            Self::ClusterAway(_) => {
                let away = row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "cluster_unavailable");
                Row { retry: Some(SOON), ..away }
            }
            Self::UnknownJob(_) => row(StatusCode::NOT_FOUND, INVALID, "unknown_job"),
            Self::Job(error) => job(error),
            Self::UnknownBook => {
                about(row(StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID, "unsupported_media_type"), "file")
            }
            Self::Book(IntakeError::Nothing) => {
                about(row(StatusCode::UNPROCESSABLE_ENTITY, INVALID, "nothing_to_speak"), "file")
            }
            Self::Book(IntakeError::TooLong { .. }) => {
                about(row(StatusCode::UNPROCESSABLE_ENTITY, INVALID, "text_too_long"), "file")
            }
            Self::Book(_) => about(row(StatusCode::UNPROCESSABLE_ENTITY, INVALID, "invalid_book"), "file"),
            Self::NoAudio { retry, .. } => {
                Row { retry: *retry, ..row(StatusCode::CONFLICT, INVALID, "no_audio") }
            }
            Self::NoSuchRange { .. } => {
                row(StatusCode::RANGE_NOT_SATISFIABLE, INVALID, "range_not_satisfiable")
            }
            Self::AudioToCome { .. } => {
                let growing = row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "audio_growing");
                Row { retry: Some(SOON), ..growing }
            }
            Self::Speech(error) => speech(error),
            Self::Internal(_) => row(StatusCode::INTERNAL_SERVER_ERROR, SERVER, "internal"),
        }
    }

    /// When it is worth another try, if that is known.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.row().retry
    }

    /// The stable code.
    pub fn code(&self) -> String {
        self.row().code
    }
}

fn cast(error: &CastError) -> Row {
    let (invalid, missing) = (StatusCode::UNPROCESSABLE_ENTITY, StatusCode::NOT_FOUND);
    let (status, code, param) = match error {
        CastError::UnknownVoice(_) => (missing, "unknown_voice", "voice_id"),
        CastError::Ssml(_) => (invalid, "invalid_ssml", "text"),
        CastError::NothingToSpeak => (invalid, "nothing_to_speak", "text"),
        CastError::NoDefault | CastError::Mixture(_) => (invalid, "invalid_field", "voice_id"),
    };
    Row { status, kind: INVALID, code: code.to_owned(), param: Some(param.to_owned()), retry: None }
}

fn job(error: &NotTaken) -> Row {
    let row =
        |status, kind, code: &str, retry| Row { status, kind, code: code.to_owned(), param: None, retry };
    match error {
        NotTaken::TooMany { .. } => {
            row(StatusCode::TOO_MANY_REQUESTS, CAPACITY, "too_many_jobs", Some(MENDED))
        }
        NotTaken::Conflict(_) => row(StatusCode::CONFLICT, INVALID, "idempotency_conflict", None),
        NotTaken::Store(StoreError::Full { .. }) => {
            row(StatusCode::INSUFFICIENT_STORAGE, SERVER, "disk_full", None)
        }
        NotTaken::Store(StoreError::Away { .. }) => {
            row(StatusCode::SERVICE_UNAVAILABLE, SERVER, "cluster_unavailable", Some(SOON))
        }
        NotTaken::Store(StoreError::Lost | StoreError::Broken { .. }) => {
            row(StatusCode::INTERNAL_SERVER_ERROR, SERVER, "internal", None)
        }
    }
}

fn speech(error: &SpeechError) -> Row {
    let row =
        |status, kind, code: &str, retry| Row { status, kind, code: code.to_owned(), param: None, retry };
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    let (busy, invalid) = (StatusCode::TOO_MANY_REQUESTS, StatusCode::UNPROCESSABLE_ENTITY);
    match error {
        SpeechError::Cast(error) => cast(error),
        SpeechError::Encode(_) => row(StatusCode::INTERNAL_SERVER_ERROR, SERVER, "internal", None),
        SpeechError::Voice { .. } => {
            let failed = row(unavailable, SERVER, "voice_failed", Some(MENDED));
            Row { param: Some("voice_id".into()), ..failed }
        }
        SpeechError::Deadline | SpeechError::NobodyCame { .. } => {
            row(StatusCode::GATEWAY_TIMEOUT, CAPACITY, "deadline_exceeded", None)
        }
        SpeechError::Refused(refusal) => match refusal {
            Refusal::Busy { retry, .. } => row(busy, CAPACITY, "no_capacity", Some(*retry)),
            Refusal::Memory { retry } => row(busy, CAPACITY, "memory", Some(*retry)),
            Refusal::DeadlineTooShort { .. } => {
                let row = row(invalid, INVALID, "deadline_too_short", None);
                Row { param: Some("deadline_ms".into()), ..row }
            }
            Refusal::TooSlow { .. } => row(invalid, INVALID, "too_slow_to_stream", None),
            // A given-up engine comes back only when somebody mends it.
            Refusal::EngineFailed { .. } => row(unavailable, SERVER, "engine_failed", Some(MENDED)),
            Refusal::EngineDisabled { .. } => row(unavailable, SERVER, "engine_disabled", Some(MENDED)),
            Refusal::Poison { wait, .. } => row(invalid, INVALID, "poison", Some(*wait)),
            Refusal::Draining => row(unavailable, SERVER, "draining", Some(AT_ONCE)),
        },
        SpeechError::Failed { failure, .. } => match failure {
            Failure::WorkerLost { .. } => row(unavailable, SERVER, "worker_lost", Some(AT_ONCE)),
            Failure::Garbled { .. } => row(StatusCode::BAD_GATEWAY, SERVER, "garbled_audio", None),
            Failure::Cancelled => row(unavailable, SERVER, "cancelled", Some(AT_ONCE)),
            Failure::Engine { code, param, .. } => {
                let known = match code.as_str() {
                    "bad_option" => row(StatusCode::UNPROCESSABLE_ENTITY, INVALID, "invalid_field", None),
                    "unknown_voice" => row(StatusCode::NOT_FOUND, INVALID, "unknown_voice", None),
                    "nothing_to_speak" => {
                        row(StatusCode::UNPROCESSABLE_ENTITY, INVALID, "nothing_to_speak", None)
                    }
                    "out_of_memory" => row(unavailable, SERVER, "out_of_memory", Some(SOON)),
                    _ => row(StatusCode::BAD_GATEWAY, SERVER, "engine_error", None),
                };
                let option = |name: &String| match code.as_str() {
                    "bad_option" => format!("engine_options.{name}"),
                    "unknown_voice" => "voice_id".to_owned(),
                    _ => name.clone(),
                };
                Row { param: param.as_ref().map(option), ..known }
            }
        },
    }
}

/// What a client sent may stand in a message; not all of it, if it is long.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 500;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl ApiError {
    /// As JSON, with `param` as `rename` calls it: surfaces have names of their own for the same fields.
    pub(super) fn told(&self, rename: impl Fn(String) -> String) -> Value {
        let row = self.row();
        json!({
            "error": {
                "type": row.kind,
                "code": row.code,
                "message": shortened(&self.to_string()),
                "param": row.param.map(|param| shortened(&rename(param))),
            }
        })
    }

    /// As an answer, with `param` as `rename` calls it.
    pub(super) fn answer(self, rename: impl Fn(String) -> String) -> Response {
        let row = self.row();
        if row.status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(code = row.code, "{self}");
        }
        let mut response = (row.status, Json(self.told(rename))).into_response();
        if row.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"iShowTTS\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Self::NoSuchRange { length } = self
            && let Ok(range) = HeaderValue::from_str(&format!("bytes */{length}"))
        {
            response.headers_mut().insert(header::CONTENT_RANGE, range);
        }
        if let Some(retry) = row.retry {
            let milliseconds = u64::try_from(retry.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
            let headers = response.headers_mut();
            // Nobody comes too early, and nobody at once.
            headers.insert(header::RETRY_AFTER, HeaderValue::from(milliseconds.div_ceil(1000).max(1)));
            headers.insert(RETRY_AFTER_MS, HeaderValue::from(milliseconds.max(1)));
        }
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.answer(|param| param)
    }
}
