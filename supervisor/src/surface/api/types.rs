//! The body of `POST /api/tts`, checked.

use std::time::Duration;

use serde_json::{Map, Value};

use super::fields::{Fields, invalid};
use crate::{
    config::Limits,
    speech::{Format, Priority},
    surface::ApiError,
};

/// Longest `engine_options`, as JSON: an engine has a handful of numbers and words to be told. They go to a worker with
/// every segment, on a line that has a longest length.
const LONGEST_OPTIONS: usize = 16 << 10;
/// Longest name of a voice; mixtures of an engine's voices are the longest.
const LONGEST_VOICE: usize = 256;

/// What a client may send.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TtsRequest {
    pub(super) text: String,
    pub(super) voice: Option<String>,
    pub(super) format: Format,
    pub(super) sample_rate: Option<u32>,
    pub(super) stream: bool,
    pub(super) speed: f64,
    pub(super) seed: Option<u64>,
    pub(super) priority: Priority,
    pub(super) deadline: Option<Duration>,
    pub(super) options: Map<String, Value>,
}

impl TtsRequest {
    /// Reads and checks a body.
    pub(super) fn parse(body: &[u8], limits: &Limits) -> Result<Self, ApiError> {
        let mut fields = Fields::parse(body)?;
        let text = fields.string("text")?;
        let request = Self {
            text: text.unwrap_or_default(),
            voice: fields.string("voice_id")?,
            format: fields.choice("format", Format::NAMES)?.unwrap_or(Format::Wav),
            sample_rate: fields.integer("sample_rate", 8_000, 48_000)?.and_then(|rate| rate.try_into().ok()),
            stream: fields.boolean("stream")?.unwrap_or(false),
            speed: fields.number("speed", 0.25, 4.0)?.unwrap_or(1.0),
            seed: fields.integer("seed", 0, u64::MAX)?,
            priority: fields
                .choice("priority", &Priority::ALL.map(|class| (class.label(), class)))?
                .unwrap_or(Priority::Interactive),
            // An hour: nobody means longer, and it fits every clock.
            deadline: fields.integer("deadline_ms", 1, 3_600_000)?.map(Duration::from_millis),
            options: fields.object("engine_options")?,
        };
        fields.finish()?;
        if request.text.is_empty() {
            return Err(invalid("text", "text is missing or empty"));
        }
        if request.voice.as_ref().is_some_and(|voice| voice.len() > LONGEST_VOICE) {
            return Err(invalid("voice_id", format!("voice_id must have at most {LONGEST_VOICE} bytes")));
        }
        // Measured as it is written to a worker: `1e15` is longer there.
        if serde_json::to_string(&request.options).map_or(usize::MAX, |options| options.len())
            > LONGEST_OPTIONS
        {
            let message = format!("engine_options must have at most {LONGEST_OPTIONS} bytes as JSON");
            return Err(invalid("engine_options", message));
        }
        let length = request.text.chars().count();
        if length > limits.max_text_chars {
            return Err(ApiError::TextTooLong { length, most: limits.max_text_chars });
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { max_text_chars: 10, ..Limits::default() }
    }

    fn refused(body: &str) -> (String, Option<String>) {
        match TtsRequest::parse(body.as_bytes(), &limits()).unwrap_err() {
            ApiError::InvalidField { param, .. } => ("invalid_field".into(), Some(param)),
            other => (other.code(), None),
        }
    }

    #[test]
    fn a_plain_request_has_the_usual_defaults() {
        let request = TtsRequest::parse("{\"text\":\"你好\"}".as_bytes(), &limits()).unwrap();
        assert_eq!((request.format, request.stream, request.speed), (Format::Wav, false, 1.0));
        assert_eq!(request.priority, Priority::Interactive);
        assert_eq!((request.voice, request.seed, request.deadline), (None, None, None));
    }

    #[test]
    fn every_wrong_field_is_named() {
        for (body, param) in [
            (r#"{"text":5}"#, "text"),
            ("{}", "text"),
            (r#"{"text":""}"#, "text"),
            (r#"{"text":"a","speed":9}"#, "speed"),
            (r#"{"text":"a","speed":"fast"}"#, "speed"),
            (r#"{"text":"a","sample_rate":1.5}"#, "sample_rate"),
            (r#"{"text":"a","format":"ogg"}"#, "format"),
            (r#"{"text":"a","stream":"yes"}"#, "stream"),
            (r#"{"text":"a","seed":-1}"#, "seed"),
            (r#"{"text":"a","priority":"high"}"#, "priority"),
            (r#"{"text":"a","deadline_ms":0}"#, "deadline_ms"),
            (r#"{"text":"a","engine_options":[]}"#, "engine_options"),
            (r#"{"text":"a","voice":"walter"}"#, "voice"),
        ] {
            assert_eq!(refused(body), ("invalid_field".into(), Some(param.into())), "{body}");
        }
        let numbers = vec!["1e15"; 2000].join(",");
        let long = format!(r#"{{"text":"a","engine_options":{{"tone":{{"x":[{numbers}]}}}}}}"#);
        assert_eq!(refused(&long), ("invalid_field".into(), Some("engine_options".into())));
        let mixture = vec!["tone"; 100].join("+");
        let long = format!(r#"{{"text":"a","voice_id":"tone:{mixture}"}}"#);
        assert_eq!(refused(&long), ("invalid_field".into(), Some("voice_id".into())));
        assert_eq!(refused("{\"text\":").0, "invalid_json");
        assert_eq!(refused("[]").0, "invalid_json");
        assert_eq!(refused(r#"{"text":"12345678901"}"#).0, "text_too_long");
    }
}
