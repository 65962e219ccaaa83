//! `[pronunciation.LANGUAGE]`: how words are said that engines say wrongly.

use std::collections::BTreeMap;

use super::{
    Engine, Voice,
    raw::{Found, Notes, Table, Worth},
};

/// Most characters of a word, and of what is said for it: a text cannot grow without end.
const LONGEST: usize = 100;
/// Most words of a language.
const MOST: usize = 5000;
/// Engines that take phonemes.
const TAKE_PHONEMES: [&str; 1] = ["piper"];

/// How a word is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pronunciation {
    /// What is written in its place; the word itself where only its sounds are given.
    pub spelling: Option<String>,
    /// Its sounds in the International Phonetic Alphabet, for an engine that takes phonemes.
    pub ipa: Option<String>,
}

/// The words of each language.
pub type Pronunciations = BTreeMap<String, BTreeMap<String, Pronunciation>>;

/// Whether an engine takes the sounds of a word.
pub fn takes_phonemes(engine: &str) -> bool {
    TAKE_PHONEMES.contains(&engine)
}

pub(super) fn pronunciations(
    table: &Table<'_>,
    notes: &Notes,
    engines: &BTreeMap<String, Engine>,
    voices: &BTreeMap<String, Voice>,
) -> Pronunciations {
    let languages = table.tables().into_iter().map(|(language, table)| {
        // Who is asked to say it, and cannot say sounds.
        let enabled = |name: &&str| engines.get(*name).is_some_and(|engine| engine.enabled);
        let speakers = voices.values().filter_map(|voice| voice.routes.get(&language.value));
        let cannot =
            speakers.map(|route| route.engine.as_str()).filter(enabled).find(|name| !takes_phonemes(name));
        let words = words(&table, notes, cannot);
        if words.len() > MOST {
            language.problem(notes, format!("has {} words; at most {MOST} are allowed", words.len()));
        }
        (language.value, words)
    });
    languages.collect()
}

fn words(table: &Table<'_>, notes: &Notes, cannot: Option<&str>) -> BTreeMap<String, Pronunciation> {
    let mut words = BTreeMap::new();
    for (word, value) in table.words() {
        check(&word, &word.value, notes);
        let said = match value {
            Worth::Text(found) => {
                check(&found, &found.value, notes);
                Pronunciation { spelling: Some(found.value), ipa: None }
            }
            Worth::Table(table) => {
                let (spelling, ipa) = (table.string("spelling"), table.string("ipa"));
                table.finish();
                for found in [&spelling, &ipa].into_iter().flatten() {
                    check(found, &found.value, notes);
                }
                if spelling.is_none() && ipa.is_none() {
                    word.problem(notes, "needs `spelling` or `ipa`");
                }
                if let (Some(ipa), None, Some(engine)) = (&ipa, &spelling, cannot) {
                    ipa.problem(
                        notes,
                        format!("the engine {engine:?} speaks this language and takes no phonemes; give a `spelling` beside it"),
                    );
                }
                if let Some(ipa) = ipa.as_ref().filter(|ipa| ipa.value.contains(['[', ']', '/'])) {
                    ipa.problem(notes, "must be the sounds alone, without brackets or slashes around them");
                }
                Pronunciation {
                    spelling: spelling.map(|found| found.value),
                    ipa: ipa.map(|found| found.value),
                }
            }
        };
        words.insert(word.value, said);
    }
    words
}

fn check<T>(found: &Found<T>, text: &str, notes: &Notes) {
    let length = text.chars().count();
    if !text.chars().any(char::is_alphanumeric) || text.trim() != text || length > LONGEST {
        found.problem(
            notes,
            format!(
                "must be from 1 to {LONGEST} characters, with a letter or digit and no white space around it"
            ),
        );
    }
}
