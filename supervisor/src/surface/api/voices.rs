//! `GET /api/voices`.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::surface::{
    AppState,
    openapi::{answers, schemas},
};

/// Lists every voice, by the name that requests use.
#[utoipa::path(
    get,
    path = "/api/voices",
    tag = "speech",
    responses((status = 200, description = "The voices.", body = schemas::Voices), answers::Refused),
)]
pub(in crate::surface) async fn voices(State(state): State<AppState>) -> Json<Value> {
    let pools = state.studio.scheduler().pools();
    Json(json!({ "voices": state.live.now().voices.list(&|engine| pools.ready(engine)) }))
}
