//! HTTP. Every surface is a thin translator: an utterance in, a stream out.

mod api;
mod body;
mod edge;
mod error;
mod health;
mod live;
mod metrics;
mod request;
mod serve;
mod state;

use axum::{
    Router,
    response::IntoResponse,
    routing::{get, post},
};

pub use api::{Previews, Uploads};
pub use error::ApiError;
pub use live::{InForce, Live};
pub use serve::{Http, make_room};
pub use state::{AppState, Shared};

/// What is answered while environments are still being made: the process is there, and asks for patience.
pub fn starting(live: &InForce) -> Router {
    let not_yet = || async { ApiError::Starting.into_response() };
    let router = Router::new().route("/healthz", get(health::healthz)).fallback(not_yet);
    edge::around(router, live)
}

/// The route table. [`Http`] serves it, and tells it the peers' addresses, since every request has a client.
pub fn router(state: AppState) -> Router {
    let router = Router::new()
        .route("/api/tts", post(api::synthesize))
        .route("/api/voices", get(api::voices).post(api::add_voice))
        .route("/api/voices/{id}", get(api::voice).delete(api::remove_voice))
        .route("/api/voices/{id}/preview", get(api::preview))
        .route("/api/status", get(api::status))
        .route("/api/engines/{name}/restart", post(api::restart))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .fallback(|| async { ApiError::NoSuchRoute.into_response() })
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed.into_response() });
    edge::around(router, &state.live).with_state(state)
}
