//! The description of every route, generated from the code, and a page that shows it.
//!
//! Handlers carry their own description (`utoipa::path`), and what they read and answer carries its own (`ToSchema`).
//! [`answers`] has the errors that routes have in common, [`spoken`] the audio, [`schemas`] the answers that are put together by hand,
//! [`names`] the words that fields may hold, [`headers`] what headers look like, and [`viewer`] the page.

pub(super) mod answers;
mod headers;
pub(super) mod names;
pub(super) mod schemas;
pub(super) mod spoken;
mod viewer;

use std::sync::LazyLock;

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Document,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use headers::Headers;
pub(super) use viewer::{file, page, page_without_slash};

use super::{api, console, elevenlabs, health, jobs, metrics, openai};

/// Everything that is described.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "iShowTTS",
        description = "Text to speech. Every error is JSON with a stable code; docs/api.md lists them all.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "speech", description = "Text in, speech out, and who can speak it."),
        (name = "openai", description = "What clients of OpenAI's speech API ask for."),
        (name = "elevenlabs", description = "What clients of ElevenLabs ask for; docs/api.md tells of their WebSocket."),
        (name = "jobs", description = "Long texts that are spoken when there is time, whatever happens meanwhile."),
        (name = "server", description = "How the server is."),
    ),
    paths(
        api::synthesize::synthesize,
        api::voices::voices,
        api::voices::voice,
        api::voices::remove_voice,
        api::upload::add_voice,
        api::preview::preview,
        api::status::status,
        api::status::restart,
        openai::speech::speech,
        openai::voices::voices,
        openai::models::models,
        openai::models::model,
        openai::models::audio_models,
        elevenlabs::speak::whole,
        elevenlabs::speak::stream,
        elevenlabs::speak::whole_with_timestamps,
        elevenlabs::speak::stream_with_timestamps,
        elevenlabs::voices::voices,
        elevenlabs::voices::voice,
        elevenlabs::voices::voices_by_page,
        jobs::submit::submit,
        jobs::look::list,
        jobs::look::job,
        jobs::look::delete,
        jobs::events::events,
        jobs::audio::audio,
        health::healthz,
        health::readyz,
        metrics::metrics,
        document,
        viewer::page,
        console::page,
    ),
    components(schemas(
        answers::ErrorBody,
        answers::DetailedErrorBody,
        openai::sse::ServerSentEvent,
        openai::sse::SpeechEvent,
    )),
    modifiers(&Keys, &Headers),
    security((), ("bearer" = []), ("x_api_key" = []), ("xi_api_key" = [])),
)]
struct Description;

/// The three ways to show an API key.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key, where the server has keys; `ishowtts keys new NAME` makes one."));
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
        for (name, header) in [("x_api_key", "X-API-Key"), ("xi_api_key", "xi-api-key")] {
            let told = ApiKeyValue::with_description(header, "The same key, in a header of its own.");
            components.add_security_scheme(name, SecurityScheme::ApiKey(ApiKey::Header(told)));
        }
    }
}

/// Describes every route, as `OpenAPI` 3.1.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "server",
    responses(
        (status = 200, description = "This description.", body = Object, example = json!({ "openapi": "3.1.0" })),
        answers::Refused,
    ),
)]
pub(super) async fn document() -> Response {
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| {
        let text = Description::openapi().to_json();
        Bytes::from(text.expect("a description has only strings for keys"))
    });
    ([(header::CONTENT_TYPE, "application/json")], TEXT.clone()).into_response()
}

#[cfg(test)]
mod documented;
#[cfg(test)]
mod tests;
