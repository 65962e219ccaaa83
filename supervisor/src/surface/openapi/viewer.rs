//! `/docs`: Swagger UI, whose files are part of the program. Nothing is loaded from elsewhere.

use std::sync::{Arc, LazyLock};

use axum::{
    extract::{Path, rejection::PathRejection},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
};
use utoipa_swagger_ui::Config;

use super::answers;
use crate::surface::ApiError;

/// What the page may load: its own files, and the styles and pictures that its script makes.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      frame-ancestors 'none'; base-uri 'none'";

/// Shows this description to people.
#[utoipa::path(
    get,
    path = "/docs/",
    tag = "server",
    responses((status = 200, description = "A page for browsers.", body = String, content_type = "text/html",
        example = "<!DOCTYPE html>"), answers::Refused),
)]
pub(in crate::surface) async fn page() -> Response {
    embedded("")
}

/// The page names its files from where it stands, so it stands behind a slash.
pub(in crate::surface) async fn page_without_slash() -> Redirect {
    Redirect::permanent("/docs/")
}

/// The files of the page.
pub(in crate::surface) async fn file(name: Result<Path<String>, PathRejection>) -> Response {
    match name {
        Ok(Path(name)) => embedded(&name),
        Err(_) => ApiError::NoSuchRoute.into_response(),
    }
}

fn embedded(name: &str) -> Response {
    static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
        // The validator would be somebody else's machine.
        let config = Config::from("/openapi.json").validator_url("none").use_base_layout();
        Arc::new(config.persist_authorization(false).deep_linking(true))
    });
    match utoipa_swagger_ui::serve(name, Arc::clone(&CONFIG)) {
        Ok(Some(file)) => {
            let media_type = HeaderValue::from_str(&file.content_type);
            let media_type = media_type.unwrap_or(HeaderValue::from_static("application/octet-stream"));
            let headers = [
                (header::CONTENT_TYPE, media_type),
                (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
                (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")),
            ];
            (headers, file.bytes.into_owned()).into_response()
        }
        Ok(None) => ApiError::NoSuchRoute.into_response(),
        Err(error) => {
            ApiError::Internal(format!("could not show {name:?} of the viewer: {error}")).into_response()
        }
    }
}
