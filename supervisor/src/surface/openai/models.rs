//! `GET /v1/models`, and one of them.

use std::{
    sync::LazyLock,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{error::OpenAiError, names};
use crate::surface::{ApiError, AppState, openapi::answers};

/// A model: one of `OpenAI`'s names, or an engine.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct Model {
    /// What `model` calls it.
    #[schema(example = "tts-1")]
    id: String,
    /// Always `model`.
    #[schema(example = "model")]
    object: &'static str,
    /// Seconds since 1970. Nobody knows when a model was made: it is the moment when this was first asked for.
    #[schema(example = 1_764_000_000)]
    created: u64,
    /// Always `ishowtts`.
    #[schema(example = "ishowtts")]
    owned_by: &'static str,
}

/// All models.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct Models {
    /// Always `list`.
    #[schema(example = "list")]
    object: &'static str,
    /// The models, by name.
    data: Vec<Model>,
}

/// A model as `Open WebUI` reads it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct AudioModel {
    /// What `model` calls it.
    #[schema(example = "tts-1")]
    id: String,
    /// For people.
    #[schema(example = "tts-1")]
    name: String,
}

/// All models as `Open WebUI` reads them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct AudioModels {
    /// The models, by name.
    models: Vec<AudioModel>,
}

impl Model {
    fn named(id: String) -> Self {
        static FIRST: LazyLock<u64> =
            LazyLock::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()));
        Self { id, object: "model", created: *FIRST, owned_by: "ishowtts" }
    }
}

/// Names that can be listed: `OpenAI`'s, the configuration's, and engines that are switched on.
fn listed(state: &AppState) -> impl Iterator<Item = String> + use<> {
    let pools = state.studio.scheduler().pools();
    let engines: Vec<String> =
        pools.engines().iter().filter(|name| pools.get(name).is_some()).cloned().collect();
    names::models(&state.live.now().openai, &engines).into_iter()
}

/// Lists the models.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "openai",
    responses((status = 200, description = "The models.", body = Models), answers::Refused),
)]
pub(in crate::surface) async fn models(State(state): State<AppState>) -> Json<Models> {
    Json(Models { object: "list", data: listed(&state).map(Model::named).collect() })
}

/// Tells of one model.
#[utoipa::path(
    get,
    path = "/v1/models/{model}",
    tag = "openai",
    params(("model" = String, Path, description = "The model.", example = "tts-1")),
    responses((status = 200, description = "The model.", body = Model), answers::Missing),
)]
pub(in crate::surface) async fn model(
    State(state): State<AppState>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<Model>, OpenAiError> {
    let Ok(Path(name)) = name else { return Err(ApiError::NoSuchRoute.into()) };
    names::model(&state.live.now().openai, &state.studio.scheduler().pools().engines(), &name)?;
    Ok(Json(Model::named(name)))
}

/// Lists the models once more, as `Open WebUI` asks for them.
#[utoipa::path(
    get,
    path = "/v1/audio/models",
    tag = "openai",
    responses((status = 200, description = "The models.", body = AudioModels), answers::Refused),
)]
pub(in crate::surface) async fn audio_models(State(state): State<AppState>) -> Json<AudioModels> {
    let models = listed(&state).map(|id| AudioModel { name: id.clone(), id }).collect();
    Json(AudioModels { models })
}
