//! HTTP. Every surface is a thin translator: an utterance in, a stream out.

mod api;
mod body;
mod client;
mod error;
mod forwarded;
mod health;
mod metrics;
mod request;
mod state;

use std::sync::Arc;

use axum::{
    Router, middleware,
    response::IntoResponse,
    routing::{get, post},
};

pub use error::ApiError;
pub use state::{AppState, Shared};

/// What is answered while environments are still being made: the process is there, and asks for patience.
pub fn starting() -> Router {
    let not_yet = || async { ApiError::Starting.into_response() };
    Router::new()
        .route("/healthz", get(health::healthz))
        .fallback(not_yet)
        .layer(middleware::from_fn(request::identify))
}

/// The route table. It must be served with the peers' addresses (`ConnectInfo`), since every request has a client.
pub fn router(state: AppState) -> Router {
    let trusted: Arc<[_]> = state.server.trusted_proxies.as_slice().into();
    Router::new()
        .route("/api/tts", post(api::synthesize))
        .route("/api/voices", get(api::voices))
        .route("/api/status", get(api::status))
        .route("/api/engines/{name}/restart", post(api::restart))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .fallback(|| async { ApiError::NoSuchRoute.into_response() })
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed.into_response() })
        .layer(middleware::from_fn_with_state(trusted, client::recognise))
        .layer(middleware::from_fn(request::identify))
        .with_state(state)
}
