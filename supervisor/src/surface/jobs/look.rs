//! `GET /api/jobs`, `GET` and `DELETE /api/jobs/{id}`.

use axum::{
    Json,
    extract::{Extension, Path, Query as UrlQuery, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    find, jobs, scope,
    standing::{JobPage, JobStanding},
};
use crate::{
    jobs::{JobId, JobState, Query},
    surface::{ApiError, AppState, api::fields::invalid, edge::Access, openapi::answers},
};

/// Jobs on a page, unless it is told, and at most.
const USUAL: u32 = 100;
const MOST: u32 = 1000;

/// Which jobs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct Which {
    state: Option<String>,
    limit: Option<String>,
    before: Option<String>,
}

/// Lists jobs, the latest first: with keys, those that the key made and those made without one.
#[utoipa::path(
    get,
    path = "/api/jobs",
    tag = "jobs",
    params(
        ("state" = Option<String>, Query, description = "Only those in this state: `queued`, `running`, `done`, `failed` \
            or `cancelled`.", example = "running"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "At most so many; 100 if it is not told.",
            example = 100),
        ("before" = Option<String>, Query, description = "Only those made before this one: `next` of the page before.",
            example = "0197a2c4e8f01122334455667788aabb"),
    ),
    responses((status = 200, description = "A page of jobs.", body = JobPage), answers::Unlisted),
)]
pub(in crate::surface) async fn list(
    State(state): State<AppState>,
    Extension(access): Extension<Access>,
    which: Result<UrlQuery<Which>, QueryRejection>,
) -> Result<Json<JobPage>, ApiError> {
    let jobs = jobs(&state)?;
    let UrlQuery(which) = which.map_err(|error| invalid("query", error.body_text()))?;
    let state = which.state.as_deref().map(|name| {
        let found = JobState::ALL.into_iter().find(|state| state.label() == name);
        found.ok_or_else(|| invalid("state", "state must be one of queued, running, done, failed, cancelled"))
    });
    let limit = which.limit.as_deref().map(|limit| {
        let limit = limit.parse().ok().filter(|limit| (1..=MOST).contains(limit));
        limit.ok_or_else(|| invalid("limit", format!("limit must be a whole number from 1 to {MOST}")))
    });
    let before = which
        .before
        .as_deref()
        .map(|id| id.parse::<JobId>().map_err(|error| invalid("before", error.to_string())));
    let limit = limit.transpose()?.unwrap_or(USUAL);
    let query =
        Query { scope: scope(&access), state: state.transpose()?, before: before.transpose()?, limit };
    let found = jobs.list(query).await?;
    let is_full = u32::try_from(found.len()).is_ok_and(|count| count == limit);
    let next = found.last().filter(|_| is_full).map(|job| job.id.to_string());
    Ok(Json(JobPage { jobs: found.into_iter().map(JobStanding::of).collect(), next }))
}

/// Tells how a job stands.
#[utoipa::path(
    get,
    path = "/api/jobs/{id}",
    operation_id = "get_job",
    tag = "jobs",
    params(("id" = String, Path, description = "Which job.", example = "0197a2c4e8f01122334455667788aabb")),
    responses((status = 200, description = "The job.", body = JobStanding), answers::Missing),
)]
pub(in crate::surface) async fn job(
    State(state): State<AppState>,
    Extension(access): Extension<Access>,
    Path(id): Path<String>,
) -> Result<Json<JobStanding>, ApiError> {
    let jobs = jobs(&state)?;
    let job = find(jobs, &id, &access).await?;
    Ok(Json(JobStanding::with_estimate(jobs, job).await?))
}

/// Takes a job back that is not over yet; removes one that is, and its audio.
#[utoipa::path(
    delete,
    path = "/api/jobs/{id}",
    operation_id = "delete_job",
    tag = "jobs",
    params(("id" = String, Path, description = "Which job.", example = "0197a2c4e8f01122334455667788aabb")),
    responses(
        (status = 200, description = "It was taken back, and can still be looked at.", body = JobStanding),
        (status = 204, description = "It is gone."),
        answers::Missing,
    ),
)]
pub(in crate::surface) async fn delete(
    State(state): State<AppState>,
    Extension(access): Extension<Access>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let jobs = jobs(&state)?;
    let job = find(jobs, &id, &access).await?;
    Ok(match jobs.delete(&job).await? {
        Some(job) => Json(JobStanding::of(job)).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}
