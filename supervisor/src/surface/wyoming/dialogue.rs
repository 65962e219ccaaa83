//! What the events of one connection mean. Pure: events in, steps out.
//!
//! ```text
//!            synthesize ▶ speak
//! Idle ──synthesize-start──▶ Writing ──synthesize-chunk ▶ more text ──▶ Writing
//!   ▲                           │ synthesize ▶ nothing: a copy of the whole text for servers that cannot stream
//!   └──────synthesize-stop──────┘ ▶ the text is complete
//! ```
//! Everything is forgotten with the end of an utterance. Events that we do not know are passed over.

use serde_json::{Map, Value};

use super::{codec::Event, error::Trouble};
use crate::surface::ApiError;

/// Who is to speak, as a client says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct VoiceWish {
    pub(super) name: Option<String>,
    pub(super) language: Option<String>,
    pub(super) speaker: Option<String>,
}

/// What is to be done about an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing.
    Pass,
    /// Tell what there is.
    Describe,
    /// Show that we are here.
    Pong(Option<String>),
    /// Speak a text.
    Speak { text: String, voice: VoiceWish },
    /// Speak a text that is still being written.
    Begin(VoiceWish),
    /// Some of it.
    More(String),
    /// All of it was written.
    Complete,
}

/// How far a connection's talk has come.
#[derive(Debug, Default)]
pub(super) struct Dialogue {
    /// Characters of the text that is being written, if one is.
    writing: Option<usize>,
}

impl Dialogue {
    /// Whether a text is being written.
    pub(super) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Understands an event. Texts have at most `max_text_chars` characters.
    pub(super) fn hear(&mut self, mut event: Event, max_text_chars: usize) -> Result<Step, Trouble> {
        let fits = |length: usize| {
            let too_long = ApiError::TextTooLong { length, most: max_text_chars };
            if length > max_text_chars { Err(Trouble::from(too_long)) } else { Ok(()) }
        };
        let data = &mut event.data;
        Ok(match event.kind.as_str() {
            "describe" => Step::Describe,
            "ping" => Step::Pong(string(data, "text")?),
            "synthesize" if self.is_writing() => Step::Pass,
            "synthesize" => {
                let voice = voice(data, &["text", "ssml"])?;
                let text = text(data)?;
                fits(text.chars().count())?;
                Step::Speak { text, voice }
            }
            "synthesize-start" => {
                let voice = voice(data, &["text"])?;
                self.writing = Some(0);
                Step::Begin(voice)
            }
            "synthesize-chunk" => {
                let written = self.writing.as_mut().ok_or(Trouble::OutOfOrder("synthesize-chunk"))?;
                let text = text(data)?;
                *written += text.chars().count();
                fits(*written)?;
                Step::More(text)
            }
            "synthesize-stop" => {
                self.writing.take().ok_or(Trouble::OutOfOrder("synthesize-stop"))?;
                Step::Complete
            }
            _ => Step::Pass,
        })
    }
}

fn invalid(param: &str, message: String) -> Trouble {
    ApiError::InvalidField { param: param.to_owned(), message }.into()
}

fn string(data: &mut Map<String, Value>, key: &str) -> Result<Option<String>, Trouble> {
    match data.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(key, format!("{key} must be a string"))),
    }
}

fn text(data: &mut Map<String, Value>) -> Result<String, Trouble> {
    string(data, "text")?.ok_or_else(|| invalid("text", "text is missing".into()))
}

