//! Voices, and how words and numbers are said.

use super::{problems, read};

#[test]
fn a_cloned_voice_needs_its_recording_and_its_words() {
    let told = problems(
        "[engines.tone]\nenabled = true\n[voices.me]\nengine = \"tone\"\nlanguage = \"zh\"\nreference = \"me.wav\"\n",
    );
    assert!(told.iter().any(|line| line.contains("there is no file /etc/here/me.wav")), "{told:?}");
    assert!(told.iter().any(|line| line.contains("needs `transcript`")), "{told:?}");
}

#[test]
fn pronunciations_are_spellings_or_sounds_and_a_voice_must_be_able_to_say_them() {
    let source = r#"[engines.piper]
enabled = true
[engines.kokoro]
enabled = true
[voices.joe]
engines = { en = "piper", ja = "kokoro" }
[pronunciation.en]
"GIF" = { ipa = "dʒˈɪf" }
"nginx" = "engine x"
[pronunciation.ja]
"GIF" = { spelling = "ジフ", ipa = "dʒifɯ" }
"#;
    let config = read(source).unwrap();
    let said = &config.pronunciation["en"]["GIF"];
    assert_eq!((said.spelling.as_deref(), said.ipa.as_deref()), (None, Some("dʒˈɪf")));
    assert_eq!(config.pronunciation["en"]["nginx"].spelling.as_deref(), Some("engine x"));
    let wrong = r#""a" = { ipa = "e" }
"b" = {}
"c" = 5
" d" = "…"
"f" = { spelling = "g", sound = "h" }
"i" = { ipa = "[[j]]", spelling = "k" }
"#;
    let told = problems(&format!("{source}{wrong}"));
    let expected = [
        "line 12: pronunciation.ja.a.ipa: the engine \"kokoro\" speaks this language and takes no phonemes",
        "line 13: pronunciation.ja.b: needs `spelling` or `ipa`",
        "line 14: pronunciation.ja.c: must be a string or a table, not 5",
        "line 15: pronunciation.ja. d: must be from 1 to 100 characters",
        "line 16: pronunciation.ja.f.sound: is not a key here",
        "line 17: pronunciation.ja.i.ipa: must be the sounds alone",
    ];
    for expected in expected {
        assert!(told.iter().any(|told| told.starts_with(expected)), "{expected}: {told:#?}");
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
}

#[test]
fn numbers_become_words_for_engines_that_bring_no_way_of_their_own() {
    let names = ["piper", "fastspeech2", "kokoro", "f5", "indextts", "tone"];
    let tables = names.map(|name| format!("[engines.{name}]\nenabled = true\n")).concat();
    let config = read(&tables).unwrap();
    let on: Vec<&str> = names.into_iter().filter(|name| config.engines[*name].normalise).collect();
    assert_eq!(on, ["piper", "fastspeech2", "kokoro"]);
    assert!(
        !read("[engines.piper]\nenabled = true\nnormalise = false\n").unwrap().engines["piper"].normalise
    );
}
