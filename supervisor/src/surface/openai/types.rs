//! The body of `POST /v1/audio/speech`, checked.

use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    config::Limits,
    speech::Format,
    surface::{
        ApiError,
        api::fields::{Fields, invalid},
        openapi::names::{FormatName, StreamFormat},
    },
};

/// What `OpenAI`'s clients send. Fields that are not listed are ignored.
#[derive(Clone, Debug, PartialEq, ToSchema)]
#[schema(as = SpeechRequest)]
pub(in crate::surface) struct SpeechRequest {
    /// What to speak; at most `[limits] max_text_chars` characters.
    #[schema(min_length = 1, example = "Hello from iShowTTS.")]
    pub(super) input: String,
    /// `tts-1`, `tts-1-hd`, `gpt-4o-mini-tts`, an engine, or a name from `[openai] models`.
    #[schema(example = "tts-1")]
    pub(super) model: Option<String>,
    /// One of `OpenAI`'s voices, of ours, or a name from `[openai] voices`; as a string or as `{"id": …}`.
    #[schema(value_type = Option<VoiceName>)]
    pub(super) voice: Option<String>,
    /// Accepted and ignored: no engine takes instructions.
    #[schema(example = "Speak calmly.")]
    pub(super) instructions: Option<String>,
    /// Format of the audio. `pcm` has 24,000 samples a second, signed 16 bit little endian, mono.
    #[schema(value_type = Option<FormatName>, default = "mp3", example = "wav")]
    pub(super) response_format: Format,
    /// Speaking rate.
    #[schema(value_type = Option<f64>, minimum = 0.25, maximum = 4.0, default = 1.0, example = 1.0)]
    pub(super) speed: f64,
    /// The audio itself, or events that carry it.
    #[schema(value_type = Option<StreamFormat>, default = "audio", example = "audio")]
    pub(super) stream_format: StreamFormat,
}

/// A voice by its name, or as `{"id": …}`.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is read by hand, for errors that name the field; this is its description")]
#[schema(example = "alloy")]
pub(in crate::surface) enum VoiceName {
    /// The name.
    Name(String),
    /// The name in an object, as for voices that `OpenAI` calls custom.
    Custom {
        /// The name.
        #[schema(example = "walter")]
        id: String,
    },
}

impl SpeechRequest {
    /// Reads and checks a body.
    pub(super) fn parse(body: &[u8], limits: &Limits) -> Result<Self, ApiError> {
        let mut fields = Fields::parse(body)?;
        let formats = [("audio", StreamFormat::Audio), ("sse", StreamFormat::Sse)];
        let request = Self {
            input: fields.string("input")?.unwrap_or_default(),
            model: fields.string("model")?,
            voice: fields.string_or("voice", "a string, or an object with the string id", |value| {
                value.get("id").and_then(Value::as_str).map(str::to_owned)
            })?,
            instructions: fields.string("instructions")?,
            response_format: fields.choice("response_format", Format::NAMES)?.unwrap_or(usual()),
            speed: fields.number("speed", 0.25, 4.0)?.unwrap_or(1.0),
            stream_format: fields.choice("stream_format", &formats)?.unwrap_or(StreamFormat::Audio),
        };
        if request.input.is_empty() {
            return Err(invalid("input", "input is missing or empty"));
        }
        let length = request.input.chars().count();
        if length > limits.max_text_chars {
            return Err(ApiError::TextTooLong { length, most: limits.max_text_chars });
        }
        Ok(request)
    }
}

/// What clients get who ask for no format: MP3, or Opus from a build without it.
fn usual() -> Format {
    Format::parse("mp3").unwrap_or(Format::Opus)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<SpeechRequest, ApiError> {
        SpeechRequest::parse(body.as_bytes(), &Limits { max_text_chars: 10, ..Limits::default() })
    }

    #[test]
    fn a_plain_request_has_openais_defaults_and_what_nobody_knows_is_ignored() {
        let request = parse(r#"{"input":"hi","model":"tts-1","voice":"alloy","user":7}"#).unwrap();
        assert_eq!((request.response_format, request.stream_format), (usual(), StreamFormat::Audio));
        assert_eq!((request.speed, request.voice.as_deref()), (1.0, Some("alloy")));
    }

    #[test]
    fn a_voice_may_stand_in_an_object() {
        let voice =
            |voice: &str| parse(&format!(r#"{{"input":"hi","voice":{voice}}}"#)).map(|request| request.voice);
        assert_eq!(voice(r#"{"id":"nova"}"#).unwrap().as_deref(), Some("nova"));
        assert_eq!(voice("null").unwrap(), None);
        for wrong in ["5", "[]", r#"{"name":"nova"}"#, r#"{"id":5}"#] {
            let ApiError::InvalidField { param, message } = voice(wrong).unwrap_err() else {
                panic!("{wrong}")
            };
            assert_eq!(param, "voice");
            assert!(message.contains("a string, or an object with the string id"), "{message}");
        }
    }

    #[test]
    fn every_wrong_field_is_named() {
        for (body, wrong) in [
            ("{}", "input"),
            (r#"{"input":""}"#, "input"),
            (r#"{"input":["hi"]}"#, "input"),
            (r#"{"input":"hi","model":1}"#, "model"),
            (r#"{"input":"hi","instructions":{}}"#, "instructions"),
            (r#"{"input":"hi","response_format":"ogg"}"#, "response_format"),
            (r#"{"input":"hi","speed":4.5}"#, "speed"),
            (r#"{"input":"hi","stream_format":"ws"}"#, "stream_format"),
        ] {
            match parse(body).unwrap_err() {
                ApiError::InvalidField { param, .. } => assert_eq!(param, wrong, "{body}"),
                other => panic!("{body}: {other}"),
            }
        }
        assert_eq!(parse(r#"{"input":"12345678901"}"#).unwrap_err().code(), "text_too_long");
        assert_eq!(parse("speak").unwrap_err().code(), "invalid_json");
    }
}
