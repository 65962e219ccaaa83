//! What a client says on a WebSocket, checked.

use serde_json::{Map, Value};

use super::{query::without_scheme, request::speed};
use crate::surface::{
    ApiError,
    api::fields::{Fields, invalid},
};

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    /// More of the text; empty: that was all of it.
    pub(super) text: String,
    /// What has come so far is spoken, complete or not.
    pub(super) flush: bool,
    /// Speaking rate, if it is told; the first message's counts.
    pub(super) speed: Option<f64>,
    /// What is shown as a key.
    pub(super) key: Option<String>,
}

impl Message {
    /// Reads and checks one. Fields that mean nothing here are not looked at: `try_trigger_generation` and
    /// `generation_config` tell when to speak, which is as soon as a clause is complete.
    pub(super) fn parse(said: &[u8]) -> Result<Self, ApiError> {
        let mut fields = Fields::parse(said)?;
        let text = fields.string("text")?;
        let closes = fields.boolean("close_socket")?.unwrap_or(false);
        let flush = fields.boolean("flush")?.unwrap_or(false);
        let settings: Map<String, Value> = fields.object("voice_settings")?;
        let mut shown = |name| {
            let key = fields.string(name)?;
            Ok::<_, ApiError>(key.map(|key| without_scheme(&key).to_owned()).filter(|key| !key.is_empty()))
        };
        let key = match shown("xi_api_key")? {
            Some(key) => Some(key),
            None => match shown("xi-api-key")? {
                Some(key) => Some(key),
                None => shown("authorization")?,
            },
        };
        let text = match text {
            Some(text) => text,
            None if closes => String::new(),
            // A flush alone adds no text, and is not the end.
            None if flush => " ".into(),
            None => return Err(invalid("text", "text is missing; an empty one ends the text")),
        };
        Ok(Self { text, flush, speed: speed(&settings)?, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_clients_are_read() {
        let first = r#"{"text":" ","try_trigger_generation":true,"voice_settings":{"speed":1.1,"stability":0.5},
            "generation_config":{"chunk_length_schedule":[50]},"xi_api_key":"k"}"#;
        let first = Message::parse(first.as_bytes()).unwrap();
        assert_eq!(
            first,
            Message { text: " ".into(), flush: false, speed: Some(1.1), key: Some("k".into()) }
        );
        let read = |said: &str| Message::parse(said.as_bytes());
        assert_eq!(read(r#"{"text":""}"#).unwrap().text, "");
        assert!(read(r#"{"flush":true}"#).unwrap().flush);
        assert_eq!(read(r#"{"text":" ","authorization":"Bearer k"}"#).unwrap().key.as_deref(), Some("k"));
        assert_eq!(read(r#"{"text":"a","voice_settings":null}"#).unwrap().speed, None);
        for wrong in ["", "[]", "{}", r#"{"text":5}"#, r#"{"text":"a","flush":"yes"}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
