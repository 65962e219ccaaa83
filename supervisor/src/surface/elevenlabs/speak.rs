//! `POST /v1/text-to-speech/{voice}`, and the same with `/stream`.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Body,
    extract::{Extension, Path, Query as RawQuery, State},
    http::HeaderMap,
    response::Response,
};
use serde_json::Map;

use super::{error, query::Query, request};
use crate::{
    metrics::Surface,
    schedule::Delivery,
    speech::{ClientId, Markup, Priority, Utterance, is_ssml},
    stream::Account,
    surface::{ApiError, AppState, Live, api::answer, body, request::RequestId},
    voices::Manner,
};

/// What every handler here is told.
type Told = (State<AppState>, Extension<RequestId>, Extension<ClientId>, Path<String>, Fields, HeaderMap);
type Fields = RawQuery<HashMap<String, String>>;

/// Speaks a text as one file.
pub(in crate::surface) async fn whole(told: Told, body: Body) -> Response {
    speak(told, body, Delivery::Whole).await
}

/// Speaks a text as it is made.
pub(in crate::surface) async fn stream(told: Told, body: Body) -> Response {
    speak(told, body, Delivery::Live).await
}

async fn speak(
    (State(state), Extension(id), Extension(client), Path(voice), RawQuery(fields), headers): Told,
    body: Body,
    delivery: Delivery,
) -> Response {
    let account = Account::open(Arc::clone(&state.metrics), Surface::ElevenLabs, id.0, &client);
    let live = state.live.kept();
    let checked = check(&state, &live, client, &voice, &Query::of(fields), (&headers, body)).await;
    let spoken = match checked {
        Ok(utterance) => answer_with(&state, &live, utterance, delivery, account).await,
        Err(error) => {
            account.invalid(&error.code(), &error.to_string());
            Err(error)
        }
    };
    match spoken {
        Ok(response) => response,
        Err(error) => error::answer(error).await,
    }
}

async fn answer_with(
    state: &AppState,
    live: &Live,
    utterance: Utterance,
    delivery: Delivery,
    account: Account,
) -> Result<Response, ApiError> {
    let format = utterance.format;
    let stream = state.studio.open(utterance, delivery, live.limits.patience, account).await?;
    Ok(match delivery {
        Delivery::Live => answer::live(stream, format)?,
        Delivery::Whole => answer::whole(stream, format).await?,
    })
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
    let pools = state.studio.scheduler().pools();
    // Their texts have breaks in them without being SSML otherwise.
    let markup = if is_ssml(&request.text) { Markup::Ssml } else { Markup::Breaks };
    let manner = Manner { markup, ..Manner::default() };
    let cast = live.voices.cast_as(Some(voice), &request.text, manner, &|engine| pools.ready(engine))?;
    let seed = || Utterance::seed_of(&cast.voice, &request.text, request.speed, &Map::new());
    Ok(Utterance {
        seed: request.seed.unwrap_or_else(seed),
        voice: cast.voice,
        parts: cast.parts,
        speed: request.speed,
        options: Map::new(),
        format: output.format,
        sample_rate: Some(output.rate),
        priority: Priority::Interactive,
        deadline: None,
        skipped: cast.skipped,
        client,
        is_fresh: false,
    })
}
