use ishowtts_workers::protocol::{EngineVoice, Memory, WarmUp};

use super::*;
use crate::{config::Route, speech::Part};

/// A book with these engines, and voices with routes as the configuration has them.
pub(in crate::voices) fn book_of(engines: &[&str], voices: &[(&str, &[(&str, &str)])]) -> VoiceBook {
    let voice = |routes: &[(&str, &str)]| Voice {
        routes: routes.iter().map(|(tag, route)| ((*tag).to_owned(), Route::parse(route))).collect(),
        clone: None,
    };
    VoiceBook {
        voices: voices.iter().map(|(name, routes)| ((*name).to_owned(), voice(routes))).collect(),
        engines: engines.iter().map(|name| (*name).to_owned()).collect(),
        ..VoiceBook::empty()
    }
}

fn book() -> VoiceBook {
    let voices: [(&str, &[(&str, &str)]); 2] =
        [("walter", &[("en", "piper"), ("zh", "fastspeech2")]), ("hans", &[("de", "f5")])];
    VoiceBook {
        defaults: BTreeMap::from([("en".into(), "walter".into()), ("zh".into(), "walter".into())]),
        ..book_of(&["piper", "fastspeech2", "f5"], &voices)
    }
}

/// What an engine with these voices says of itself.
pub(in crate::voices) fn ready(voices: &[(&str, &str)]) -> Ready {
    let voice = |(id, language): &(&str, &str)| EngineVoice {
        id: (*id).to_owned(),
        language: (*language).to_owned(),
        name: (*id).to_owned(),
    };
    Ready {
        sample_rate: 24_000,
        voices: voices.iter().map(voice).collect(),
        languages: voices.iter().map(|(_, language)| (*language).to_owned()).collect(),
        max_batch: 1,
        repeatable: true,
        device: "cpu".into(),
        tier: "none".into(),
        warmup: WarmUp { characters: 5, elapsed_ms: 1.0, audio_ms: 400.0 },
        memory: Memory { rss_bytes: 1, device_bytes: 0 },
        options: None,
        ahead: false,
    }
}

fn cast(voice: Option<&str>, text: &str) -> Vec<(String, String, String)> {
    let cast = book().cast(voice, text, &|_| None).unwrap();
    let part = |part: Part| (part.route.engine, part.language.unwrap(), part.text);
    cast.parts.into_iter().map(part).collect()
}

fn spoken(engine: &str, language: &str, text: &str) -> (String, String, String) {
    (engine.into(), language.into(), text.into())
}

#[test]
fn each_writing_goes_to_the_engine_that_reads_it() {
    let mixed = [
        spoken("fastspeech2", "zh", "我用"),
        spoken("piper", "en", "iPhone"),
        spoken("fastspeech2", "zh", "拍照。"),
    ];
    for voice in [None, Some("auto"), Some("walter")] {
        assert_eq!(cast(voice, "我用iPhone拍照。"), mixed);
    }
}

#[test]
fn a_voice_of_one_language_hands_the_other_script_to_that_languages_default() {
    assert_eq!(
        cast(Some("hans"), "Guten Tag, 你好!"),
        [spoken("f5", "de", "Guten Tag, "), spoken("fastspeech2", "zh", "你好!")]
    );
}

#[test]
fn a_writing_that_nobody_reads_stays_with_the_voice() {
    assert_eq!(cast(Some("hans"), "привет 42"), [spoken("f5", "de", "привет 42")]);
    assert_eq!(
        cast(None, "你好の世界"),
        [
            spoken("fastspeech2", "zh", "你好"),
            spoken("piper", "en", "の"),
            spoken("fastspeech2", "zh", "世界")
        ]
    );
    assert_eq!(cast(None, "123"), [spoken("piper", "en", "123")]);
}

#[test]
fn an_engine_of_which_nothing_is_known_is_asked() {
    let mut book = book();
    book.engines.push("kokoro".into());
    book.defaults.insert("ja".into(), "kokoro".into());
    for voice in [None, Some("kokoro")] {
        let cast = book.cast(voice, "今日はとても良い天気ですね。", &|_| None).unwrap();
        let parts: Vec<_> =
            cast.parts.iter().map(|part| (part.route.engine.as_str(), part.language.as_deref())).collect();
        assert_eq!(parts, [("kokoro", Some("ja"))], "{voice:?}");
    }
}

#[test]
fn what_cannot_be_cast_is_told() {
    let told = |voice, text| book().cast(voice, text, &|_| None).unwrap_err();
    assert_eq!(told(Some("nobody"), "hi"), CastError::UnknownVoice("nobody".into()));
    assert_eq!(told(Some("nobody:x"), "hi"), CastError::UnknownVoice("nobody:x".into()));
    assert_eq!(told(None, "…!? 🎉"), CastError::NothingToSpeak);
}
