//! The body of a request, checked.

use serde_json::{Map, Value};

use crate::{
    config::Limits,
    surface::{
        ApiError,
        api::fields::{Fields, invalid},
    },
};

/// What a client may send.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Body {
    pub(super) text: String,
    pub(super) speed: f64,
    pub(super) seed: Option<u64>,
}

impl Body {
    /// Reads and checks a body. Fields that mean nothing here are not looked at.
    pub(super) fn parse(body: &[u8], limits: &Limits) -> Result<Self, ApiError> {
        let mut fields = Fields::parse(body)?;
        let text = fields.string("text")?.unwrap_or_default();
        if text.is_empty() {
            return Err(invalid("text", "text is missing or empty"));
        }
        let length = text.chars().count();
        if length > limits.max_text_chars {
            return Err(ApiError::TextTooLong { length, most: limits.max_text_chars });
        }
        let speed = speed(&fields.object("voice_settings")?)?.unwrap_or(1.0);
        Ok(Self { text, speed, seed: fields.integer("seed", 0, u64::MAX)? })
    }
}

/// `speed` among the settings of a voice. The others are of models that are not here.
pub(super) fn speed(settings: &Map<String, Value>) -> Result<Option<f64>, ApiError> {
    match settings.get("speed") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let speed = value.as_f64().filter(|speed| (0.25..=4.0).contains(speed));
            let wrong =
                || invalid("voice_settings.speed", "voice_settings.speed must be a number from 0.25 to 4");
            speed.map(Some).ok_or_else(wrong)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_nothing_here_is_ignored_and_what_is_wrong_is_named() {
        let limits = Limits { max_text_chars: 10, ..Limits::default() };
        let sent = r#"{"text":"hi","model_id":"eleven_v3","voice_settings":{"stability":0.5,"speed":1.2},"seed":7,
            "previous_text":"x","language_code":null}"#;
        let body = Body::parse(sent.as_bytes(), &limits).unwrap();
        assert_eq!(body, Body { text: "hi".into(), speed: 1.2, seed: Some(7) });
        for (sent, code) in [
            ("{}", "invalid_field"),
            (r#"{"text":5}"#, "invalid_field"),
            (r#"{"text":"hi","voice_settings":{"speed":"fast"}}"#, "invalid_field"),
            (r#"{"text":"hi","voice_settings":[]}"#, "invalid_field"),
            (r#"{"text":"hi","seed":-1}"#, "invalid_field"),
            (r#"{"text":"hello world"}"#, "text_too_long"),
            ("[", "invalid_json"),
        ] {
            assert_eq!(Body::parse(sent.as_bytes(), &limits).unwrap_err().code(), code, "{sent}");
        }
    }
}
