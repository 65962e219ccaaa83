//! `POST /v1/text-to-speech/{voice}`, and the same with `/stream`.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Body,
    extract::{Extension, Path, Query as RawQuery, State},
    http::HeaderMap,
    response::Response,
};

use super::{error, query::Query, request};
use crate::{
    metrics::Surface,
    schedule::Delivery,
    speech::{ClientId, Markup, Terms, Utterance, is_ssml},
    stream::Account,
    surface::{
        ApiError, AppState, Live,
        api::answer,
        asked::{self, Asked},
        body,
        request::RequestId,
    },
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
    Ok(asked.cast(state, live)?)
}
