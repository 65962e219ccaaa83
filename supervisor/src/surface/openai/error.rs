//! Our errors, about the fields of this surface.

use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::surface::ApiError;

/// An error whose `param` is a field as `OpenAI` calls it.
pub(in crate::surface) struct OpenAiError(pub(super) ApiError);

impl OpenAiError {
    /// As JSON, the way it stands in an answer.
    pub(super) fn told(&self) -> Value {
        self.0.told(field)
    }
}

impl<E: Into<ApiError>> From<E> for OpenAiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for OpenAiError {
    fn into_response(self) -> Response {
        self.0.answer(field)
    }
}

fn field(param: String) -> String {
    match param.as_str() {
        "text" => "input".into(),
        "voice_id" => "voice".into(),
        _ => param,
    }
}
