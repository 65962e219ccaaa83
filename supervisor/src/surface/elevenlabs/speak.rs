//! `POST /v1/text-to-speech/{voice}`, and the same with `/stream`.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Body,
    extract::{Extension, Path, Query as RawQuery, State, rejection::PathRejection},
    http::HeaderMap,
    response::Response,
};

use super::{
    described::{SpeechQuery, TextToSpeech},
    error,
    query::Query,
    request,
};
use crate::{
    metrics::Surface,
    schedule::Delivery,
    speech::{ClientId, Markup, Terms, Utterance, is_ssml},
    stream::Account,
    surface::{
        ApiError, AppState, Live, answer,
        asked::{self, Asked},
        body,
        openapi::{
            answers::{DetailedUnaligned, DetailedUnspoken},
            spoken::{SpokenLive, SpokenWhole},
        },
        request::RequestId,
    },
    voices::Manner,
};

/// What every handler here is told.
type Told = (State<AppState>, Extension<RequestId>, Extension<ClientId>, Voice, Fields, HeaderMap);
type Voice = Result<Path<String>, PathRejection>;
type Fields = RawQuery<HashMap<String, String>>;

/// Speaks a text as one file.
#[utoipa::path(
    post,
    path = "/v1/text-to-speech/{voice}",
    operation_id = "elevenlabs_speech",
    tag = "elevenlabs",
    params(
        ("voice" = String, Path, description = "A voice.", example = "walter"),
        SpeechQuery,
    ),
    request_body(content = TextToSpeech, description = "What to speak, and how."),
    responses(SpokenWhole, DetailedUnspoken),
)]
pub(in crate::surface) async fn whole(told: Told, body: Body) -> Response {
    speak(told, body, Delivery::Whole).await
}

/// Speaks a text as it is made.
#[utoipa::path(
    post,
    path = "/v1/text-to-speech/{voice}/stream",
    operation_id = "elevenlabs_stream",
    tag = "elevenlabs",
    params(
        ("voice" = String, Path, description = "A voice.", example = "walter"),
        SpeechQuery,
    ),
    request_body(content = TextToSpeech, description = "What to speak, and how."),
    responses(SpokenLive, DetailedUnspoken),
)]
pub(in crate::surface) async fn stream(told: Told, body: Body) -> Response {
    speak(told, body, Delivery::Live).await
}

/// Refuses to tell when which word sounds.
///
/// No engine says so, and a guess would be a lie.
#[utoipa::path(
    post,
    path = "/v1/text-to-speech/{voice}/with-timestamps",
    operation_id = "elevenlabs_speech_with_timestamps",
    tag = "elevenlabs",
    params(("voice" = String, Path, description = "A voice.", example = "walter")),
    responses(DetailedUnaligned),
)]
pub(in crate::surface) async fn whole_with_timestamps() -> Response {
    error::answer(ApiError::NoAlignment("/v1/text-to-speech/{voice}")).await
}

/// Refuses to tell it of a stream.
#[utoipa::path(
    post,
    path = "/v1/text-to-speech/{voice}/stream/with-timestamps",
    operation_id = "elevenlabs_stream_with_timestamps",
    tag = "elevenlabs",
    params(("voice" = String, Path, description = "A voice.", example = "walter")),
    responses(DetailedUnaligned),
)]
pub(in crate::surface) async fn stream_with_timestamps() -> Response {
    error::answer(ApiError::NoAlignment("/v1/text-to-speech/{voice}/stream")).await
}

async fn speak(
    (State(state), Extension(id), Extension(client), voice, RawQuery(fields), headers): Told,
    body: Body,
    delivery: Delivery,
) -> Response {
    let Ok(Path(voice)) = voice else { return error::answer(ApiError::NoSuchRoute).await };
    let account = Account::open(Arc::clone(&state.metrics), Surface::ElevenLabs, id.0, &client);
    let live = state.live.kept();
    let spoken = async {
        let query = Query::of(fields);
        let checked = check(&state, &live, client, &voice, &query, (&headers, body)).await;
        let (account, utterance) = asked::checked(account, checked)?;
        let format = utterance.format;
        let stream = state.studio.open(utterance, delivery, live.limits.patience, account).await?;
        Ok::<_, ApiError>(answer::of(stream, format, delivery).await?)
    };
    match spoken.await {
        Ok(response) => response,
        Err(error) => error::answer(error).await,
    }
}

/// Body → utterance.
async fn check(
    state: &AppState,
    live: &Live,
    client: ClientId,
    voice: &str,
    query: &Query,
    (headers, body): (&HeaderMap, Body),
) -> Result<Utterance, ApiError> {
    let limits = &live.limits;
    let body = body::json(headers, body, limits.max_body_bytes, limits.body_timeout).await?;
    let output = query.output_format()?;
    let request = request::Body::parse(&body, limits)?;
    // Their texts have breaks in them without being SSML otherwise.
    let markup = if is_ssml(&request.text) { Markup::Ssml } else { Markup::Breaks };
    let asked = Asked {
        voice: Some(voice),
        text: &request.text,
        manner: Manner { markup, ..Manner::default() },
        terms: Terms {
            speed: request.speed,
            seed: request.seed,
            sample_rate: Some(output.rate),
            ..Terms::usual(client, output.format)
        },
    };
    asked.cast(state, live)
}
