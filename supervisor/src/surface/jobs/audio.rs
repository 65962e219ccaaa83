//! `GET /api/jobs/{id}/audio`: a job's audio, also while it grows.

use std::{io, path::Path as FilePath, time::Duration};

use axum::{
    extract::{Extension, Path, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::Engine as _;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::{fs::File, time::timeout};

use super::{
    bytes::{finished, growing, size},
    conditions::{asked, is_known},
    find, jobs,
    range::{Extent, Wanted, wanted},
};
use crate::{
    jobs::{Growth, Job, JobError, Mark, Sound, Spool},
    speech::{ChapterTag, Encoder, Format, Framed, Tags},
    surface::{
        ApiError, AppState,
        edge::Access,
        openapi::answers::{self, Audio},
    },
};

/// When there may be audio of a job that has none yet.
const SOON: Duration = Duration::from_secs(5);
/// How long a range waits for its first byte.
const PATIENCE: Duration = Duration::from_secs(10);

/// Gives a job's audio: all of it if the job is done, else what there is and then what comes.
#[utoipa::path(
    get,
    path = "/api/jobs/{id}/audio",
    operation_id = "get_job_audio",
    tag = "jobs",
    params(
        ("id" = String, Path, description = "Which job.", example = "0197a2c4e8f01122334455667788aabb"),
        ("Range" = Option<String>, Header, description = "Only these bytes.", example = "bytes=0-1023"),
        ("If-Range" = Option<String>, Header, description = "An ETag: only if the audio is still that one, else all of it.",
            example = "\"0197a2c4e8f01122334455667788aabb\""),
        ("If-None-Match" = Option<String>, Header, description = "ETags of audio that is there already: 304 if it is still that.",
            example = "\"0197a2c4e8f01122334455667788aabb\""),
    ),
    responses(
        (status = 200, description = "All of it; of a job that is not done, as it is made.",
            content(
                (Audio = "audio/wav"), (Audio = "audio/pcm"), (Audio = "audio/mpeg"), (Audio = "audio/ogg"),
                (Audio = "audio/flac"), (Audio = "audio/aac"),
            ),
            headers(
                ("Accept-Ranges" = String, description = "`bytes`."),
                ("ETag" = String, description = "Names these bytes; none while they grow."),
            )),
        (status = 206, description = "The bytes that were asked for; while it grows, they are sent as they are made.",
            content(
                (Audio = "audio/wav"), (Audio = "audio/pcm"), (Audio = "audio/mpeg"), (Audio = "audio/ogg"),
                (Audio = "audio/flac"), (Audio = "audio/aac"),
            ),
            headers(
                ("Content-Range" = String, description = "Which bytes, and of how many; `*` while it grows, and 9007199254740991 as \
                    the last byte of a range that ends where the audio will."),
                ("ETag" = String, description = "Names these bytes; none while they grow."),
            )),
        (status = 304, description = "It is still the audio that `If-None-Match` names.",
            headers(("ETag" = String, description = "Names these bytes."))),
        answers::Unheard,
    ),
)]
pub(in crate::surface) async fn audio(
    State(state): State<AppState>,
    Extension(access): Extension<Access>,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let jobs = jobs(&state)?;
    let mut job = find(jobs, &id, &access).await?;
    for _ in 0..2 {
        let sound = jobs.sound(&job).await.map_err(|error| match error.code.as_str() {
            "cluster_unavailable" => ApiError::ClusterAway(error.message),
            _ => ApiError::Internal(error.message),
        })?;
        let opened = match sound {
            Sound::None => return Err(nothing(&job)),
            Sound::Done { file } => of_done(&job, &file, (&method, &headers)).await,
            Sound::Growing(spool) => of_growing(&job, &spool, (&method, &headers)).await,
        };
        match opened {
            // It was finished or removed just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => job = find(jobs, &id, &access).await?,
            opened => return opened.map_err(|error| ApiError::Internal(error.to_string()))?,
        }
    }
    Err(nothing(&job))
}

type Opened = io::Result<Result<Response, ApiError>>;

fn nothing(job: &Job) -> ApiError {
    let error = job.error.as_ref().map(|error| error.message.clone());
    ApiError::NoAudio { state: job.state.label(), error, retry: (!job.state.is_over()).then_some(SOON) }
}

/// The rate at which the audio is heard.
fn rate_of(job: &Job) -> u32 {
    job.order.format().nearest_rate(job.order.sample_rate.unwrap_or(job.rate))
}

/// The header of a file that grows.
fn header_of(format: Format, rate: u32) -> Bytes {
    Encoder::new(format, rate).map(|encoder| encoder.header(None)).unwrap_or_default()
}

/// What a finished file tells.
fn tags_of(job: &Job) -> Tags {
    let mark = |mark: &Mark| ChapterTag { title: mark.title.clone(), start_ms: mark.start_ms };
    Tags {
        title: job.title.clone(),
        author: job.author.clone(),
        chapters: job.chapters.iter().map(mark).collect(),
        audio_ms: job.audio_ms,
        samples: (job.samples > 0).then_some(job.samples),
    }
}

