//! A book that is sent to `POST /api/jobs` as it is: in a form, or as the whole body.

use std::{pin::pin, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use multer::{Constraints, Multipart, SizeLimit, parse_boundary};
use serde_json::{Map, Value};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout, timeout_at},
};

use crate::{
    jobs::intake::Kind,
    surface::{ApiError, api::fields::invalid, body},
};

/// What of a body is neither the book nor the text: names, options, addresses.
pub(super) const BESIDE: usize = 64 << 10;
/// Books that are held in memory and read at once.
const AT_ONCE: usize = 2;
static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);
/// How long one waits for others that are being taken in.
const QUEUE: Duration = Duration::from_secs(10);
/// Bytes of a book that arrive in a second at least: 2 Mbit.
const SLOWEST: usize = 256 << 10;
/// Fields that are no strings: a form and a query have them as JSON writes them.
const AS_JSON: [&str; 6] = ["sample_rate", "speed", "seed", "engine_options", "ssml", "normalise"];

/// How a body brings what is to be spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Text in a field.
    Json,
    /// A file in a form whose parts this stands between.
    Form(String),
    /// The body is the book.
    Raw(Kind),
}

/// By the media type; `None` for one that brings no text.
pub(super) fn shape(media_type: &str) -> Option<Shape> {
    if let Ok(boundary) = parse_boundary(media_type) {
        return Some(Shape::Form(boundary));
    }
    match Kind::of_media_type(media_type) {
        Some(kind) => Some(Shape::Raw(kind)),
        None => body::is_json(media_type).then_some(Shape::Json),
    }
}

/// A book as it was sent, and what was told beside it.
#[derive(Debug)]
pub(super) struct Upload {
    /// The file's name, if it has one.
    pub(super) name: Option<String>,
    /// What it was said to be.
    pub(super) kind: Option<Kind>,
    /// All of it.
    pub(super) file: Bytes,
    /// As they would stand in a JSON body.
    pub(super) fields: Map<String, Value>,
}

impl Upload {
    /// What the file is, as its name, its sender or its first bytes tell.
    pub(super) fn kind(&self) -> Option<Kind> {
        let by_name = self.name.as_deref().and_then(Kind::of_file);
        by_name.or_else(|| Kind::of_bytes(&self.file)).or(self.kind)
    }
}

/// Waits for room to hold a book and read it.
pub(super) async fn place() -> Result<SemaphorePermit<'static>, ApiError> {
    timeout(QUEUE, PLACES.acquire()).await.ok().and_then(Result::ok).ok_or(ApiError::UploadsBusy)
}

/// The body is a book of at most `most` bytes, the query has the fields.
pub(super) async fn raw(
    (headers, query, body): (&HeaderMap, &[(String, String)], Body),
    kind: Kind,
    most: usize,
    patience: Duration,
) -> Result<Upload, ApiError> {
    body::check_length(headers, most)?;
    let mut fields = Map::new();
    for (name, value) in query {
        put(&mut fields, name, value)?;
    }
    let mut pieces = pin!(paced(body, patience));
    let mut file = BytesMut::with_capacity(body::announced(headers).unwrap_or(0));
    while let Some(piece) = pieces.next().await {
        file.extend_from_slice(&piece.map_err(ApiError::from)?);
        if file.len() > most {
            return Err(ApiError::BodyTooLarge(most));
        }
    }
    Ok(Upload { name: None, kind: Some(kind), file: file.freeze(), fields })
}

/// Why a body broke off.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Interrupted {
    /// It came too slowly; how long that was looked at, in seconds.
    #[error("it came too slowly")]
    Slow(u64),
    #[error("the connection failed")]
    Broken,
}

impl From<Interrupted> for ApiError {
    fn from(interrupted: Interrupted) -> Self {
        match interrupted {
            Interrupted::Slow(seconds) => Self::BodyTooSlow(seconds),
            Interrupted::Broken => Self::BodyBroken,
        }
    }
}

/// A body as it comes. It may take so long as any, and the time that what came takes at the slowest: whoever holds back a
/// large one keeps nobody waiting for longer than who holds back a small one.
fn paced(body: Body, usual: Duration) -> impl Stream<Item = Result<Bytes, Interrupted>> {
    let begun = Instant::now();
    let parts = (body.into_data_stream(), 0_usize);
    futures_util::stream::try_unfold(parts, move |(mut body, received)| async move {
        let more = Duration::from_secs(u64::try_from(received / SLOWEST).unwrap_or_default());
        let piece = timeout_at(begun + usual + more, body.next()).await;
        match piece.map_err(|_late| Interrupted::Slow(begun.elapsed().as_secs()))? {
            None => Ok(None),
            Some(Err(_)) => Err(Interrupted::Broken),
            Some(Ok(piece)) => {
                let received = received.saturating_add(piece.len());
                Ok(Some((piece, (body, received))))
            }
        }
    })
}

