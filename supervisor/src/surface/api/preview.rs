//! `GET /api/voices/{id}/preview`: a short sentence in the voice's language.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    body::Body,
    extract::{Extension, Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::BodyExt;

use crate::{
    metrics::Surface,
    schedule::Delivery,
    speech::{ClientId, Format, Terms, Utterance},
    stream::Account,
    surface::{
        ApiError, AppState, Live, answer,
        asked::{Asked, wants_it_fresh},
        openapi::{answers::Unspoken, spoken::SpokenWav},
        request::RequestId,
    },
    voices::Manner,
};

/// What is said, by language; the first for all that is not here.
const SENTENCES: [(&str, &str); 14] = [
    ("en", "Hello! This is how I sound when I read to you."),
    ("zh", "你好！这就是我朗读时的声音。"),
    ("ja", "こんにちは。これが私の声です。"),
    ("de", "Hallo! So klinge ich, wenn ich vorlese."),
    ("es", "¡Hola! Así suena mi voz cuando leo."),
    ("fr", "Bonjour ! Voici ma voix quand je lis."),
    ("hi", "नमस्ते! जब मैं पढ़ता हूँ तो मेरी आवाज़ ऐसी होती है।"),
    ("it", "Ciao! Questa è la mia voce quando leggo."),
    ("ko", "안녕하세요! 제가 읽을 때의 목소리입니다."),
    ("nl", "Hallo! Zo klink ik als ik voorlees."),
    ("pl", "Cześć! Tak brzmi mój głos, kiedy czytam."),
    ("pt", "Olá! É assim que soa a minha voz quando leio."),
    ("ru", "Привет! Так звучит мой голос, когда я читаю."),
    ("vi", "Xin chào! Đây là giọng đọc của tôi."),
];
/// Previews that are kept, 100 to 300 KB each.
const MOST: usize = 64;

/// What a preview depends on: the voice, what its engines are made of, and the text.
type Key = (String, Vec<Arc<str>>, String);

/// Previews that somebody asked for. Engines that speak differently each time are not in the cache of all audio; what
/// a voice sounds like need not be made twice nevertheless.
#[derive(Debug, Default)]
pub struct Previews(Mutex<HashMap<Key, (HeaderMap, Bytes)>>);

impl Previews {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, (HeaderMap, Bytes)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &Key) -> Option<Response> {
        let (mut headers, body) = self.lock().get(key).cloned()?;
        headers.insert("x-cache", HeaderValue::from_static("hit"));
        Some((headers, body).into_response())
    }

    fn keep(&self, key: Key, headers: HeaderMap, body: Bytes) {
        let mut kept = self.lock();
        if kept.len() >= MOST {
            kept.clear();
        }
        // What the voice sounded like before is not asked for again.
        kept.retain(|(voice, ..), _| *voice != key.0);
        kept.insert(key, (headers, body));
    }
}

/// Has a voice say a few words, as a WAV file.
#[utoipa::path(
    get,
    path = "/api/voices/{id}/preview",
    tag = "speech",
    params(("id" = String, Path, description = "The voice.", example = "walter")),
    responses(SpokenWav, Unspoken),
)]
pub(in crate::surface) async fn preview(
    State(state): State<AppState>,
    Extension(id): Extension<RequestId>,
    Extension(client): Extension<ClientId>,
    voice: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Ok(Path(voice)) = voice else { return Err(ApiError::NoSuchRoute) };
    let account = |id: RequestId, client: &ClientId| {
        Account::open(Arc::clone(&state.metrics), Surface::Api, id.0, client)
    };
    let live = state.live.kept();
    let utterance = match utterance(&state, &live, &voice, client.clone()) {
        Ok(utterance) => utterance,
        Err(error) => {
            account(id, &client).invalid(&error.code(), &error.to_string());
            return Err(error);
        }
    };
    let pools = Arc::clone(state.studio.scheduler().pools());
    let identities = utterance.engines().into_iter().filter_map(|engine| pools.identity(engine)).collect();
    let text = utterance.parts.iter().map(|part| part.text.as_str()).collect();
    let key: Key = (voice, identities, text);
    let is_settled = key.1.len() == utterance.engines().len();
    let is_fresh = wants_it_fresh(&headers);
    if is_settled
        && !is_fresh
        && let Some(kept) = state.previews.find(&key)
    {
        return Ok(kept);
    }
    let account = account(id, &client);
    let stream = state.studio.open(utterance, Delivery::Whole, live.limits.patience, account).await?;
    let (head, body) = answer::whole(stream, Format::Wav).await?.into_parts();
    let body = body.collect().await.map_err(|error| ApiError::Internal(error.to_string()))?.to_bytes();
    if is_settled && !is_fresh {
        state.previews.keep(key, head.headers.clone(), body.clone());
    }
    Ok((head.headers, Body::from(body)).into_response())
}

fn utterance(state: &AppState, live: &Live, voice: &str, client: ClientId) -> Result<Utterance, ApiError> {
    let pools = state.studio.scheduler().pools();
    let facts = |engine: &str| pools.ready(engine);
    let languages = live.voices.languages(voice, &facts)?;
    let known = |language: &String| {
        let primary = language.split(['-', '_']).next().unwrap_or_default();
        SENTENCES.into_iter().find(|(tag, _)| *tag == primary)
    };
    let (_, text) = languages.iter().find_map(known).unwrap_or(SENTENCES[0]);
    let terms = Terms::usual(client, Format::Wav);
    Asked { voice: Some(voice), text, manner: Manner::default(), terms }.cast(state, live)
}
