//! What Prometheus scrapes.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use super::{ApiError, AppState};
use crate::metrics::observe_worker;

/// The families as text, workers' states as they are now.
pub(super) async fn metrics(State(state): State<AppState>) -> Response {
    for pool in state.scheduler.pools().iter() {
        let statuses: Vec<_> = pool.statuses().collect();
        for (name, status) in &statuses {
            observe_worker(&state.metrics, name, status);
        }
        state.metrics.observe_restarts(pool.engine(), statuses.iter().map(|(_, status)| status));
    }
    match state.metrics.render() {
        Ok((media_type, text)) => ([(header::CONTENT_TYPE, media_type)], text).into_response(),
        Err(error) => ApiError::Internal(format!("could not render the metrics: {error}")).into_response(),
    }
}
