//! `/api/voices`: which voices there are, how far they have come, and the end of one that was sent to us.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;

use crate::{
    config::Route,
    pools::Pools,
    surface::{
        ApiError, AppState, Live,
        openapi::{answers, schemas},
    },
    voices::{CastError, Listing, Standing},
};

/// Lists every voice, by the name that requests use.
#[utoipa::path(
    get,
    path = "/api/voices",
    tag = "speech",
    responses((status = 200, description = "The voices.", body = schemas::Voices), answers::Refused),
)]
pub(in crate::surface) async fn voices(State(state): State<AppState>) -> Json<Value> {
    let live = state.live.kept();
    let voices: Vec<Value> = state.voices(&live).iter().map(|one| told(&state, &live, one)).collect();
    Json(json!({ "voices": voices }))
}

/// Tells of one voice.
#[utoipa::path(
    get,
    path = "/api/voices/{id}",
    tag = "speech",
    params(("id" = String, Path, description = "The voice.", example = "walter")),
    responses((status = 200, description = "The voice.", body = schemas::VoiceStanding), answers::Missing),
)]
pub(in crate::surface) async fn voice(
    State(state): State<AppState>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, ApiError> {
    let Ok(Path(id)) = id else { return Err(ApiError::NoSuchRoute) };
    find(&state, &id).map(Json)
}

/// A voice as it is listed.
pub(super) fn find(state: &AppState, id: &str) -> Result<Value, ApiError> {
    let live = state.live.kept();
    let listings = state.voices(&live);
    let found = listings.iter().find(|one| one.id == id).ok_or_else(|| unknown(id))?;
    Ok(told(state, &live, found))
}

pub(super) fn unknown(id: &str) -> ApiError {
    CastError::unknown_voice(id).into()
}

/// Removes a voice that was sent to us. Who listens to it hears it to the end.
#[utoipa::path(
    delete,
    path = "/api/voices/{id}",
    tag = "speech",
    params(("id" = String, Path, description = "The voice.", example = "walter")),
    responses((status = 200, description = "It is gone.", body = schemas::Removed), answers::Kept),
)]
pub(in crate::surface) async fn remove_voice(
    State(state): State<AppState>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, ApiError> {
    let Ok(Path(id)) = id else { return Err(ApiError::NoSuchRoute) };
    let live = state.live.kept();
    if live.voices.is_configured(&id) {
        let origin = format!("the configuration; take [voices.{id}] out of the file and reload it");
        return Err(ApiError::VoiceFixed { id, origin });
    }
    let removed = if let Some(cluster) = &state.cluster {
        cluster.voices.remove(&id).await
    } else {
        let (shelf, name) = (Arc::clone(&state.shelf), id.clone());
        let removed = spawn_blocking(move || shelf.remove(&name)).await;
        removed.map_err(|error| ApiError::Internal(error.to_string()))?
    };
    if removed? {
        tracing::info!(voice = id, "A voice was removed");
        return Ok(Json(json!({ "id": id, "removed": true })));
    }
    let engine = Route::parse(&id).engine;
    if state.voices(&live).iter().any(|one| one.id == id)
        || state.studio.scheduler().pools().engines().contains(&id)
    {
        return Err(ApiError::VoiceFixed { id, origin: format!("engine {engine:?}, which brings it") });
    }
    Err(unknown(&id))
}

/// A listing with what is known besides.
fn told(state: &AppState, live: &Live, listing: &Listing) -> Value {
    let sent = state.shelf.get(&listing.id).filter(|_| !live.voices.is_configured(&listing.id));
    let standing = sent.as_ref().and_then(|_| state.shelf.standing(&listing.id));
    let (condition, reason) = condition(listing, standing, state.studio.scheduler().pools());
    let mut told = match serde_json::to_value(listing) {
        Ok(Value::Object(told)) => told,
        _ => Map::new(),
    };
    let tags = sent.as_ref().map(|meta| meta.tags.clone()).unwrap_or_default();
    told.insert("tags".into(), tags.into());
    told.insert("uploaded".into(), sent.is_some().into());
    told.insert("audio_ms".into(), sent.map_or(Value::Null, |meta| meta.audio_ms.into()));
    told.insert("state".into(), condition.into());
    told.insert("reason".into(), reason.into());
    told.insert("preview".into(), format!("/api/voices/{}/preview", encoded(&listing.id)).into());
    Value::Object(told)
}

/// `ready`, `preparing` or `failed`, and then why.
fn condition(listing: &Listing, standing: Option<Standing>, pools: &Pools) -> (&'static str, Option<String>) {
    if let Some(Standing::Refused(reason)) = standing {
        return ("failed", Some(reason));
    }
    let mut condition = ("ready", None);
    for engine in listing.engines.values() {
        if let Some(failure) = pools.failure(engine) {
            return ("failed", Some(format!("engine {engine:?} cannot be used: {failure}")));
        }
        if pools.get(engine).is_none() {
            return ("failed", Some(format!("engine {engine:?} is switched off")));
        }
        match pools.ready(engine) {
            None => condition = ("preparing", None),
            Some(_) if standing == Some(Standing::Waiting) => condition = ("preparing", None),
            Some(ready)
                if listing.kind == "cloned" && !ready.voices.iter().any(|voice| voice.id == listing.id) =>
            {
                let reason = format!("engine {engine:?} left it out; the log says why");
                return ("failed", Some(reason));
            }
            Some(_) => {}
        }
    }
    condition
}

/// A name as one part of a path.
fn encoded(id: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
    let part = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    id.bytes().map(part).collect()
}
