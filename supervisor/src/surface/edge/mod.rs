//! The edge: what every request has to pass before a handler sees it.
//!
//! ```text
//! request ─▶ id ─▶ panic net ─▶ other origins ─▶ size of headers ─▶ admission ─▶ client ─▶ handler
//! ```
//!
//! [`admission`] decides without touching anything: where there are API keys, whether this is one; where there are
//! none, whether a page of a foreign site has a browser ask. [`cors`] tells browsers which pages may read answers.

mod admission;
mod client;
mod cors;
mod forwarded;
mod headers;
mod host;
mod panic;

use axum::{
    Router,
    extract::{Request, State},
    http::header,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower_http::catch_panic::CatchPanicLayer;

pub(super) use admission::Access;

use super::{ApiError, live::InForce, request};
use crate::seldom::Seldom;

/// Routes that answer anybody: whoever watches over the server has no key, nor has a browser that opens the console.
/// They tell no more than that the server is there.
const FREE: [&str; 3] = ["/healthz", "/readyz", "/"];
/// Where the console's files are, which are free as well.
const FREE_FILES: &str = "/console/";

/// Puts the edge around all routes, those that do not exist among them.
pub(super) fn around<S: Clone + Send + Sync + 'static>(router: Router<S>, live: &InForce) -> Router<S> {
    router
        .layer(middleware::from_fn_with_state(live.clone(), admit))
        .layer(middleware::from_fn_with_state(live.clone(), headers::check))
        .layer(middleware::from_fn_with_state(cors::Pages::new(live), cors::check))
        .layer(CatchPanicLayer::custom(panic::answer))
        .layer(middleware::from_fn(request::identify))
}

/// Whether its key may come in the first message of a WebSocket, since many clients can set no headers there. Whoever
/// takes the connection over asks for it before anything else.
fn brings_its_key_later(request: &Request) -> bool {
    let path = request.uri().path();
    let upgrade = request.headers().get(header::UPGRADE).map(axum::http::HeaderValue::as_bytes);
    upgrade.is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"))
        && path.starts_with("/v1/text-to-speech/")
        && path.ends_with("/stream-input")
}

/// Lets a request in under its client's name, or answers it.
async fn admit(State(live): State<InForce>, mut request: Request, next: Next) -> Response {
    {
        let live = live.now();
        let path = request.uri().path();
        let is_free = FREE.contains(&path) || path.starts_with(FREE_FILES);
        let access = match admission::decide(&live, &request) {
            Ok(access) => access,
            Err(_) if is_free => Access::Nobody,
            Err(ApiError::Unauthorised { has_key: false }) if brings_its_key_later(&request) => {
                Access::Nobody
            }
            Err(error) => {
                told(&error);
                return error.into_response();
            }
        };
        client::recognise(&mut request, &access, &live.trusted_proxies);
        request.extensions_mut().insert(access);
    }
    next.run(request).await
}

/// Somebody who tries keys, or a client that lost its own, fills no log.
fn told(error: &ApiError) {
    static LAST: Seldom = Seldom::new(std::time::Duration::from_mins(1));
    if LAST.due(std::time::Instant::now()) {
        tracing::warn!(code = error.code(), "Turned away: {error} (told once a minute)");
    }
}
