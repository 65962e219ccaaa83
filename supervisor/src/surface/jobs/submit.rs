//! `POST /api/jobs`: a long text is taken in.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{Extension, Query as UrlQuery, RawQuery, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use tokio::{sync::SemaphorePermit, task::spawn_blocking};

use super::{
    described::{Epub, JobForm, JobQuery, JobRequest},
    jobs,
    request::{Asked, idempotency_key},
    standing::JobStanding,
    upload::{self, BESIDE, Shape, Upload, media_type, shape},
};
use crate::{
    jobs::{Jobs, NewJob, outline},
    surface::{ApiError, AppState, api::fields::invalid, body, edge::Access, openapi::answers},
};

/// Up to so many characters a text is looked through at once; a longer one by a thread of its own.
const SHORT: usize = 2000;
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replay");

/// Takes a long text in, to be spoken when there is time, whatever happens meanwhile.
#[utoipa::path(
    post,
    path = "/api/jobs",
    tag = "jobs",
    params(("Idempotency-Key" = Option<String>, Header, description = "A name for this request: sent again under it, \
        it is answered with the job that is there.", example = "book-7"), JobQuery),
    request_body(description = "What to speak, and how: a text or chapters as JSON; a book in a form; or a book as it is, and \
        the fields as parameters of the query.",
        content(
            (JobRequest = "application/json"),
            (JobForm = "multipart/form-data"),
            (String = "text/plain", example = "Chapter 1\n\nIt was a bright cold day."),
            (String = "text/markdown", example = "# Chapter one\n\nIt was a bright cold day."),
            (Epub = "application/epub+zip"),
        )),
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
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let shape = shape(media_type(&headers)).ok_or(ApiError::NoBook)?;
    let is_file = shape != Shape::Json;
    let sent = Sent { access, query, headers, body };
    match taken(&state, shape, sent).await {
        // What is wrong with its text is wrong with the file.
        Err(error) if is_file && !matches!(error, ApiError::InvalidField { .. }) => {
            Ok(error.answer(|param| if param == "text" { "file".to_owned() } else { param }))
        }
        taken => taken,
    }
}

/// A request, in parts.
struct Sent {
    access: Access,
    query: Option<String>,
    headers: HeaderMap,
    body: Body,
}

async fn taken(state: &AppState, shape: Shape, sent: Sent) -> Result<Response, ApiError> {
    let Sent { access, query, headers, body } = sent;
    let jobs = jobs(state)?;
    let key = idempotency_key(&headers)?;
    let patience = state.live.kept().limits.body_timeout;
    let most = jobs.config().max_upload_bytes();
    let asked = match shape {
        Shape::Json => of_json(jobs, &headers, body, patience).await?,
        Shape::Form(boundary) => {
            if query.is_some_and(|query| !query.is_empty()) {
                return Err(invalid("query", "with a form, every field stands in the form"));
            }
            let place = upload::place().await?;
            of_upload(jobs, upload::form((&headers, body), boundary, most, patience).await?, place).await?
        }
        Shape::Raw(kind) => {
            let query = fields_of(query.as_deref())?;
            let place = upload::place().await?;
            of_upload(jobs, upload::raw((&headers, &query, body), kind, most, patience).await?, place).await?
        }
    };
    let owner = match access {
        Access::Key(name) => Some(name.as_str().to_owned()),
        Access::Open | Access::Nobody => None,
    };
    take_in(jobs, asked.into_job(owner, key)).await
}

async fn of_json(
    jobs: &Arc<Jobs>,
    headers: &HeaderMap,
    body: Body,
    patience: Duration,
) -> Result<Asked, ApiError> {
    // A character takes four bytes, or six if it is escaped.
    let most = jobs.config().max_text_chars.saturating_mul(6).saturating_add(BESIDE);
    let body = body::json(headers, body, most, patience).await?;
    let config = jobs.config().clone();
    let parse = move || Asked::of_json(&body, &config);
    if most > BESIDE * 2 { blocking(parse).await? } else { parse() }
}

/// Reads a book.
async fn of_upload(
    jobs: &Arc<Jobs>,
    upload: Upload,
    place: SemaphorePermit<'static>,
) -> Result<Asked, ApiError> {
    let config = jobs.config().clone();
    let read = move || {
        let _place = place;
        Asked::of_upload(upload, &config)
    };
    match spawn_blocking(read).await {
        Ok(asked) => asked,
        // A reader that fell over its file, which is then no book; the log has its words.
        Err(error) if error.is_panic() => Err(invalid("file", "the file cannot be read: it is damaged")),
        Err(error) => Err(ApiError::Internal(error.to_string())),
    }
}

/// A query's fields in their order.
fn fields_of(query: Option<&str>) -> Result<Vec<(String, String)>, ApiError> {
    let uri = Uri::builder().path_and_query(format!("/?{}", query.unwrap_or_default())).build();
    let uri = uri.map_err(|error| invalid("query", error.to_string()))?;
    let read = UrlQuery::<Vec<(String, String)>>::try_from_uri(&uri);
    Ok(read.map_err(|error| invalid("query", error.body_text()))?.0)
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
    jobs.check_options(&new)?;
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
