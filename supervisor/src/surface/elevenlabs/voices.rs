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
    Json(json!({ "voices": state.voices(&state.live.now()).iter().map(shown).collect::<Vec<_>>() }))
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
    let voices = state.voices(&state.live.now());
    let voices: Vec<Value> = voices.iter().filter(|voice| is_found(voice, &wanted)).map(shown).collect();
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
    if let Some(listing) = state.voices(&state.live.now()).iter().find(|listing| listing.id == voice) {
        return Json(shown(listing)).into_response();
    }
    error::answer(CastError::unknown_voice(&voice).into()).await
}

/// Whether a voice is called, for requests or for people, by something that has this in it, which is in lower case.
fn is_found(voice: &Listing, wanted: &str) -> bool {
    [&voice.id, &voice.name].into_iter().any(|name| name.to_lowercase().contains(wanted))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_is_found_by_both_of_its_names() {
        let voice = Listing {
            id: "anna".into(),
            name: "Tante Änne".into(),
            languages: vec!["de".into()],
            engines: [("de".to_owned(), "f5".to_owned())].into(),
            kind: "cloned",
        };
        for (wanted, is) in [("", true), ("ann", true), ("änne", true), ("tante", true), ("otto", false)] {
            assert_eq!(is_found(&voice, wanted), is, "{wanted}");
        }
    }
}
