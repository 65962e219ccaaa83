//! Our voices as these clients list them.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, Query, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    described::{LabelledVoice, LabelledVoices, VoicePage},
    error,
};
use crate::{
    surface::{ApiError, AppState, openapi::answers},
    voices::{CastError, Listing},
};

/// Lists the voices, as `ElevenLabs`' clients read them.
#[utoipa::path(
    get,
    path = "/v1/voices",
    operation_id = "elevenlabs_voices",
    tag = "elevenlabs",
    responses((status = 200, description = "The voices.", body = LabelledVoices), answers::Refused),
)]
pub(in crate::surface) async fn voices(State(state): State<AppState>) -> Json<Value> {
    Json(json!({ "voices": listed(&state).iter().map(shown).collect::<Vec<_>>() }))
}

/// Lists the voices on one page.
#[utoipa::path(
    get,
    path = "/v2/voices",
    operation_id = "elevenlabs_voice_page",
    tag = "elevenlabs",
    params(("search" = Option<String>, Query, description = "Only those whose names have this in them.",
        example = "walter")),
    responses((status = 200, description = "The voices.", body = VoicePage), answers::Refused),
)]
pub(in crate::surface) async fn voices_by_page(
    State(state): State<AppState>,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    let wanted = query.get("search").map(|search| search.to_lowercase()).unwrap_or_default();
    let is_wanted = |voice: &&Listing| voice.id.to_lowercase().contains(&wanted);
    let voices: Vec<Value> = listed(&state).iter().filter(is_wanted).map(shown).collect();
    Json(json!({ "total_count": voices.len(), "voices": voices, "has_more": false, "next_page_token": null }))
}

/// Tells of one voice, as `ElevenLabs`' clients read it.
#[utoipa::path(
    get,
    path = "/v1/voices/{voice}",
    operation_id = "elevenlabs_voice",
    tag = "elevenlabs",
    params(("voice" = String, Path, description = "The voice.", example = "walter")),
    responses((status = 200, description = "The voice.", body = LabelledVoice), answers::DetailedMissing),
)]
pub(in crate::surface) async fn voice(
    State(state): State<AppState>,
    voice: Result<Path<String>, PathRejection>,
) -> Response {
    let Ok(Path(voice)) = voice else { return error::answer(ApiError::NoSuchRoute).await };
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
