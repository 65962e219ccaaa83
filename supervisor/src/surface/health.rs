//! Whether the process answers, whether it can speak, and how much it has to do.

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderName, StatusCode},
    response::{IntoResponse, Response},
};
use ishowtts_workers::lifecycle;
use serde_json::json;

use super::{
    AppState,
    edge::Access,
    openapi::{answers, schemas},
};

/// The process answers.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "server",
    security(()),
    responses((status = 200, description = "It does.", body = String, content_type = "text/plain", example = "ok\n"),
        answers::Refused),
)]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// How much is asked of the busiest device: work that is needed to have all audio in time, over what it can do.
const LOAD: HeaderName = HeaderName::from_static("x-load");

/// Tells whether the server can speak.
///
/// Every required engine has a worker that was heard speaking, when it became ready and whenever it was tried since;
/// else 503 and what is missing. Why an engine was given up may name files and settings, which is told to those alone
/// who may ask for the rest as well. While the server ends, it finishes what it has and takes nothing new: 503.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "server",
    security(()),
    responses(
        answers::Refused,
        (status = 200, description = "Every required engine can speak.", body = schemas::Readiness,
            headers(("X-Load" = f64, description = "How much is asked of the busiest device, over what it can do."))),
        (status = 503, description = "An engine cannot, or the server is ending.", body = schemas::Readiness,
            headers(("X-Load" = f64, description = "How much is asked of the busiest device, over what it can do.")),
            example = json!({ "ready": false, "missing": { "piper": "starting" } })),
    ),
)]
pub(super) async fn readyz(State(state): State<AppState>, Extension(access): Extension<Access>) -> Response {
    let pools = state.studio.scheduler().pools();
    let live = state.live.kept();
    let mut missing: serde_json::Map<_, _> = live
        .required
        .iter()
        .filter(|engine| pools.is_on(engine) && !pools.speaks(engine))
        .map(|engine| {
            let starting = || {
                let state = |state: lifecycle::State| state.label();
                let found = pools.get(engine).and_then(|pool| pool.statuses().into_iter().next());
                found.map_or("not started", |(_, status)| state(status.state)).to_owned()
            };
            let failure = pools.failure(engine).map(|why| match access {
                Access::Nobody => "failed".to_owned(),
                Access::Key(_) | Access::Open => why,
            });
            (engine.clone(), json!(failure.unwrap_or_else(starting)))
        })
        .collect();
    if state.studio.scheduler().is_draining() {
        missing.insert("server".into(), json!("draining"));
    }
    let status = if missing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let load = state.studio.scheduler().load().devices.into_iter().map(|(_, load)| load).fold(0.0, f64::max);
    let load = [(LOAD, format!("{load:.2}"))];
    (status, load, Json(json!({ "ready": missing.is_empty(), "missing": missing }))).into_response()
}
