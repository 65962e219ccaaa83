//! Audio as server-sent events: `speech.audio.delta` for each piece, `speech.audio.done` at the end.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::error::OpenAiError;
use crate::{
    speech::Format,
    stream::{SpeechError, Stream},
    surface::{ApiError, answer, encoded::Encoded},
};

/// How long the audio is that counts as one token.
const TOKEN: Duration = Duration::from_millis(50);

/// What a request took, told with its last event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "they are the names of the contract")]
pub(in crate::surface) struct Usage {
    /// Characters (Unicode scalar values) of `input`.
    #[schema(example = 20)]
    pub(super) input_tokens: u64,
    /// Begun twentieths of a second of audio.
    #[schema(example = 32)]
    pub(super) output_tokens: u64,
    /// Both together.
    #[schema(example = 52)]
    pub(super) total_tokens: u64,
}

/// An event.
#[derive(ToSchema)]
#[expect(dead_code, reason = "events are written by hand; this is their description")]
pub(in crate::surface) struct ServerSentEvent {
    /// A `SpeechEvent` as JSON.
    #[schema(example = r#"{"type":"speech.audio.delta","audio":"SUQzBAAAAAAA"}"#)]
    data: String,
}

/// The `data` of an event.
#[derive(ToSchema)]
#[serde(tag = "type")]
#[expect(dead_code, reason = "events are written by hand; this is their description")]
pub(in crate::surface) enum SpeechEvent {
    /// A piece of the audio.
    #[serde(rename = "speech.audio.delta")]
    Delta {
        /// Its bytes in base64.
        #[schema(example = "SUQzBAAAAAAA")]
        audio: String,
    },
    /// All audio was sent.
    #[serde(rename = "speech.audio.done")]
    Done {
        /// What it took.
        usage: Usage,
    },
}

impl Usage {
    fn of(characters: usize, audio: Duration) -> Self {
        let input_tokens = u64::try_from(characters).unwrap_or(u64::MAX);
        let output_tokens = u64::try_from(audio.as_micros().div_ceil(TOKEN.as_micros())).unwrap_or(u64::MAX);
        Self { input_tokens, output_tokens, total_tokens: input_tokens.saturating_add(output_tokens) }
    }
}

/// The audio in events, as it is made. If it fails on the way an event tells the error, and the connection ends without
/// the final chunk.
pub(super) fn events(stream: Stream, format: Format, characters: usize) -> Result<Response, SpeechError> {
    let mut headers = answer::headers(&stream, format);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let begins = Telling::Goes(Box::new(Encoded::new(stream, format)?));
    let body = futures_util::stream::unfold(begins, move |telling| async move {
        match telling {
            Telling::Goes(mut encoded) => Some(match encoded.next().await {
                Some(Ok(audio)) => (Ok(delta(&audio)), Telling::Goes(encoded)),
                Some(Err(error)) => {
                    let told = OpenAiError::from(ApiError::from(error.clone())).told();
                    (Ok(event(&told)), Telling::Fails(error))
                }
                None => {
                    let usage = Usage::of(characters, encoded.audio());
                    let done = json!({ "type": "speech.audio.done", "usage": usage });
                    (Ok(event(&done)), Telling::Over)
                }
            }),
            Telling::Fails(error) => {
                // What was handed over before is sent now: a connection that fails at once takes it along.
                tokio::task::yield_now().await;
                Some((Err(error), Telling::Over))
            }
            Telling::Over => None,
        }
    });
    Ok((headers, Body::new(StreamBody::new(body))).into_response())
}

/// How far the telling has come.
enum Telling {
    Goes(Box<Encoded>),
    Fails(SpeechError),
    Over,
}

/// Audio goes through many hands in many pieces: it is written once, into its event.
fn delta(audio: &[u8]) -> Frame<Bytes> {
    const BEFORE: &str = r#"data: {"type":"speech.audio.delta","audio":""#;
    const BEHIND: &str = "\"}\n\n";
    let mut event = String::with_capacity(BEFORE.len() + audio.len().div_ceil(3) * 4 + BEHIND.len());
    event.push_str(BEFORE);
    STANDARD.encode_string(audio, &mut event);
    event.push_str(BEHIND);
    Frame::data(Bytes::from(event))
}

fn event(data: &Value) -> Frame<Bytes> {
    // JSON has no bare line ends, so one line holds it.
    Frame::data(Bytes::from(format!("data: {data}\n\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_counts_what_was_sent_and_what_was_heard() {
        let usage = |characters, milliseconds| Usage::of(characters, Duration::from_millis(milliseconds));
        assert_eq!(usage(2, 160), Usage { input_tokens: 2, output_tokens: 4, total_tokens: 6 });
        assert_eq!(usage(0, 100).output_tokens, 2);
        assert_eq!(usage(0, 101).output_tokens, 3);
    }
}
