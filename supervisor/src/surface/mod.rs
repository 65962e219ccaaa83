//! HTTP. Every surface is a thin translator: an utterance in, a stream out.

mod answer;
mod api;
mod asked;
mod body;
mod console;
#[cfg(test)]
mod documented;
mod edge;
mod elevenlabs;
mod encoded;
mod error;
mod health;
mod jobs;
mod live;
mod metrics;
mod openai;
mod openapi;
mod request;
mod serve;
mod state;
mod wyoming;

use axum::{
    Router,
    response::IntoResponse,
    routing::{get, post},
};

pub use api::{Previews, Uploads};
pub use error::ApiError;
pub use jobs::{casting, wording};
pub use live::{InForce, Live};
pub use serve::{Http, make_room};
pub use state::{AppState, Shared};
pub use wyoming::Wyoming;

/// What is answered while environments are still being made: the process is there, and asks for patience.
pub fn starting(live: &InForce) -> Router {
    let not_yet = || async { ApiError::Starting.into_response() };
    let router = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/", get(console::page))
        .route("/console/{version}/{file}", get(console::file))
        .fallback(not_yet);
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
        .route("/api/jobs", get(jobs::list).post(jobs::submit))
        .route("/api/jobs/{id}", get(jobs::job).delete(jobs::delete))
        .route("/api/jobs/{id}/events", get(jobs::events))
        .route("/api/jobs/{id}/audio", get(jobs::audio))
        .route("/v1/text-to-speech/{voice}", post(elevenlabs::whole))
        .route("/v1/text-to-speech/{voice}/stream", post(elevenlabs::stream))
        .route("/v1/text-to-speech/{voice}/with-timestamps", post(elevenlabs::whole_with_timestamps))
        .route("/v1/text-to-speech/{voice}/stream/with-timestamps", post(elevenlabs::stream_with_timestamps))
        .route("/v1/text-to-speech/{voice}/stream-input", get(elevenlabs::stream_input))
        .route("/v1/voices", get(elevenlabs::voices))
        .route("/v1/voices/{voice}", get(elevenlabs::voice))
        .route("/v2/voices", get(elevenlabs::voices_by_page))
        .route("/v1/audio/speech", post(openai::speech))
        .route("/v1/audio/voices", get(openai::voices))
        .route("/v1/audio/models", get(openai::audio_models))
        .route("/v1/models", get(openai::models))
        .route("/v1/models/{model}", get(openai::model))
        .route("/openapi.json", get(openapi::document))
        .route("/docs", get(openapi::page_without_slash))
        .route("/docs/", get(openapi::page))
        .route("/docs/{*file}", get(openapi::file))
        .route("/", get(console::page))
        .route("/console/{version}/{file}", get(console::file))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .fallback(|| async { ApiError::NoSuchRoute.into_response() })
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed.into_response() });
    edge::around(router, &state.live).with_state(state)
}
