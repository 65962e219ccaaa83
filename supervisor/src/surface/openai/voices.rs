//! `GET /v1/audio/voices`, in the shape that `Open WebUI` reads.

use std::collections::BTreeSet;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::names;
use crate::surface::{AppState, openapi::answers};

/// A voice by its name.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct AudioVoice {
    /// What `voice` calls it.
    #[schema(example = "walter")]
    id: String,
    /// For people.
    #[schema(example = "walter")]
    name: String,
}

/// All voices.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct AudioVoices {
    /// Ours first, then the names of `OpenAI`'s.
    voices: Vec<AudioVoice>,
}

/// Lists the voices.
///
/// Ours, then the names that `OpenAI`'s clients know and that the configuration gives.
#[utoipa::path(
    get,
    path = "/v1/audio/voices",
    operation_id = "openai_voices",
    tag = "openai",
    responses((status = 200, description = "The voices.", body = AudioVoices), answers::Refused),
)]
pub(in crate::surface) async fn voices(State(state): State<AppState>) -> Json<AudioVoices> {
    let live = state.live.now();
    let mut voices: Vec<_> = state
        .voices(&live)
        .into_iter()
        .map(|listing| AudioVoice { id: listing.id, name: listing.name })
        .collect();
    let ours: BTreeSet<String> = voices.iter().map(|voice| voice.id.clone()).collect();
    let known = names::VOICES.into_iter().chain(live.openai.voices.keys().map(String::as_str));
    let others: BTreeSet<&str> = known.filter(|name| !ours.contains(*name)).collect();
    voices.extend(others.into_iter().map(|name| AudioVoice { id: name.to_owned(), name: name.to_owned() }));
    Json(AudioVoices { voices })
}
