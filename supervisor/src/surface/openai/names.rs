//! Who speaks under `OpenAI`'s names. Pure.

use std::collections::BTreeSet;

use crate::{config::OpenAi, surface::ApiError, voices::VoiceBook};

/// Models that clients know. Without a word in the configuration each is whoever speaks the text's language by default.
pub(super) const MODELS: [&str; 3] = ["tts-1", "tts-1-hd", "gpt-4o-mini-tts"];

/// Voices that clients know, taken the same way.
pub(super) const VOICES: [&str; 13] = [
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer",
    "verse",
];

/// One of ours for each language.
const AUTO: &str = "auto";

/// The voice that a model and a voice of `OpenAI` come to, by our name for it. `engines` are models too.
///
/// A voice that the configuration maps, or has itself, is taken whatever the model. One that only clients know, and a
/// request without one, leave it to the model.
pub(super) fn voice(
    openai: &OpenAi,
    book: &VoiceBook,
    engines: &[String],
    model: Option<&str>,
    voice: Option<&str>,
) -> Result<String, ApiError> {
    let by_model = model.map_or(Ok(AUTO), |model| self::model(openai, engines, model))?;
    let voice = voice.unwrap_or(AUTO);
    let meant = match openai.voices.get(voice) {
        Some(ours) => ours,
        None if !book.is_configured(voice) && VOICES.contains(&voice) => AUTO,
        None => voice,
    };
    Ok(if meant == AUTO { by_model } else { meant }.to_owned())
}

/// The engine that a model stands for, or `auto`.
pub(super) fn model<'n>(openai: &'n OpenAi, engines: &'n [String], model: &str) -> Result<&'n str, ApiError> {
    if let Some(engine) = openai.models.get(model) {
        return Ok(engine);
    }
    if let Some(engine) = engines.iter().find(|engine| *engine == model) {
        return Ok(engine);
    }
    // A dated edition of a model, `gpt-4o-mini-tts-2025-12-15`, is the model, whatever that is mapped to.
    let base = MODELS.iter().filter(|known| is_edition(model, known)).max_by_key(|known| known.len());
    match base {
        Some(base) => Ok(openai.models.get(*base).map_or(AUTO, String::as_str)),
        None => Err(ApiError::UnknownModel(model.chars().take(80).collect())),
    }
}

/// Whether `model` is `known`, perhaps with a date behind it.
fn is_edition(model: &str, known: &str) -> bool {
    let Some(rest) = model.strip_prefix(known) else { return false };
    rest.is_empty()
        || rest.len() > 1 && rest.starts_with('-') && rest.chars().all(|c| c == '-' || c.is_ascii_digit())
}

/// Every model that has a name to be listed under, in order.
pub(super) fn models(openai: &OpenAi, engines: &[String]) -> BTreeSet<String> {
    let known = MODELS.iter().map(|name| (*name).to_owned());
    known.chain(openai.models.keys().cloned()).chain(engines.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn openai() -> OpenAi {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, ours)| ((*name).to_owned(), (*ours).to_owned())).collect()
        };
        OpenAi {
            models: map(&[("tts-1-hd", "kokoro"), ("reader", "piper")]),
            voices: map(&[("nova", "f5:basic-en"), ("tim", "walter"), ("any", "auto")]),
        }
    }

    fn comes_to(model: Option<&str>, voice: Option<&str>) -> Result<String, String> {
        let engines = ["piper".to_owned(), "kokoro".to_owned()];
        super::voice(&openai(), &VoiceBook::empty(), &engines, model, voice).map_err(|error| error.code())
    }

    #[test]
    fn a_voice_that_is_named_speaks_whatever_the_model() {
        for model in [None, Some("tts-1"), Some("tts-1-hd"), Some("kokoro")] {
            assert_eq!(comes_to(model, Some("nova")), Ok("f5:basic-en".into()), "{model:?}");
            assert_eq!(comes_to(model, Some("tim")), Ok("walter".into()), "{model:?}");
            assert_eq!(comes_to(model, Some("piper:joe")), Ok("piper:joe".into()), "{model:?}");
        }
    }

    #[test]
    fn a_voice_that_only_clients_know_is_left_to_the_model() {
        for voice in [None, Some("alloy"), Some("cedar"), Some("any"), Some("auto")] {
            for (model, ours) in [
                (None, "auto"),
                (Some("tts-1"), "auto"),
                (Some("tts-1-1106"), "auto"),
                (Some("gpt-4o-mini-tts-2025-12-15"), "auto"),
                (Some("tts-1-hd"), "kokoro"),
                (Some("tts-1-hd-1106"), "kokoro"),
                (Some("reader"), "piper"),
                (Some("piper"), "piper"),
            ] {
                assert_eq!(comes_to(model, voice), Ok(ours.into()), "{model:?} {voice:?}");
            }
        }
    }

    #[test]
    fn a_model_that_nobody_knows_is_refused() {
        for model in ["", "tts", "tts-2", "tts-1-", "tts-1-pro", "walter", "gpt-4o"] {
            assert_eq!(comes_to(Some(model), Some("alloy")), Err("model_not_found".into()), "{model}");
        }
    }
}
