//! `POST /api/tts`: text in, speech out.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Extension, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};

use super::{answer, types::TtsRequest};
use crate::{
    metrics::Surface,
    speech::Utterance,
    stream::{Account, Stream},
    surface::{ApiError, AppState, body, request::RequestId},
};

/// Speaks a text: as one file, or as it is made.
pub(in crate::surface) async fn synthesize(
    State(state): State<AppState>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let account = Account::open(Arc::clone(&state.metrics), Surface::Api, id.0);
    match speak(&state, account, &headers, body).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn speak(
    state: &AppState,
    account: Account,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let checked = check(state, headers, body).await;
    let (utterance, live) = match checked {
        Ok(checked) => checked,
        Err(error) => {
            account.invalid(&error.code(), &error.to_string());
            return Err(error);
        }
    };
    let format = utterance.format;
    let stream = Stream::open(&state.scheduler, utterance, state.limits.patience, account).await?;
    if live {
        return Ok(answer::live(stream, format)?);
    }
    Ok(answer::whole(stream, format).await?)
}

/// Body → utterance, and whether it is wanted as it is made.
async fn check(state: &AppState, headers: &HeaderMap, body: Body) -> Result<(Utterance, bool), ApiError> {
    let limits = &state.limits;
    let body = body::json(headers, body, limits.max_body_bytes, limits.body_timeout).await?;
    let request = TtsRequest::parse(&body, limits)?;
    let pools = state.scheduler.pools();
    let cast = state.voices.cast(request.voice.as_deref(), &request.text, &|engine| pools.ready(engine))?;
    let seed = request
        .seed
        .unwrap_or_else(|| Utterance::seed_of(&cast.voice, &request.text, request.speed, &request.options));
    let utterance = Utterance {
        voice: cast.voice,
        parts: cast.parts,
        speed: request.speed,
        seed,
        options: request.options,
        format: request.format,
        sample_rate: request.sample_rate,
        priority: request.priority,
        deadline: request.deadline,
        skipped: cast.skipped,
    };
    Ok((utterance, request.stream))
}
