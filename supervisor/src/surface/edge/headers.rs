//! How much a request may write before its body. What is far beyond it never gets here: hyper answers 431 itself.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::surface::{ApiError, live::InForce};

/// Refuses a request whose line and headers are too long.
pub(super) async fn check(State(live): State<InForce>, request: Request, next: Next) -> Response {
    let most = live.now().limits.max_header_bytes;
    // A header's line: name, colon, space, value, CR and LF. What a request line has besides its address is short.
    let written = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        name.as_str().len() + value.len() + 4
    };
    let uri = request.uri();
    let address = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let length = address + request.headers().iter().map(written).sum::<usize>();
    if length > most {
        return ApiError::HeadersTooLarge(most).into_response();
    }
    next.run(request).await
}