/// The body is a form, whose file has at most `most` bytes.
pub(super) async fn form(
    (headers, body): (&HeaderMap, Body),
    boundary: String,
    most: usize,
    patience: Duration,
) -> Result<Upload, ApiError> {
    body::check_length(headers, most.saturating_add(BESIDE))?;
    let bytes = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
    let sizes = SizeLimit::new().whole_stream(bytes(most.saturating_add(BESIDE)));
    let sizes = sizes.per_field(bytes(BESIDE)).for_field("file", bytes(most));
    let constraints = Constraints::new().size_limit(sizes);
    let mut multipart = Multipart::with_constraints(paced(body, patience), boundary, constraints);
    let broken = |error| broken(error, most);
    let (mut book, mut fields) = (None, Map::new());
    while let Some(field) = multipart.next_field().await.map_err(broken)? {
        let name: String = field.name().unwrap_or_default().chars().take(80).collect();
        if name == "file" {
            let (file_name, kind) = (field.file_name().map(str::to_owned), field.content_type());
            let kind = kind.and_then(|media_type| Kind::of_media_type(media_type.as_ref()));
            let file = field.bytes().await.map_err(broken)?;
            if book.replace((file_name, kind, file)).is_some() {
                return Err(invalid("file", "file was sent twice; a job is one book"));
            }
            continue;
        }
        let value = field.bytes().await.map_err(broken)?;
        let value =
            std::str::from_utf8(&value).map_err(|_bytes| invalid(&name, format!("{name} is not UTF-8")))?;
        put(&mut fields, &name, value)?;
    }
    let missing = || invalid("file", "file is missing: the book, as a file of the form");
    let (name, kind, file) = book.ok_or_else(missing)?;
    Ok(Upload { name, kind, file, fields })
}

/// A field as JSON would have it; one that is empty was left out.
fn put(fields: &mut Map<String, Value>, name: &str, value: &str) -> Result<(), ApiError> {
    let text = || Value::String(value.to_owned());
    let value = match value {
        "" => Value::Null,
        _ if AS_JSON.contains(&name) => serde_json::from_str(value).unwrap_or_else(|_| text()),
        _ => text(),
    };
    if fields.insert(name.to_owned(), value).is_some() {
        let name: String = name.chars().take(80).collect();
        return Err(invalid(&name, format!("{name} was sent twice")));
    }
    Ok(())
}

fn broken(error: multer::Error, most: usize) -> ApiError {
    match error {
        multer::Error::StreamSizeExceeded { .. } => ApiError::BodyTooLarge(most.saturating_add(BESIDE)),
        multer::Error::FieldSizeExceeded { field_name, .. } => match field_name.as_deref() {
            Some("file") => ApiError::BodyTooLarge(most),
            name => invalid(name.unwrap_or_default(), format!("this field has more than {BESIDE} bytes")),
        },
        multer::Error::StreamReadFailed(error) => {
            error.downcast_ref::<Interrupted>().copied().unwrap_or(Interrupted::Broken).into()
        }
        other => ApiError::InvalidMultipart(other.to_string()),
    }
}

/// The media type of a body.
pub(super) fn media_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_tells_how_a_body_brings_its_text() {
        for (media_type, expected) in [
            ("application/json", Some(Shape::Json)),
            ("application/vnd.x+json; charset=utf-8", Some(Shape::Json)),
            ("text/plain;charset=UTF-8", Some(Shape::Raw(Kind::Text))),
            ("text/markdown", Some(Shape::Raw(Kind::Markdown))),
            ("Application/EPUB+zip", Some(Shape::Raw(Kind::Epub))),
            ("multipart/form-data; boundary=x", Some(Shape::Form("x".into()))),
            ("multipart/form-data", None),
            ("application/pdf", None),
            ("", None),
        ] {
            assert_eq!(shape(media_type), expected, "{media_type}");
        }
    }

    #[test]
    fn a_file_is_what_its_name_says_or_its_beginning_or_its_sender() {
        let upload = |name: &str, kind, file: &'static [u8]| {
            let name = (!name.is_empty()).then(|| name.to_owned());
            Upload { name, kind, file: Bytes::from_static(file), fields: Map::new() }.kind()
        };
        let epub = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\x14\0\0\0\x14\0\0\0\x08\0\0\0mimetypeapplication/epub+zip";
        assert_eq!(upload("a.md", Some(Kind::Text), b"#"), Some(Kind::Markdown));
        assert_eq!(upload("a", Some(Kind::Text), epub), Some(Kind::Epub));
        assert_eq!(upload("", Some(Kind::Markdown), b"PK"), Some(Kind::Markdown));
        assert_eq!(upload("a.pdf", None, b"%PDF"), None);
    }

    #[test]
    fn fields_of_a_form_are_those_of_json() {
        let mut fields = Map::new();
        for (name, value) in [("speed", "1.5"), ("title", "7"), ("seed", "x"), ("voice_id", "")] {
            put(&mut fields, name, value).unwrap();
        }
        let expected = serde_json::json!({ "speed": 1.5, "title": "7", "seed": "x", "voice_id": null });
        assert_eq!(Value::Object(fields.clone()), expected);
        assert!(put(&mut fields, "seed", "1").is_err());
    }
}
