//! `POST /api/voices`: a recording and what is said in it become a voice.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
};
use bytes::Bytes;
use multer::{Constraints, Multipart, SizeLimit, parse_boundary};
use serde_json::Value;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use super::{fields::invalid, voices::find};
use crate::{
    surface::{
        ApiError, AppState,
        openapi::{answers, schemas},
    },
    voices::{Engines, Meta, Recording, ShelfError, Unfit, WrongField},
};

/// Largest form: 30 s in two channels of 96000 samples a second and 32 bits are 22 MiB.
const MOST_BYTES: usize = 24 << 20;
/// Largest field beside the recording.
const MOST_FIELD: usize = 16 << 10;
/// How long a form may take to arrive: the largest one at 2 Mbit/s.
const PATIENCE: Duration = Duration::from_secs(100);
/// How long it waits for others that are being taken in.
const QUEUE: Duration = Duration::from_secs(10);
/// Forms that are held in memory and decoded at once.
const AT_ONCE: usize = 2;

const FIELDS: [&str; 7] = ["id", "name", "language", "engine", "transcript", "tags", "audio"];

/// Recordings on their way in.
#[derive(Clone, Debug)]
pub struct Uploads(Arc<Semaphore>);

impl Default for Uploads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// A form, read.
#[derive(Debug, Default)]
struct Form {
    fields: Vec<(&'static str, String)>,
    tags: Vec<String>,
    audio: Option<Bytes>,
}

impl Form {
    fn optional(&mut self, name: &str) -> Option<String> {
        let at = self.fields.iter().position(|(known, _)| *known == name)?;
        Some(self.fields.swap_remove(at).1)
    }

    fn required(&mut self, name: &str) -> Result<String, ApiError> {
        let found = self.optional(name).filter(|value| !value.is_empty());
        found.ok_or_else(|| invalid(name, format!("{name} is missing or empty")))
    }
}

/// Takes a voice in. It is listed at once, and spoken with as soon as its engine's workers know it.
#[utoipa::path(
    post,
    path = "/api/voices",
    tag = "speech",
    request_body(content = schemas::NewVoice, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "It is taken in.", body = schemas::VoiceStanding),
        answers::Unstored,
    ),
)]
pub(in crate::surface) async fn add_voice(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let boundary = media_type.and_then(|media_type| parse_boundary(media_type).ok());
    let boundary = boundary.ok_or(ApiError::NotMultipart)?;
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > MOST_BYTES) {
        return Err(ApiError::BodyTooLarge(MOST_BYTES));
    }
    let place = timeout(QUEUE, Arc::clone(&state.uploads.0).acquire_owned()).await;
    let place = place.ok().and_then(Result::ok).ok_or(ApiError::UploadsBusy)?;
    let form = timeout(PATIENCE, read(body, boundary)).await;
    let mut form = form.map_err(|_late| ApiError::BodyTooSlow(PATIENCE.as_secs()))??;

    let id = form.required("id")?;
    let mut meta = Meta {
        name: form.optional("name").filter(|name| !name.is_empty()).unwrap_or_else(|| id.clone()),
        id,
        language: form.required("language")?,
        engine: form.required("engine")?,
        transcript: form.optional("transcript").unwrap_or_default().trim().to_owned(),
        tags: std::mem::take(&mut form.tags),
        audio_ms: 0,
    };
    let audio = form.audio.ok_or_else(|| invalid("audio", "audio is missing: the recording, as a file"))?;
    let pools = state.studio.scheduler().pools();
    let engines = pools.engines();
    let all: Vec<&str> = engines.iter().map(String::as_str).collect();
    let is_on = |name: &&str| pools.get(name).is_some() || pools.unavailable(name).is_some();
    let enabled = all.iter().copied().filter(is_on).collect();
    let wrong = |WrongField { field, message }| invalid(field, message);
    let cloning = meta.check(&Engines { all, enabled }).map_err(wrong)?;
    if state.live.now().voices.is_configured(&meta.id) {
        return Err(ShelfError::Taken(meta.id).into());
    }

    let (shelf, id, engine) = (Arc::clone(&state.shelf), meta.id.clone(), meta.engine.clone());
    let is_shared = state.cluster.is_some();
    let taken = spawn_blocking(move || {
        let _place = place;
        let unfit = |Unfit(message)| invalid("audio", message);
        let recording = Recording::read(audio, &cloning).map_err(unfit)?;
        meta.fits(recording.seconds()).map_err(|Unfit(message)| invalid("transcript", message))?;
        let milliseconds = Duration::from_secs_f64(recording.seconds()).as_millis();
        meta.audio_ms = u64::try_from(milliseconds).unwrap_or(u64::MAX);
        let wav = recording.wav().map_err(unfit)?;
        if is_shared {
            return Ok(Some((meta, wav)));
        }
        shelf.add(meta, &wav)?;
        Ok::<_, ApiError>(None)
    });
    match taken.await {
        Ok(taken) => {
            if let (Some((meta, wav)), Some(cluster)) = (taken?, &state.cluster) {
                cluster.voices.add(meta, &wav).await?;
            }
        }
        // A decoder that fell over its file, which is then no recording; the log has its words.
        Err(error) if error.is_panic() => {
            return Err(invalid("audio", "the recording cannot be decoded: the file is damaged"));
        }
        Err(error) => return Err(ApiError::Internal(error.to_string())),
    }
    tracing::info!(voice = id, engine, "A voice was sent");
    Ok((StatusCode::CREATED, Json(find(&state, &id)?)))
}

