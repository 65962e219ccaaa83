//! `POST /api/tts`: text in, speech out.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Extension, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};

use super::{answer, types::TtsRequest};
use crate::{
    metrics::Surface,
    schedule::Delivery,
    speech::{ClientId, Utterance},
    stream::Account,
    surface::{ApiError, AppState, Live, body, request::RequestId},
};

/// Speaks a text: as one file, or as it is made.
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
    let (utterance, delivery) = match checked {
        Ok(checked) => checked,
        Err(error) => {
            account.invalid(&error.code(), &error.to_string());
            return Err(error);
        }
    };
    let format = utterance.format;
    let stream = state.studio.open(utterance, delivery, live.limits.patience, account).await?;
    Ok(match delivery {
        Delivery::Live => answer::live(stream, format)?,
        Delivery::Whole => answer::whole(stream, format).await?,
    })
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
    let pools = state.studio.scheduler().pools();
    let cast = live.voices.cast(request.voice.as_deref(), &request.text, &|engine| pools.ready(engine))?;
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
        client,
        is_fresh: wants_it_fresh(headers),
    };
    Ok((utterance, if request.stream { Delivery::Live } else { Delivery::Whole }))
}

/// Whether `Cache-Control` asks for audio that is made anew.
pub(super) fn wants_it_fresh(headers: &HeaderMap) -> bool {
    let words = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut words = words.flat_map(|value| value.split(',')).map(str::trim);
    words.any(|word| word.eq_ignore_ascii_case("no-cache") || word.eq_ignore_ascii_case("no-store"))
}