/// Names the bytes of a finished file. Another version of this program may tell the same otherwise.
fn tag_of(job: &Job, framed: &Framed) -> String {
    if !framed.is_tagged {
        return format!("\"{}\"", job.id);
    }
    let mut hash = Sha256::new();
    hash.update(&framed.head);
    hash.update(&framed.tail);
    let digest = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash.finalize());
    format!("\"{}-{}\"", job.id, digest.chars().take(12).collect::<String>())
}

async fn of_done(job: &Job, path: &FilePath, (method, headers): (&Method, &HeaderMap)) -> Opened {
    let (format, rate, bytes) = (job.order.format(), rate_of(job), job.audio_bytes);
    let file = File::open(path).await?;
    let framed = Framed::of(format, rate, bytes, &tags_of(job)).map_err(io::Error::other)?;
    let length = framed.length(bytes);
    let tag = tag_of(job, &framed);
    if is_known(headers, Some(&tag)) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        put(&mut response, header::ETAG, &tag);
        return Ok(Ok(response));
    }
    let (mut response, first, end) = match wanted(asked(method, headers, Some(&tag)), Extent::All(length)) {
        Wanted::Whole => (answer(StatusCode::OK, &format.media_type(rate)), 0, length),
        Wanted::Part(first, last) | Wanted::Coming(first, last) => {
            let mut response = answer(StatusCode::PARTIAL_CONTENT, &format.media_type(rate));
            put(&mut response, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{length}"));
            (response, first, last + 1)
        }
        Wanted::Later(_) | Wanted::Nothing => return Ok(Err(ApiError::NoSuchRange { length })),
    };
    put(&mut response, header::ETAG, &tag);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(end - first));
    *response.body_mut() = finished(file, &framed, bytes, (first, end)).await?;
    Ok(Ok(response))
}

/// While it grows it has no tag: whoever has a part has not all of it, and of most formats the finished file, which tells
/// more, has other bytes.
async fn of_growing(job: &Job, spool: &Spool, (method, headers): (&Method, &HeaderMap)) -> Opened {
    let file = File::open(&spool.file).await?;
    if is_known(headers, None) {
        return Ok(Ok(StatusCode::NOT_MODIFIED.into_response()));
    }
    let head = header_of(spool.format, spool.rate);
    let range = asked(method, headers, None);
    let mut growth = spool.growth();
    let look = |growth: &Growth| extent(growth, &head).map(|extent| (extent, wanted(range, extent)));
    let is_settled = |growth: &Growth| !matches!(look(growth), Ok((_, Wanted::Later(_))));
    // Too late, or nobody makes it grow any more: what it is now tells.
    drop(timeout(PATIENCE, growth.wait_for(is_settled)).await);
    let looked = look(&growth.borrow());
    let (extent, wanted) = match looked {
        Ok(looked) => looked,
        Err(error) => {
            let (state, error) = (job.state.label(), Some(error.message));
            return Ok(Err(ApiError::NoAudio { state, error, retry: Some(SOON) }));
        }
    };
    let told = match extent {
        Extent::All(length) => length.to_string(),
        Extent::AtLeast(_) => "*".to_owned(),
    };
    let media_type = spool.format.media_type(spool.rate);
    let (mut response, first, end) = match wanted {
        Wanted::Whole => (answer(StatusCode::OK, &media_type), 0, u64::MAX),
        Wanted::Part(first, last) | Wanted::Coming(first, last) => {
            let mut response = answer(StatusCode::PARTIAL_CONTENT, &media_type);
            put(&mut response, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{told}"));
            if matches!(wanted, Wanted::Part(..)) {
                let length = HeaderValue::from(last + 1 - first);
                response.headers_mut().insert(header::CONTENT_LENGTH, length);
            }
            (response, first, last + 1)
        }
        Wanted::Later(first) => return Ok(Err(ApiError::AudioToCome { first })),
        Wanted::Nothing => {
            let (Extent::All(length) | Extent::AtLeast(length)) = extent;
            return Ok(Err(ApiError::NoSuchRange { length }));
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *response.body_mut() = growing(file, &head, growth, (first, end)).await?;
    Ok(Ok(response))
}

/// How long a head and what grows behind it are.
fn extent(growth: &Growth, head: &Bytes) -> Result<Extent, JobError> {
    match growth {
        Growth::Growing(bytes) => Ok(Extent::AtLeast(size(head) + bytes)),
        Growth::Complete(finished) => Ok(Extent::All(size(head) + finished.bytes)),
        Growth::Broken(error) => Err(error.clone()),
    }
}

fn answer(status: StatusCode, media_type: &str) -> Response {
    let mut response = status.into_response();
    put(&mut response, header::CONTENT_TYPE, media_type);
    response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    response
}

fn put(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
