//! From a configuration and a text to what engines are told.

use std::fs;

use proptest::prelude::*;

use super::VoiceBook;
use crate::{
    config::{Overrides, load},
    speech::{Part, Sound, clean, is_ssml},
};

/// Piper speaks English and FastSpeech2 Chinese; F5 speaks German and gets numbers as they are.
fn book(more: &str) -> VoiceBook {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ishowtts.toml");
    let source = format!(
        "[engines.piper]\nenabled = true\n[engines.fastspeech2]\nenabled = true\n[engines.f5]\nenabled = true\n\
         [voices.walter]\nengines = {{ en = \"piper\", zh = \"fastspeech2\" }}\n\
         [voices.hans]\nengines = {{ de = \"f5\" }}\n\
         [defaults]\nvoices = {{ en = \"walter\", zh = \"walter\" }}\n{more}"
    );
    fs::write(&file, source).unwrap();
    let overrides =
        Overrides { config: Some(file), state_dir: Some("/state".into()), ..Overrides::default() };
    VoiceBook::new(&load(&overrides).unwrap())
}

fn cast(book: &VoiceBook, voice: &str, text: &str) -> Vec<Part> {
    book.cast(Some(voice), text, &|_| None).map_or(Vec::new(), |cast| cast.parts)
}

#[test]
fn markup_words_and_pronunciations_reach_the_engines() {
    let gif = "\"GIF\" = { ipa = \"dʒɪf\", spelling = \"jiff\" }\n";
    let book = book(&format!("[pronunciation.en]\n{gif}[pronunciation.de]\n{gif}"));
    let parts = cast(
        &book,
        "walter",
        "<speak><break time='1s'/>“…”我跑了5 km。<break time='20ms'/> …<break time='30ms'/>A 2nd \
         <prosody rate='fast'>GIF</prosody>!</speak>",
    );
    let told: Vec<_> = parts
        .iter()
        .map(|part| (part.route.engine.as_str(), part.text.as_str(), part.rate, part.lead_ms, part.rest_ms))
        .collect();
    assert_eq!(
        told,
        [
            ("fastspeech2", "“…”我跑了五公里。", 1.0, 1000, Some(50)),
            ("piper", "A second", 1.0, 0, None),
            ("piper", " jiff", 1.25, 0, None),
        ]
    );
    assert_eq!(parts[2].sounds, [Sound { range: 1..5, ipa: "dʒɪf".into() }]);
    // Who takes no phonemes reads the spelling, and numbers as they are if that is its way.
    let german = cast(&book, "hans", "Ein GIF, 5 km");
    assert_eq!((german[0].text.as_str(), german[0].sounds.len()), ("Ein jiff, 5 km", 0));
}

#[test]
fn a_unit_goes_with_its_number_and_takes_its_marks_along() {
    let book = book("");
    for (text, told) in [
        ("跑了5km，累了", vec!["跑了五公里，累了"]),
        ("重2 kg", vec!["重二公斤"]),
        ("跑了5km, then home", vec!["跑了五公里, ", "then home"]),
        ("有5 kids", vec!["有五 ", "kids"]),
    ] {
        let parts = cast(&book, "walter", text);
        assert_eq!(parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>(), told, "{text}");
    }
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphabetic()).collect()
}

fn spoken(text: &str) -> String {
    thread_local!(static BOOK: VoiceBook = book(""));
    BOOK.with(|book| cast(book, "hans", text).iter().map(|part| letters(&part.text)).collect())
}

proptest! {
    #[test]
    fn a_plain_text_is_spoken_as_it_is(text in "[^0-9０-９.]*") {
        prop_assume!(!is_ssml(&text));
        prop_assume!(text.chars().any(char::is_alphabetic));
        prop_assert_eq!(spoken(&text), letters(&clean(&text).text));
        let plain = cast(&book(""), "walter", &text);
        prop_assert!(plain.iter().all(|part| (part.rate, part.lead_ms, part.rest_ms) == (1.0, 0, None)));
    }

    #[test]
    fn no_letter_of_a_document_is_lost(texts in prop::collection::vec("[^<>&0-9０-９.\\p{C}]{0,6}", 1..6)) {
        let tags = ["<break time='10ms'/>", "<prosody rate='fast'>-</prosody>", "<p> </p>", "<x/>"];
        let pieces = texts.iter().zip(tags.iter().cycle()).flat_map(|(text, tag)| [text, *tag]);
        let document = format!("<speak>{}</speak>", pieces.collect::<String>());
        prop_assert_eq!(spoken(&document), letters(&clean(&texts.concat()).text));
    }
}
