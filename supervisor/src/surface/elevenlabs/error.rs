//! Errors as these clients read them: beside `error`, which is the same on every surface, a `detail` with a status and a
//! message.

use axum::{
    Json,
    body::{Body, to_bytes},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::surface::ApiError;

/// More than any error takes.
const LONGEST: usize = 1 << 16;

/// Policy, too big, try again later, internal error (RFC 6455, 7.4.1, and its registry).
const POLICY: u16 = 1008;
const TOO_BIG: u16 = 1009;
const TRY_AGAIN: u16 = 1013;
const INTERNAL: u16 = 1011;

/// The answer to a request.
pub(super) async fn answer(error: ApiError) -> Response {
    let (head, body) = error.into_response().into_parts();
    let told = with_detail(body).await;
    (head.status, head.headers, Json(told)).into_response()
}

async fn with_detail(body: Body) -> Value {
    let body = to_bytes(body, LONGEST).await.unwrap_or_default();
    let mut told: Value = serde_json::from_slice(&body).unwrap_or_else(|_| json!({ "error": {} }));
    let detail = json!({ "status": told["error"]["code"], "message": told["error"]["message"] });
    if let Value::Object(fields) = &mut told {
        fields.insert("detail".into(), detail);
    }
    told
}

/// The last message on a WebSocket, and the code that it is closed with.
pub(super) fn farewell(error: ApiError) -> (Value, u16) {
    let (code, message) = (error.code(), told(&error));
    let status = error.into_response().status();
    let close = match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => TRY_AGAIN,
        StatusCode::PAYLOAD_TOO_LARGE => TOO_BIG,
        status if status.is_server_error() => INTERNAL,
        _ => POLICY,
    };
    (last(&code, &message, close), close)
}

/// The last message on a WebSocket that the client does not speak as it should.
pub(super) fn broken(message: &str, close: u16) -> Value {
    last("invalid_message", message, close)
}

fn last(code: &str, message: &str, close: u16) -> Value {
    let message: String = message.chars().take(500).collect();
    json!({ "message": message, "error": code, "code": close })
}

/// A body is a message here.
fn told(error: &ApiError) -> String {
    match error {
        ApiError::BodyTooLarge(most) => {
            format!("a message is longer than {most} bytes; send the text in several")
        }
        other => other.to_string(),
    }
}
