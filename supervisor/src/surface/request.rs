//! Every request has an id: the client's own if it is fit to be logged, else a fresh one.

use std::sync::{
    LazyLock,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};

use crate::traces::Caller;

/// The header that carries it, both ways.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is taken from a client.
const LONGEST: usize = 128;

/// A request's id and its client's trace, as handlers find them among the extensions.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) Caller);

/// Gives the request its id and puts it on the answer.
pub(super) async fn identify(mut request: Request, next: Next) -> Response {
    let theirs = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let fit = |id: &&str| {
        // Nothing that ends a word or a line of a log.
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        (1..=LONGEST).contains(&id.len()) && id.bytes().all(plain)
    };
    let id = theirs.filter(fit).map_or_else(fresh, str::to_owned);
    let caller = Caller::new(id.clone(), request.headers());
    request.extensions_mut().insert(RequestId(caller));
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// An id that nobody has had.
pub(super) fn fresh() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // Told apart from those of other processes by a number drawn at the first request, from each other by the count.
    static PROCESS: LazyLock<u32> = LazyLock::new(rand::random);
    format!("{:08x}-{:x}", *PROCESS, NEXT.fetch_add(1, Ordering::Relaxed))
}
