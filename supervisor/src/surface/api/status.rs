//! `GET /api/status`, and the restart of an engine's workers.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use ishowtts_workers::WorkerStatus;
use serde_json::{Map, Value, json};

use super::recent::RecentRequest;
use crate::{
    VERSION,
    cluster::Link,
    config::Cloning,
    gpu::Reading,
    schedule::{Probed, Refusal},
    stream::milliseconds,
    surface::{
        ApiError, AppState,
        openapi::{answers, schemas},
    },
};

/// Tells of pools and workers, the queue, and what runs.
#[utoipa::path(
    get,
    path = "/api/status",
    tag = "server",
    responses((status = 200, description = "How the server is.", body = schemas::Status), answers::Refused),
)]
pub(in crate::surface) async fn status(State(state): State<AppState>) -> Json<Value> {
    let pools = state.studio.scheduler().pools();
    let engines: Map<_, _> = pools
        .engines()
        .iter()
        .map(|name| {
            let pool = pools.get(name);
            let ready = pools.ready(name);
            let workers: Vec<_> =
                pool.iter().flat_map(|pool| pool.statuses().into_iter().map(worker)).collect();
            let description = json!({
                "enabled": pool.is_some() || pools.unavailable(name).is_some(),
                "failure": pools.failure(name),
                "sample_rate": ready.as_ref().map(|ready| ready.sample_rate),
                "languages": ready.as_ref().map(|ready| ready.languages.clone()),
                "tier": ready.as_ref().map(|ready| ready.tier.clone()),
                "repeatable": ready.as_ref().map(|ready| ready.repeatable),
                "max_batch": ready.as_ref().map(|ready| ready.max_batch),
                "cloning": Cloning::of(name).map(cloning),
                "workers": workers,
                "probes": probes(&state.studio.scheduler().probes(name)),
            });
            (name.clone(), description)
        })
        .collect();
    let load = state.studio.scheduler().load();
    let devices: Map<_, _> =
        load.devices.iter().map(|(name, load)| (name.clone(), json!({ "load": load }))).collect();
    Json(json!({
        "version": VERSION,
        "uptime_s": state.started.elapsed().as_secs(),
        "requests_in_flight": state.studio.scheduler().in_flight(),
        "max_requests": state.live.now().limits.max_requests,
        "queue": { "interactive": load.waiting.interactive, "batch": load.waiting.batch },
        "streams": load.streams,
        "audio_bytes": load.audio_bytes,
        "devices": devices,
        "sandbox": pools.sandbox().told(),
        "gpus": state.gpus.latest().into_iter().map(|(device, found)| (device, gpu(found))).collect::<Map<_, _>>(),
        "engines": engines,
        "cluster": state.cluster.as_ref().map(|found| cluster(&found.link)),
        "recent": state.metrics.recent.latest().into_iter().map(RecentRequest::from).collect::<Vec<_>>(),
    }))
}

fn cluster(link: &Link) -> Value {
    json!({
        "name": link.cluster().name,
        "connected": link.is_up(),
        "server": link.server(),
        "trouble": link.trouble(),
    })
}

fn cloning(asked: Cloning) -> Value {
    json!({
        "needs_transcript": asked.needs_transcript,
        "shortest_s": asked.shortest_s,
        "longest_s": asked.longest_s,
    })
}

/// What is not known is left out.
fn gpu(reading: Reading) -> Value {
    let values = [
        ("name", reading.name.map(Value::from)),
        ("clock_mhz", reading.clock_hz.map(|hertz| json!(hertz / 1_000_000))),
        ("load", reading.load.map(Value::from)),
        ("temperature_c", reading.temperature_c.map(Value::from)),
        ("power_w", reading.power_w.map(Value::from)),
        ("memory_used_bytes", reading.memory_used.map(Value::from)),
        ("memory_total_bytes", reading.memory_total.map(Value::from)),
    ];
    values.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect::<Map<_, _>>().into()
}

/// How the workers that take orders were tried last, by seat; `null` where that was not necessary yet.
fn probes(probes: &[Option<Probed>]) -> Value {
    let told = |probed: &Option<Probed>| {
        probed.as_ref().map(|probed| {
            json!({
                "ago_s": probed.at.elapsed().as_secs(),
                "took_ms": milliseconds(probed.took),
                "error": probed.error,
            })
        })
    };
    probes.iter().map(told).collect::<Vec<_>>().into()
}

fn worker((name, status): (String, WorkerStatus)) -> Value {
    json!({
        "worker": name,
        "spare": status.is_spare,
        "state": status.state.label(),
        "pid": status.pid,
        "restarts": status.lives.saturating_sub(1),
        "progress": status.progress.map(|(stage, fraction)| json!({ "stage": stage, "fraction": fraction })),
        "device": status.device,
        "warmup_ms": status.ready.as_ref().map(|ready| ready.warmup.elapsed_ms),
        "rss_bytes": status.memory.rss_bytes,
        "device_memory_bytes": status.memory.device_bytes,
        "recompiles": status.recompiles,
        "last_error": status.last_fault,
        "last_words": status.last_words,
    })
}

/// Replaces an engine's workers one by one; each finishes first what it is speaking.
#[utoipa::path(
    post,
    path = "/api/engines/{name}/restart",
    tag = "server",
    params(("name" = String, Path, description = "The engine.", example = "piper")),
    responses(
        (status = 202, description = "It has begun.", body = schemas::Restarting),
        answers::Missing,
    ),
)]
pub(in crate::surface) async fn restart(
    State(state): State<AppState>,
    name: Result<Path<String>, PathRejection>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let Ok(Path(name)) = name else { return Err(ApiError::NoSuchRoute) };
    let pools = std::sync::Arc::clone(state.studio.scheduler().pools());
    if !pools.engines().contains(&name) {
        return Err(ApiError::UnknownEngine(name.chars().take(80).collect()));
    }
    if pools.get(&name).is_none() {
        let refusal = match pools.unavailable(&name) {
            Some(reason) => Refusal::EngineFailed { engine: name, reason },
            None => Refusal::EngineDisabled { engine: name },
        };
        return Err(ApiError::Speech(refusal.into()));
    }
    let engine = name.clone();
    tokio::spawn(async move {
        if let Some(pool) = pools.get(&engine) {
            pool.restart().await;
        }
    });
    Ok((StatusCode::ACCEPTED, Json(json!({ "engine": name, "restarting": true }))))
}
