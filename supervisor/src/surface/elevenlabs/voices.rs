//! Our voices as these clients list them.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::error;
use crate::{
    surface::{ApiError, AppState},
    voices::{CastError, Listing},
};

/// `GET /v1/voices`.
pub(in crate::surface) async fn voices(State(state): State<AppState>) -> Json<Value> {
    Json(json!({ "voices": listed(&state).iter().map(shown).collect::<Vec<_>>() }))
}

/// `GET /v2/voices`: all of them on one page; `search` picks those whose names have the words in them.
pub(in crate::surface) async fn voices_by_page(
    State(state): State<AppState>,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    let wanted = query.get("search").map(|search| search.to_lowercase()).unwrap_or_default();
    let is_wanted = |voice: &&Listing| voice.id.to_lowercase().contains(&wanted);
    let voices: Vec<Value> = listed(&state).iter().filter(is_wanted).map(shown).collect();
    Json(json!({ "total_count": voices.len(), "voices": voices, "has_more": false, "next_page_token": null }))
}

/// `GET /v1/voices/{voice}`.
pub(in crate::surface) async fn voice(State(state): State<AppState>, Path(voice): Path<String>) -> Response {
    if let Some(listing) = listed(&state).iter().find(|listing| listing.id == voice) {
        return Json(shown(listing)).into_response();
    }
    let name = voice.chars().take(80).collect();
    error::answer(ApiError::Cast(CastError::UnknownVoice(name))).await
}

fn listed(state: &AppState) -> Vec<Listing> {
    let pools = state.studio.scheduler().pools();
    state.live.now().voices.list(&|engine| pools.ready(engine))
}

fn shown(listing: &Listing) -> Value {
    let languages = listing.languages.join(", ");
    let models = listing.engines.iter().map(|(language, engine)| {
        json!({ "language": language, "model_id": engine, "accent": null, "locale": null, "preview_url": null })
    });
    json!({
        "voice_id": listing.id,
        "name": listing.name,
        "category": if listing.kind == "cloned" { "cloned" } else { "premade" },
        "description": null,
        "labels": { "language": languages },
        "preview_url": null,
        "samples": [],
        "settings": null,
        "available_for_tiers": [],
        "high_quality_base_model_ids": [],
        "verified_languages": models.collect::<Vec<_>>(),
    })
}
