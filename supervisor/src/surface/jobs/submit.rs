//! `POST /api/jobs`: a long text is taken in.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Extension, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::task::spawn_blocking;

use super::{
    jobs,
    request::{JobRequest, idempotency_key},
    standing::JobStanding,
};
use crate::{
    jobs::{Jobs, NewJob, outline},
    surface::{ApiError, AppState, body, edge::Access, openapi::answers},
};

/// Up to so many characters a text is looked through at once; a longer one by a thread of its own.
const SHORT: usize = 2000;
/// What of a body is no text: names, options, addresses.
const BESIDE: usize = 64 << 10;
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replay");

/// Takes a long text in, to be spoken when there is time, whatever happens meanwhile.
#[utoipa::path(
    post,
    path = "/api/jobs",
    tag = "jobs",
    params(("Idempotency-Key" = Option<String>, Header, description = "A name for this request: sent again under it, \
        it is answered with the job that is there.", example = "book-7")),
    request_body(content = JobRequest, description = "What to speak, and how."),
    responses(
        (status = 202, description = "It is taken in, and on the disk.", body = JobStanding,
            headers(("Location" = String, description = "Where it can be looked at."))),
        (status = 200, description = "It was taken in before, under the same key.", body = JobStanding,
            headers(("Idempotent-Replay" = String, description = "`true`."),
                ("Location" = String, description = "Where it can be looked at."))),
        answers::Untaken,
    ),
)]
pub(in crate::surface) async fn submit(
    State(state): State<AppState>,
    Extension(access): Extension<Access>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let jobs = jobs(&state)?;
    let key = idempotency_key(&headers)?;
    // A character takes four bytes, or six if it is escaped.
    let most = jobs.config().max_text_chars.saturating_mul(6).saturating_add(BESIDE);
    let body = body::json(&headers, body, most, state.live.kept().limits.body_timeout).await?;
    let config = jobs.config().clone();
    let parse = move || JobRequest::parse(&body, &config);
    let request = if most > BESIDE * 2 { blocking(parse).await? } else { parse() }?;
    let owner = match access {
        Access::Key(name) => Some(name.as_str().to_owned()),
        Access::Open | Access::Nobody => None,
    };
    take_in(jobs, request.into_job(owner, key)).await
}

/// Looks whether a job can be spoken, and takes it in.
pub(super) async fn take_in(jobs: &Arc<Jobs>, new: NewJob) -> Result<Response, ApiError> {
    let casting = Arc::clone(jobs.casting());
    let is_short = new.book.characters() <= SHORT;
    let outlined = move || {
        let outline = outline(&new.order, &new.book, &casting)?;
        Ok::<_, ApiError>(new.outlined(outline))
    };
    let new = if is_short { outlined() } else { blocking(outlined).await? }?;
    let (job, is_new) = jobs.submit(new).await?;
    let location = HeaderValue::from_str(&format!("/api/jobs/{}", job.id));
    let standing = JobStanding::with_estimate(jobs, job).await?;
    let status = if is_new { StatusCode::ACCEPTED } else { StatusCode::OK };
    let mut response = (status, Json(standing)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    if !is_new {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    spawn_blocking(work).await.map_err(|lost| ApiError::Internal(lost.to_string()))
}
