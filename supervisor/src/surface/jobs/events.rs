//! `GET /api/jobs/{id}/events`: how a job goes on, as server-sent events.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Extension, Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, sleep, timeout},
};
use utoipa::ToSchema;

use super::{find, jobs, standing::JobStanding};
use crate::{
    jobs::{Change, Job, JobId, Jobs},
    surface::{ApiError, AppState, edge::Access, openapi::answers},
};

/// Events of a job that goes on quickly come no closer together.
const APART: Duration = Duration::from_millis(200);
/// So long without news it is looked anew: another node may have done something, or time alone (an estimate).
const LOOK: Duration = Duration::from_secs(2);
/// So long without an event, a comment tells that we are still there.
const SILENT: Duration = Duration::from_secs(15);

/// An event.
#[derive(ToSchema)]
#[expect(dead_code, reason = "events are written by hand; this is their description")]
pub(in crate::surface) struct JobEvent {
    /// `job` whenever something has changed; `removed` if it is gone.
    #[schema(example = "job")]
    event: String,
    /// The job as JSON.
    #[schema(example = r#"{"id":"0197a2c4e8f01122334455667788aabb","state":"running"}"#)]
    data: String,
}

/// Tells how a job goes on, from now to its end.
#[utoipa::path(
    get,
    path = "/api/jobs/{id}/events",
    operation_id = "watch_job",
    tag = "jobs",
    params(("id" = String, Path, description = "Which job.", example = "0197a2c4e8f01122334455667788aabb")),
    responses(
        (status = 200, description = "Events until the job is over: the job as it stands now, and whenever something has \
            changed.", body = JobEvent, content_type = "text/event-stream"),
        answers::Missing,
    ),
)]
pub(in crate::surface) async fn events(
    State(state): State<AppState>,
    Extension(access): Extension<Access>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let jobs = Arc::clone(jobs(&state)?);
    // First of all: nothing is missed between a look and the next change.
    let news = jobs.changes();
    let job = find(&jobs, &id, &access).await?;
    let watcher =
        Watcher { jobs, news, id: job.id.clone(), next: Some(job), told: String::new(), is_over: false };
    let body = futures_util::stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((Ok::<_, Infallible>(Frame::data(event)), watcher))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::new(StreamBody::new(body))).into_response())
}

struct Watcher {
    jobs: Arc<Jobs>,
    news: Receiver<Change>,
    id: JobId,
    /// A look that was taken already.
    next: Option<Job>,
    told: String,
    is_over: bool,
}

impl Watcher {
    /// The next event or comment; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        let silent_until = Instant::now() + SILENT;
        loop {
            let job = match self.next.take() {
                Some(job) => Some(job),
                None => self.jobs.store().job(&self.id).await.ok()?,
            };
            let Some(job) = job else {
                self.is_over = true;
                return Some(format!("event: removed\ndata: {{\"id\":\"{}\"}}\n\n", self.id).into());
            };
            let is_over = job.state.is_over();
            let standing = JobStanding::with_estimate(&self.jobs, job).await.ok()?;
            let data = serde_json::to_string(&standing).ok()?;
            if data != self.told {
                self.is_over = is_over;
                self.told = data;
                return Some(format!("event: job\ndata: {}\n\n", self.told).into());
            }
            sleep(APART).await;
            self.wait().await;
            if Instant::now() >= silent_until {
                return Some(Bytes::from_static(b": still there\n\n"));
            }
        }
    }

    /// Waits until the job has changed, or it is time to look.
    async fn wait(&mut self) {
        let until = Instant::now() + LOOK;
        loop {
            match timeout(until.saturating_duration_since(Instant::now()), self.news.recv()).await {
                Ok(Ok(change)) if change.id != self.id => {}
                Ok(Err(RecvError::Closed)) => return sleep(LOOK).await,
                Ok(_) | Err(_) => return,
            }
        }
    }
}