/// The voice that is asked for, of an event whose text, or the text behind it, has one of these formats. A whole text
/// tells by its beginning whether it is SSML; one that is still being written cannot be read as that.
fn voice(data: &mut Map<String, Value>, formats: &[&str]) -> Result<VoiceWish, Trouble> {
    if let Some(format) = string(data, "text_format")?.filter(|format| !formats.contains(&format.as_str())) {
        let format: String = format.chars().take(40).collect();
        let formats = formats.join(" or ");
        return Err(invalid("text_format", format!("text_format must be {formats} here, not {format:?}")));
    }
    let mut voice = match data.remove("voice") {
        None | Some(Value::Null) => return Ok(VoiceWish::default()),
        Some(Value::Object(voice)) => voice,
        Some(_) => {
            return Err(invalid("voice", "voice must be an object with name, language or speaker".into()));
        }
    };
    let mut word = |key| Ok::<_, Trouble>(string(&mut voice, key)?.filter(|word| !word.is_empty()));
    Ok(VoiceWish { name: word("name")?, language: word("language")?, speaker: word("speaker")? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What becomes of events, up to the first that is refused.
    fn talk(events: &[(&str, Value)]) -> (Vec<Step>, Option<String>) {
        let mut dialogue = Dialogue::default();
        let mut steps = Vec::new();
        for (kind, data) in events {
            let event = Event { kind: (*kind).into(), data: data.as_object().cloned().unwrap_or_default() };
            match dialogue.hear(event, 10) {
                Ok(step) => steps.push(step),
                Err(trouble) => return (steps, Some(trouble.code())),
            }
        }
        (steps, None)
    }

    fn named(name: &str) -> VoiceWish {
        VoiceWish { name: Some(name.into()), ..VoiceWish::default() }
    }

    #[test]
    fn a_copy_of_a_text_that_is_being_written_is_passed_over_and_the_next_one_is_not() {
        let (steps, trouble) = talk(&[
            ("synthesize-start", json!({ "voice": { "name": "walter" } })),
            ("synthesize-chunk", json!({ "text": "Hello " })),
            ("synthesize-chunk", json!({ "text": "you." })),
            ("synthesize", json!({ "text": "Hello you.", "voice": { "name": "walter" } })),
            ("synthesize-stop", Value::Null),
            ("synthesize", json!({ "text": "Again", "voice": null })),
            ("synthesize-start", Value::Null),
            ("synthesize-chunk", json!({ "text": "0123456789" })),
            ("synthesize-stop", Value::Null),
        ]);
        let expected = [
            Step::Begin(named("walter")),
            Step::More("Hello ".into()),
            Step::More("you.".into()),
            Step::Pass,
            Step::Complete,
            Step::Speak { text: "Again".into(), voice: VoiceWish::default() },
            Step::Begin(VoiceWish::default()),
            Step::More("0123456789".into()),
            Step::Complete,
        ];
        assert_eq!((steps, trouble), (expected.to_vec(), None));
    }

    #[test]
    fn what_is_not_known_is_passed_over() {
        let (steps, trouble) = talk(&[
            ("describe", Value::Null),
            ("transcribe", json!({ "name": 5 })),
            ("audio-chunk", json!({ "rate": 16_000 })),
            ("", Value::Null),
            ("ping", json!({ "text": "are you there" })),
            ("ping", Value::Null),
            (
                "synthesize",
                json!({ "text": "hi", "voice": { "language": "en", "speaker": "" }, "context": {} }),
            ),
        ]);
        let english = VoiceWish { language: Some("en".into()), ..VoiceWish::default() };
        let expected = [
            Step::Describe,
            Step::Pass,
            Step::Pass,
            Step::Pass,
            Step::Pong(Some("are you there".into())),
            Step::Pong(None),
            Step::Speak { text: "hi".into(), voice: english },
        ];
        assert_eq!((steps, trouble), (expected.to_vec(), None));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (kind, data, code) in [
            ("synthesize", json!({}), "invalid_field"),
            ("synthesize", json!({ "text": 5 }), "invalid_field"),
            ("synthesize", json!({ "text": "hi", "voice": "walter" }), "invalid_field"),
            ("synthesize", json!({ "text": "hi", "voice": { "name": [] } }), "invalid_field"),
            ("synthesize", json!({ "text": "<b>hi</b>", "text_format": "html" }), "invalid_field"),
            ("synthesize-start", json!({ "text_format": "ssml" }), "invalid_field"),
            ("synthesize", json!({ "text": "01234567890" }), "text_too_long"),
            ("synthesize-chunk", json!({ "text": "hi" }), "event_out_of_order"),
            ("synthesize-stop", Value::Null, "event_out_of_order"),
            ("synthesize-start", json!({ "voice": 1 }), "invalid_field"),
        ] {
            assert_eq!(talk(&[(kind, data.clone())]).1.as_deref(), Some(code), "{kind} {data}");
        }
        // The whole text counts, however it comes.
        let chunk = ("synthesize-chunk", json!({ "text": "012345" }));
        let told = talk(&[("synthesize-start", Value::Null), chunk.clone(), chunk]);
        assert_eq!(told.1.as_deref(), Some("text_too_long"));
    }
}
