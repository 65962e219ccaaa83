//! Which pages of other origins a browser lets read our answers: those of `[cors] origins`.

use std::time::Duration;

use axum::{
    extract::Request,
    http::{HeaderName, Method, header, request::Parts},
};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer, ExposeHeaders};

use crate::surface::live::{InForce, Live};

/// How long a browser may remember that a page may ask. A reload that takes the page off the list waits no longer.
const REMEMBERED: Duration = Duration::from_mins(10);

/// Answers preflights, and tells browsers who may read. Keys come in headers, never in cookies, so no credentials.
pub(super) fn layer(live: &InForce) -> CorsLayer {
    let live = live.clone();
    let allowed = AllowOrigin::predicate(move |origin, _: &Parts| {
        origin.to_str().is_ok_and(|origin| live.now().cors.allows(origin))
    });
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(ExposeHeaders::list(TOLD))
        .max_age(REMEMBERED)
}

/// Headers of ours that a page may read.
const TOLD: [HeaderName; 13] = [
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
pub(super) fn is_preflight<B>(live: &Live, request: &Request<B>) -> bool {
    let headers = request.headers();
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && origin.is_some_and(|origin| live.cors.allows(origin))
}
