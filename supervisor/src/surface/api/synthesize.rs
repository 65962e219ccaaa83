//! `POST /api/tts`: text in, speech out.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Extension, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};

use super::types::TtsRequest;
use crate::{
    metrics::Surface,
    schedule::Delivery,
    speech::{ClientId, Terms, Utterance},
    stream::Account,
    surface::{
        ApiError, AppState, Live, answer,
        asked::{self, Asked, wants_it_fresh},
        body,
        openapi::{answers::Unspoken, spoken::Spoken},
        request::RequestId,
    },
    voices::Manner,
};

/// Speaks a text: as one file, or as it is made.
#[utoipa::path(
    post,
    path = "/api/tts",
    tag = "speech",
    params(("Cache-Control" = Option<String>, Header, description = "`no-cache` has the audio made anew.",
        example = "no-cache")),
    request_body(content = TtsRequest, description = "What to speak, and how."),
    responses(Spoken, Unspoken),
)]
pub(in crate::surface) async fn synthesize(
    State(state): State<AppState>,
    Extension(id): Extension<RequestId>,
    Extension(client): Extension<ClientId>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let account = Account::open(Arc::clone(&state.metrics), Surface::Api, id.0, &client);
    match speak(&state, account, client, &headers, body).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn speak(
    state: &AppState,
    account: Account,
    client: ClientId,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let live = state.live.kept();
    let checked = check(state, &live, client, headers, body).await;
    let (account, (utterance, delivery)) = asked::checked(account, checked)?;
    let format = utterance.format;
    let stream = state.studio.open(utterance, delivery, live.limits.patience, account).await?;
    Ok(answer::of(stream, format, delivery).await?)
}

/// Body → utterance, and how it is wanted.
async fn check(
    state: &AppState,
    live: &Live,
    client: ClientId,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Utterance, Delivery), ApiError> {
    let limits = &live.limits;
    let body = body::json(headers, body, limits.max_body_bytes, limits.body_timeout).await?;
    let request = TtsRequest::parse(&body, limits)?;
    let asked = Asked {
        voice: request.voice.as_deref(),
        text: &request.text,
        manner: Manner { markup: request.markup, normalise: request.normalise },
        terms: Terms {
            speed: request.speed,
            seed: request.seed,
            options: request.options,
            sample_rate: request.sample_rate,
            priority: request.priority,
            deadline: request.deadline,
            is_fresh: wants_it_fresh(headers),
            ..Terms::usual(client, request.format)
        },
    };
    let utterance = asked.cast(state, live)?;
    Ok((utterance, if request.stream { Delivery::Live } else { Delivery::Whole }))
}
