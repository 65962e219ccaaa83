//! `GET /api/jobs/{id}/audio`: a job's audio, also while it grows.

use std::{io, io::SeekFrom, path::Path as FilePath, time::Duration};

use axum::{
    body::Body,
    extract::{Extension, Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::Engine as _;
use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use sha2::{Digest, Sha256};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
    sync::watch,
};

use super::{
    find, jobs,
    range::{Wanted, wanted},
};
use crate::{
    jobs::{Growth, Job, Mark, Sound},
    speech::{ChapterTag, Encoder, Format, Framed, Tags},
    surface::{
        ApiError, AppState,
        edge::Access,
        openapi::answers::{self, Audio},
    },
};

/// Read from the disk at a time.
const PIECE: usize = 64 << 10;
/// When there may be audio of a job that has none yet.
const SOON: Duration = Duration::from_secs(5);

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
    ),
    responses(
        (status = 200, description = "All of it; of a job that is not done, as it is made.",
            content(
                (Audio = "audio/wav"), (Audio = "audio/pcm"), (Audio = "audio/mpeg"), (Audio = "audio/ogg"),
                (Audio = "audio/flac"), (Audio = "audio/aac"),
            ),
            headers(
                ("Accept-Ranges" = String, description = "`bytes`."),
                ("ETag" = String, description = "Names these bytes."),
            )),
        (status = 206, description = "The bytes that were asked for.",
            content(
                (Audio = "audio/wav"), (Audio = "audio/pcm"), (Audio = "audio/mpeg"), (Audio = "audio/ogg"),
                (Audio = "audio/flac"), (Audio = "audio/aac"),
            ),
            headers(
                ("Content-Range" = String, description = "Which bytes, and of how many; `*` while it grows."),
                ("ETag" = String, description = "Names these bytes."),
            )),
        answers::Unheard,
    ),
)]
pub(in crate::surface) async fn audio(
    State(state): State<AppState>,
    Extension(access): Extension<Access>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let jobs = jobs(&state)?;
    let mut job = find(jobs, &id, &access).await?;
    let nothing = |job: &Job| {
        let error = job.error.as_ref().map(|error| error.message.clone());
        let retry = (!job.state.is_over()).then_some(SOON);
        ApiError::NoAudio { state: job.state.label(), error, retry }
    };
    for _ in 0..2 {
        let sound = jobs.sound(&job).await.map_err(|error| match error.code.as_str() {
            "cluster_unavailable" => ApiError::ClusterAway(error.message),
            _ => ApiError::Internal(error.message),
        })?;
        let opened = match sound {
            Sound::None => return Err(nothing(&job)),
            Sound::Done { file } => done(&job, &file, &headers).await,
            Sound::Growing(spool) => {
                growing(&job, &spool.file, (spool.format, spool.rate), spool.growth(), &headers).await
            }
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

async fn done(job: &Job, path: &FilePath, headers: &HeaderMap) -> Opened {
    let (format, rate, bytes) = (job.order.format(), rate_of(job), job.audio_bytes);
    let file = File::open(path).await?;
    let framed = Framed::of(format, rate, bytes, &tags_of(job)).map_err(io::Error::other)?;
    let length = framed.length(bytes);
    let tag = tag_of(job, &framed);
    let asked = asked(headers, &tag);
    let (status, first, last) = match wanted(asked, length, true) {
        Wanted::Nothing => return Ok(Err(ApiError::NoSuchRange { length: Some(length) })),
        Wanted::Whole => (StatusCode::OK, 0, length),
        Wanted::Part(first, last) => (StatusCode::PARTIAL_CONTENT, first, last + 1),
    };
    let mut response = answer(status, format, rate, &tag);
    let told = response.headers_mut();
    told.insert(header::CONTENT_LENGTH, HeaderValue::from(last - first));
    if status == StatusCode::PARTIAL_CONTENT {
        put(told, header::CONTENT_RANGE, &format!("bytes {first}-{}/{length}", last - 1));
    }
    *response.body_mut() = body(file, &framed, bytes, (first, last)).await?;
    Ok(Ok(response))
}

async fn growing(
    job: &Job,
    path: &FilePath,
    (format, rate): (Format, u32),
    growth: watch::Receiver<Growth>,
    headers: &HeaderMap,
) -> Opened {
    let file = File::open(path).await?;
    let head = header_of(format, rate);
    // What a finished file tells is not known yet, so that those of one that grows are other bytes.
    let tag = if tells(format) { format!("\"{}-growing\"", job.id) } else { format!("\"{}\"", job.id) };
    let there = match &*growth.borrow() {
        Growth::Growing(bytes) => *bytes,
        Growth::Complete(finished) => finished.bytes,
        Growth::Broken(error) => {
            return Ok(Err(ApiError::NoAudio {
                state: job.state.label(),
                error: Some(error.message.clone()),
                retry: Some(SOON),
            }));
        }
    };
    let bytes = there;
    let there = there + size(&head);
    let mut response = match wanted(asked(headers, &tag), there, false) {
        Wanted::Nothing => return Ok(Err(ApiError::NoSuchRange { length: None })),
        Wanted::Part(first, last) => {
            let mut response = answer(StatusCode::PARTIAL_CONTENT, format, rate, &tag);
            let told = response.headers_mut();
            told.insert(header::CONTENT_LENGTH, HeaderValue::from(last + 1 - first));
            put(told, header::CONTENT_RANGE, &format!("bytes {first}-{last}/*"));
            let framed = Framed { head, ..Framed::default() };
            *response.body_mut() = body(file, &framed, bytes, (first, last + 1)).await?;
            response
        }
        Wanted::Whole => {
            let mut response = answer(StatusCode::OK, format, rate, &tag);
            *response.body_mut() = Body::new(StreamBody::new(frames(follow(file, head, growth))));
            response
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(Ok(response))
}

/// The range that is asked for, if it is asked of these bytes.
fn asked<'h>(headers: &'h HeaderMap, tag: &str) -> Option<&'h str> {
    let is_ours = headers.get(header::IF_RANGE).is_none_or(|value| value.as_bytes() == tag.as_bytes());
    headers.get(header::RANGE).filter(|_| is_ours).and_then(|value| value.to_str().ok())
}

fn answer(status: StatusCode, format: Format, rate: u32, tag: &str) -> Response {
    let mut response = status.into_response();
    let headers = response.headers_mut();
    put(headers, header::CONTENT_TYPE, &format.media_type(rate));
    put(headers, header::ETAG, tag);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    response
}

fn put(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn size(head: &Bytes) -> u64 {
    u64::try_from(head.len()).unwrap_or_default()
}

/// The bytes from one to before another of a file of so many bytes of encoded audio.
async fn body(mut file: File, framed: &Framed, bytes: u64, (first, end): (u64, u64)) -> io::Result<Body> {
    let (before, audio) = (size(&framed.head), bytes.saturating_sub(framed.replaced));
    let head = part(&framed.head, first, end);
    let tail = part(&framed.tail, first.saturating_sub(before + audio), end.saturating_sub(before + audio));
    let (from, until) = (first.saturating_sub(before).min(audio), end.saturating_sub(before).min(audio));
    file.seek(SeekFrom::Start(framed.replaced + from)).await?;
    let parts = (file, Some(head), until - from, Some(tail));
    let pieces = futures_util::stream::try_unfold(parts, |(mut file, head, left, tail)| async move {
        if let Some(head) = head.filter(|head| !head.is_empty()) {
            return Ok(Some((head, (file, None, left, tail))));
        }
        if let Some(piece) = read(&mut file, left).await? {
            let left = left - size(&piece);
            return Ok(Some((piece, (file, None, left, tail))));
        }
        let tail = tail.filter(|tail| !tail.is_empty());
        Ok(tail.map(|tail| (tail, (file, None, 0, None))))
    });
    Ok(Body::new(StreamBody::new(frames(pieces))))
}

/// What of some bytes lies between two places.
fn part(bytes: &Bytes, first: u64, end: u64) -> Bytes {
    let place = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(place(first)..place(end).max(place(first)))
}

/// Whether finished files of a format tell more than their audio.
fn tells(format: Format) -> bool {
    !matches!(format.name(), "pcm" | "aac")
}

/// A piece of the next `left` bytes, which have to be there.
async fn read(file: &mut File, left: u64) -> io::Result<Option<Bytes>> {
    if left == 0 {
        return Ok(None);
    }
    let most = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
    let mut piece = BytesMut::zeroed(most);
    let count = file.read(&mut piece).await?;
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    piece.truncate(count);
    Ok(Some(piece.freeze()))
}

/// A head and the file behind it, as it grows. What ends before it is complete ends without the final chunk, so that
/// nobody takes a part for the whole.
fn follow(file: File, head: Bytes, growth: watch::Receiver<Growth>) -> impl Stream<Item = io::Result<Bytes>> {
    futures_util::stream::try_unfold(
        (file, head, growth, 0_u64),
        |(mut file, head, mut growth, sent)| async move {
            if !head.is_empty() {
                return Ok(Some((head, (file, Bytes::new(), growth, sent))));
            }
            loop {
                let (there, is_all) = match &*growth.borrow_and_update() {
                    Growth::Growing(bytes) => (*bytes, false),
                    Growth::Complete(finished) => (finished.bytes, true),
                    Growth::Broken(error) => return Err(io::Error::other(error.message.clone())),
                };
                if let Some(piece) = read(&mut file, there - sent).await? {
                    let sent = sent + size(&piece);
                    return Ok(Some((piece, (file, head, growth, sent))));
                }
                if is_all {
                    return Ok(None);
                }
                growth.changed().await.map_err(io::Error::other)?;
            }
        },
    )
}

fn frames(pieces: impl Stream<Item = io::Result<Bytes>>) -> impl Stream<Item = io::Result<Frame<Bytes>>> {
    use futures_util::TryStreamExt;
    pieces.map_ok(Frame::data)
}