async fn read(body: Body, boundary: String) -> Result<Form, ApiError> {
    let bytes = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
    let sizes = SizeLimit::new().whole_stream(bytes(MOST_BYTES)).per_field(bytes(MOST_FIELD));
    let sizes = sizes.for_field("audio", bytes(MOST_BYTES));
    let constraints = Constraints::new().size_limit(sizes);
    let mut multipart = Multipart::with_constraints(body.into_data_stream(), boundary, constraints);
    let mut form = Form::default();
    while let Some(field) = multipart.next_field().await.map_err(broken)? {
        let sent = field.name().unwrap_or_default().chars().take(80).collect::<String>();
        let Some(name) = FIELDS.into_iter().find(|known| *known == sent) else {
            return Err(invalid(
                &sent,
                format!("there is no field {sent:?}; the fields are {}", FIELDS.join(", ")),
            ));
        };
        let value = field.bytes().await.map_err(broken)?;
        if name == "audio" {
            if form.audio.replace(value).is_some() {
                return Err(invalid(name, "audio was sent twice"));
            }
            continue;
        }
        let text = String::from_utf8(value.to_vec())
            .map_err(|_bytes| invalid(name, format!("{name} is not UTF-8")))?;
        if name == "tags" {
            let tags = text.split(',').map(str::trim).filter(|tag| !tag.is_empty());
            form.tags.extend(tags.map(str::to_owned));
        } else if form.fields.iter().any(|(known, _)| *known == name) {
            return Err(invalid(name, format!("{name} was sent twice")));
        } else {
            form.fields.push((name, text));
        }
    }
    Ok(form)
}

fn broken(error: multer::Error) -> ApiError {
    match error {
        multer::Error::StreamSizeExceeded { .. } => ApiError::BodyTooLarge(MOST_BYTES),
        multer::Error::FieldSizeExceeded { field_name, .. } => match field_name.as_deref() {
            Some("audio") => ApiError::BodyTooLarge(MOST_BYTES),
            name => invalid(name.unwrap_or_default(), format!("this field has more than {MOST_FIELD} bytes")),
        },
        multer::Error::StreamReadFailed(_) => ApiError::BodyBroken,
        other => ApiError::InvalidMultipart(other.to_string()),
    }
}
