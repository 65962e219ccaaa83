//! Which pages of other origins a browser lets read our answers: those of `[cors] origins`.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderName, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer, ExposeHeaders};

use super::admission;
use crate::surface::{
    ApiError,
    live::{InForce, Live},
};

/// How long a browser may remember that a page may ask. A reload that takes the page off the list waits no longer.
const REMEMBERED: Duration = Duration::from_mins(10);

/// Pages of other origins: which there are, and what is told to their browsers.
#[derive(Clone)]
pub(super) struct Pages {
    live: InForce,
    told: CorsLayer,
}

impl Pages {
    /// Those that are in force. Keys come in headers, never in cookies, so browsers need lend no credentials.
    pub(super) fn new(live: &InForce) -> Self {
        let now = live.clone();
        let allowed = AllowOrigin::predicate(move |origin, _: &Parts| {
            origin.to_str().is_ok_and(|origin| now.now().cors.allows(origin))
        });
        let told = CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(ExposeHeaders::list(TOLD))
            .max_age(REMEMBERED);
        Self { live: live.clone(), told }
    }
}

/// Answers preflights, and tells browsers who may read an answer. To everybody but a browser that asks for a page that
/// may, OPTIONS is a method that no route has, and a key is asked for before that is told.
pub(super) async fn check(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS && !is_preflight(&pages.live.now(), &request) {
        let decided = admission::decide(&pages.live.now(), &request);
        return decided.err().unwrap_or(ApiError::MethodNotAllowed).into_response();
    }
    if !request.headers().contains_key(header::ORIGIN) {
        return next.run(request).await;
    }
    let inner = service_fn(move |request| {
        let next = next.clone();
        async move { Ok::<_, Infallible>(next.run(request).await) }
    });
    pages.told.layer(inner).oneshot(request).await.unwrap_or_else(|never| match never {})
}

/// Headers of ours that a page may read.
const TOLD: [HeaderName; 17] = [
    header::ACCEPT_RANGES,
    header::CONTENT_RANGE,
    header::ETAG,
    header::LOCATION,
    header::CONTENT_LENGTH,
    header::RETRY_AFTER,
    HeaderName::from_static("retry-after-ms"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-sample-rate"),
    HeaderName::from_static("x-engine"),
    HeaderName::from_static("x-voice"),
    HeaderName::from_static("x-cache"),
    HeaderName::from_static("x-elapsed-ms"),
    HeaderName::from_static("x-rtf"),
    HeaderName::from_static("x-audio-ms"),
    HeaderName::from_static("x-queue-wait-ms"),
    HeaderName::from_static("x-skipped-characters"),
];

/// Whether a browser asks on behalf of a page that is allowed.
fn is_preflight<B>(live: &Live, request: &Request<B>) -> bool {
    let headers = request.headers();
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && origin.is_some_and(|origin| live.cors.allows(origin))
}
