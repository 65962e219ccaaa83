//! `POST /v1/audio/speech`: text in, speech out as it is made.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Extension, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};

use super::{error::OpenAiError, names, sse, types::SpeechRequest};
use crate::{
    metrics::Surface,
    schedule::Delivery,
    speech::{ClientId, Format, Terms, Utterance},
    stream::Account,
    surface::{
        ApiError, AppState, Live, answer,
        asked::{self, Asked, wants_it_fresh},
        body,
        openapi::{answers::Unspoken, names::StreamFormat, spoken::SpokenOrTold},
        request::RequestId,
    },
    voices::Manner,
};

/// Samples per second of `pcm`, which `OpenAI`'s clients take for granted.
const PCM_RATE: u32 = 24_000;

/// Speaks a text as it is made.
#[utoipa::path(
    post,
    path = "/v1/audio/speech",
    tag = "openai",
    request_body(content = SpeechRequest, description = "What to speak, and how."),
    responses(SpokenOrTold, Unspoken),
)]
pub(in crate::surface) async fn speech(
    State(state): State<AppState>,
    Extension(id): Extension<RequestId>,
    Extension(client): Extension<ClientId>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let account = Account::open(Arc::clone(&state.metrics), Surface::OpenAi, id.0, &client);
    speak(&state, account, client, &headers, body).await.unwrap_or_else(OpenAiError::into_response)
}

async fn speak(
    state: &AppState,
    account: Account,
    client: ClientId,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, OpenAiError> {
    let live = state.live.kept();
    let checked = check(state, &live, client, headers, body).await;
    let (account, (request, utterance)) = asked::checked(account, checked)?;
    let format = request.response_format;
    let stream = state.studio.open(utterance, Delivery::Live, live.limits.patience, account).await?;
    Ok(match request.stream_format {
        StreamFormat::Audio => answer::live(stream, format)?,
        StreamFormat::Sse => sse::events(stream, format, request.input.chars().count())?,
    })
}

/// Body → utterance.
async fn check(
    state: &AppState,
    live: &Live,
    client: ClientId,
    headers: &HeaderMap,
    body: Body,
) -> Result<(SpeechRequest, Utterance), ApiError> {
    let limits = &live.limits;
    let body = body::json(headers, body, limits.max_body_bytes, limits.body_timeout).await?;
    let request = SpeechRequest::parse(&body, limits)?;
    let pools = state.studio.scheduler().pools();
    let (model, voice) = (request.model.as_deref(), request.voice.as_deref());
    let voice = names::voice(&live.openai, &live.voices, &pools.engines(), model, voice)?;
    let asked = Asked {
        voice: Some(&voice),
        text: &request.input,
        manner: Manner::default(),
        terms: Terms {
            speed: request.speed,
            sample_rate: (request.response_format == Format::Pcm).then_some(PCM_RATE),
            is_fresh: wants_it_fresh(headers),
            ..Terms::usual(client, request.response_format)
        },
    };
    let utterance = asked.cast(state, live)?;
    Ok((request, utterance))
}
