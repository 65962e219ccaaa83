//! The body of `POST /api/tts`, checked.

use std::time::Duration;

use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::fields::{Fields, invalid};
use crate::{
    config::Limits,
    speech::{Format, Markup, Priority},
    surface::{
        ApiError,
        openapi::names::{FormatName, PriorityName},
    },
};

/// Longest `engine_options`, as JSON: an engine has a handful of numbers and words to be told. They go to a worker with
/// every segment, on a line that has a longest length.
const LONGEST_OPTIONS: usize = 16 << 10;
/// Longest name of a voice; mixtures of an engine's voices are the longest.
const LONGEST_VOICE: usize = 256;

/// What a client may send; no other field is taken.
#[derive(Clone, Debug, PartialEq, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct TtsRequest {
    /// What to speak; at most `[limits] max_text_chars` characters.
    #[schema(min_length = 1, example = "Hello from iShowTTS.")]
    pub(super) text: String,
    /// A voice, `engine`, `engine:voice`, or a mixture such as `one(2)+other`; `auto` is the default voice of each part's language.
    #[schema(rename = "voice_id", default = "auto", example = "auto")]
    pub(super) voice: Option<String>,
    /// Format of the audio.
    #[schema(value_type = Option<FormatName>, default = "wav", example = "wav")]
    pub(super) format: Format,
    /// Samples per second of the answer; the engine's own if it is not told.
    #[schema(minimum = 8_000, maximum = 48_000, example = 24_000)]
    pub(super) sample_rate: Option<u32>,
    /// Send the audio as it is made.
    #[schema(value_type = Option<bool>, default = false, example = false)]
    pub(super) stream: bool,
    /// Speaking rate; 2 takes half the time.
    #[schema(value_type = Option<f64>, minimum = 0.25, maximum = 4.0, default = 1.0, example = 1.0)]
    pub(super) speed: f64,
    /// Seed of engines that draw at random; made of the request if it is not told.
    #[schema(minimum = 0, example = 7)]
    pub(super) seed: Option<u64>,
    /// Who comes first when workers are scarce.
    #[schema(value_type = Option<PriorityName>, default = "interactive", example = "interactive")]
    pub(super) priority: Priority,
    /// Milliseconds after which the work is no longer wanted, from the arrival of the request.
    #[schema(rename = "deadline_ms", value_type = Option<u64>, minimum = 1, maximum = 3_600_000, example = 30_000)]
    pub(super) deadline: Option<Duration>,
    /// Options of the engines; docs/api.md lists them.
    #[schema(rename = "engine_options", value_type = Option<BTreeMap<String, Value>>, example = json!({}))]
    pub(super) options: Map<String, Value>,
    /// Whether the text is SSML; it is if it begins with `<speak`, unless this says that it is not.
    #[schema(rename = "ssml", value_type = Option<bool>, example = false)]
    pub(super) markup: Markup,
    /// Whether numbers, dates and units reach the engine as words; as its configuration says if it is not told.
    #[schema(example = true)]
    pub(super) normalise: Option<bool>,
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
            markup: match fields.boolean("ssml")? {
                None => Markup::Told,
                Some(true) => Markup::Ssml,
                Some(false) => Markup::None,
            },
            normalise: fields.boolean("normalise")?,
        };
        fields.finish()?;
        if request.text.is_empty() {
            return Err(invalid("text", "text is missing or empty"));
        }
        check_voice(request.voice.as_deref())?;
        check_options(&request.options)?;
        let length = request.text.chars().count();
        if length > limits.max_text_chars {
            return Err(ApiError::TextTooLong { length, most: limits.max_text_chars });
        }
        Ok(request)
    }
}

/// Looks whether a voice's name may be one.
pub(in crate::surface) fn check_voice(voice: Option<&str>) -> Result<(), ApiError> {
    if voice.is_some_and(|voice| voice.len() > LONGEST_VOICE) {
        return Err(invalid("voice_id", format!("voice_id must have at most {LONGEST_VOICE} bytes")));
    }
    Ok(())
}

/// Looks whether options fit on their line to a worker.
pub(in crate::surface) fn check_options(options: &Map<String, Value>) -> Result<(), ApiError> {
    // Measured as it is written there: `1e15` is longer.
    if serde_json::to_string(options).map_or(usize::MAX, |options| options.len()) > LONGEST_OPTIONS {
        let message = format!("engine_options must have at most {LONGEST_OPTIONS} bytes as JSON");
        return Err(invalid("engine_options", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

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
    fn the_description_has_the_fields_that_are_read() {
        let described = serde_json::to_value(TtsRequest::schema()).unwrap();
        let properties: Vec<&str> =
            described["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let told = TtsRequest::parse(br#"{"text":"a","nonsense":1}"#, &limits()).unwrap_err().to_string();
        let (_, fields) = told.rsplit_once("the fields are ").unwrap();
        let mut fields: Vec<&str> = fields.split(", ").collect();
        fields.sort_unstable();
        let mut properties = properties;
        properties.sort_unstable();
        assert_eq!(properties, fields);
        assert_eq!(described["required"], serde_json::json!(["text"]));
    }

    #[test]
    fn a_plain_request_has_the_usual_defaults() {
        let request = TtsRequest::parse("{\"text\":\"你好\"}".as_bytes(), &limits()).unwrap();
        assert_eq!((request.format, request.stream, request.speed), (Format::Wav, false, 1.0));
        assert_eq!(request.priority, Priority::Interactive);
        assert_eq!((request.voice, request.seed, request.deadline), (None, None, None));
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        let seed = |number: &str| {
            let body = format!(r#"{{"text":"a","seed":{number}}}"#);
            TtsRequest::parse(body.as_bytes(), &limits())
                .map(|request| request.seed)
                .map_err(|error| error.code())
        };
        for (written, read) in [("7.0", 7), ("7e3", 7_000), ("0.0", 0), ("18446744073709551615", u64::MAX)] {
            assert_eq!(seed(written), Ok(Some(read)), "{written}");
        }
        for wrong in ["7.5", "-1.0", "1e17", "18446744073709551616"] {
            assert_eq!(seed(wrong), Err("invalid_field".into()), "{wrong}");
        }
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
            (r#"{"text":"a","ssml":"yes"}"#, "ssml"),
            (r#"{"text":"a","normalise":1}"#, "normalise"),
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
