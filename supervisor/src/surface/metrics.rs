//! What Prometheus scrapes.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use super::{ApiError, AppState, openapi::answers};
use crate::{jobs::JobState, metrics::Metrics, schedule::Load, speech::Priority};

/// Tells Prometheus all families, as text.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "server",
    responses((status = 200, description = "Prometheus text.", body = String, content_type = "text/plain",
        example = "ishowtts_accepting 1\n"), answers::Refused),
)]
pub(super) async fn metrics(State(state): State<AppState>) -> Response {
    let pools = state.studio.scheduler().pools();
    let workers: Vec<_> = pools.iter().flat_map(|pool| pool.statuses()).collect();
    state.metrics.observe_workers(&workers);
    for pool in pools.iter() {
        state.metrics.observe_restarts(pool.engine(), pools.ends(pool.engine()));
        // There from the start: the first event would be no increase of what was not there before.
        state.metrics.observe_recovery(pool.engine(), 0, 0);
    }
    observe_load(&state.metrics, &state.studio.scheduler().load());
    for (engine, done_again) in state.studio.scheduler().recoveries().iter() {
        state.metrics.observe_recovery(engine, done_again.retries, done_again.quarantined);
    }
    if let Ok(jobs) = &state.jobs {
        // What the store cannot tell now stays as it was.
        if let Ok(totals) = jobs.totals().await {
            let states = JobState::ALL.iter().map(|state| state.label());
            state.metrics.observe_jobs(states.zip(totals.jobs), totals.bytes);
        }
    }
    if let Some(link) = state.cluster.as_ref().map(|cluster| &cluster.link) {
        state.metrics.observe_cluster(&link.cluster().name, link.is_up());
    }
    state.metrics.observe_gpus(&state.gpus.latest());
    match state.metrics.render() {
        Ok((media_type, text)) => ([(header::CONTENT_TYPE, media_type)], text).into_response(),
        Err(error) => ApiError::Internal(format!("could not render the metrics: {error}")).into_response(),
    }
}

/// Brings the families of the scheduler up to date.
fn observe_load(metrics: &Metrics, load: &Load) {
    for (device, load) in &load.devices {
        metrics.load.with_label_values(&[device.as_str()]).set(*load);
    }
    for (class, count) in
        [(Priority::Interactive, load.waiting.interactive), (Priority::Batch, load.waiting.batch)]
    {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        metrics.queue_segments.with_label_values(&[class.label()]).set(count);
    }
}
