//! The last net: a handler that panics is a mistake of ours, and its client gets an answer all the same.

use std::any::Any;

use axum::response::{IntoResponse, Response};

use crate::surface::ApiError;

/// What is answered. The panic itself has told the log where it was; its words are nobody else's business.
#[expect(clippy::needless_pass_by_value, reason = "called as the layer calls it")]
pub(super) fn answer(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!("A handler panicked: {}", text.unwrap_or("without a word"));
    ApiError::Internal("an internal error; the server's log tells more".into()).into_response()
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, extract::Request, routing::get};
    use http_body_util::BodyExt;
    use tower::ServiceExt;
    use tower_http::catch_panic::CatchPanicLayer;

    #[tokio::test]
    async fn a_panic_is_answered_and_its_words_are_not() {
        let broken = get(|| async {
            let empty: Vec<u8> = Vec::new();
            empty.first().copied().expect("the secret thing").to_string()
        });
        let router = Router::new().route("/", broken).layer(CatchPanicLayer::custom(super::answer));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), 500);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(told["error"]["code"], "internal");
        assert!(!told.to_string().contains("secret"), "{told}");
    }
}
