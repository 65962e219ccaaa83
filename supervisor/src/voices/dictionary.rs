//! How words are said that engines say wrongly: `[pronunciation.LANGUAGE]`, made ready to be looked up.
//!
//! A word is found only whole: no letter, digit or `_` beside it, unless it is of a writing without spaces. Of two
//! words that begin at one place the longer one counts. A word with no capital letter is found however it is
//! written; one with capitals only just so.

use std::{cmp::Reverse, collections::BTreeMap, ops::Range};

use regex::{Regex, RegexBuilder};

use crate::config::{Pronunciation, Pronunciations};

/// The words of every language.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    languages: BTreeMap<String, Words>,
}

#[derive(Debug)]
struct Words {
    pattern: Regex,
    said: BTreeMap<String, Pronunciation>,
}

/// A word that was found, and how it is said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'d> {
    /// Where, in bytes.
    pub(super) range: Range<usize>,
    pub(super) said: &'d Pronunciation,
}

impl Dictionary {
    pub(super) fn new(pronunciations: &Pronunciations) -> Self {
        let languages = pronunciations.iter().filter_map(|(language, said)| {
            let words = Words::new(said);
            if words.is_none() && !said.is_empty() {
                tracing::warn!(language, "The pronunciations of a language are too many to be looked up");
            }
            Some((language.clone(), words?))
        });
        Self { languages: languages.collect() }
    }

    /// The words in a text of this language: those of the language with its region (`en-GB`), else of the language.
    pub(super) fn find<'d>(&'d self, text: &str, language: &str) -> Vec<Entry<'d>> {
        let general = language.split(['-', '_']).next().unwrap_or_default();
        let words = self.languages.get(language).or_else(|| self.languages.get(general));
        words.map_or(Vec::new(), |words| words.find(text))
    }
}

impl Words {
    fn new(said: &BTreeMap<String, Pronunciation>) -> Option<Self> {
        let mut words: Vec<&String> = said.keys().collect();
        if words.is_empty() {
            return None;
        }
        // Of several that fit, a pattern takes the first.
        words.sort_by_key(|word| Reverse(word.chars().count()));
        let alternatives: Vec<String> = words.into_iter().map(|word| pattern(word)).collect();
        let pattern = RegexBuilder::new(&alternatives.join("|")).size_limit(64 << 20).build().ok()?;
        let said = said.iter().map(|(word, said)| (word.clone(), said.clone())).collect();
        Some(Self { pattern, said })
    }

    fn find(&self, text: &str) -> Vec<Entry<'_>> {
        let found = self.pattern.find_iter(text).filter_map(|found| {
            let said =
                self.said.get(found.as_str()).or_else(|| self.said.get(&found.as_str().to_lowercase()))?;
            Some(Entry { range: found.range(), said })
        });
        found.collect()
    }
}

fn pattern(word: &str) -> String {
    let has_borders = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && c < '\u{2e80}');
    let begins = if has_borders(word.chars().next()) { r"\b{start-half}" } else { "" };
    let ends = if has_borders(word.chars().next_back()) { r"\b{end-half}" } else { "" };
    let exact = word.chars().any(char::is_uppercase);
    let flags = if exact { "" } else { "i" };
    format!("(?{flags}:{begins}{}{ends})", regex::escape(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dictionary(words: &[&str]) -> Dictionary {
        let said = |word: &str| Pronunciation { spelling: Some(format!("<{word}>")), ipa: None };
        let words = words.iter().map(|word| ((*word).to_owned(), said(word))).collect();
        Dictionary::new(&BTreeMap::from([("en".to_owned(), words)]))
    }

    fn found(words: &[&str], text: &str) -> Vec<String> {
        let dictionary = dictionary(words);
        let entries = dictionary.find(text, "en-US");
        entries
            .iter()
            .map(|entry| {
                format!(
                    "{}={}",
                    text.get(entry.range.clone()).unwrap(),
                    entry.said.spelling.as_ref().unwrap()
                )
            })
            .collect()
    }

    #[test]
    fn words_are_found_whole_the_longest_first_and_by_their_case() {
        let words = ["GIF", "sql", "New York", "New York City", "c++", "重庆", "Émile"];
        assert_eq!(found(&words, "A GIF, gif, GIFs, xGIF and GIF's"), ["GIF=<GIF>", "GIF=<GIF>"]);
        assert_eq!(found(&words, "SQL Sql mysql"), ["SQL=<sql>", "Sql=<sql>"]);
        assert_eq!(
            found(&words, "New York City, New York Times"),
            ["New York City=<New York City>", "New York=<New York>"]
        );
        assert_eq!(found(&words, "C++!"), ["C++=<c++>"]);
        assert_eq!(found(&words, "在重庆吃"), ["重庆=<重庆>"]);
        assert_eq!(found(&words, "Émile émile"), ["Émile=<Émile>"]);
        assert!(dictionary(&words).find("GIF", "zh").is_empty());
    }

    #[test]
    fn as_many_words_as_a_configuration_may_have_can_be_looked_up() {
        let words: Vec<String> = (0..5000)
            .map(|n| {
                format!("w{n:04} {}", "häßlich und lang ".repeat(5))
                    .chars()
                    .take(99)
                    .collect::<String>()
                    .trim()
                    .to_owned()
            })
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let dictionary = dictionary(&words);
        for word in [words[0], words[4999]] {
            assert_eq!(dictionary.find(&format!("a {word} b"), "en").len(), 1);
        }
    }

    proptest! {
        #[test]
        fn any_word_is_found_as_it_is_written(words in prop::collection::btree_set("\\PC{1,8}", 1..8), text in any::<String>()) {
            let words: Vec<&str> = words.iter().map(|word| word.trim()).filter(|word| !word.is_empty()).collect();
            let dictionary = dictionary(&words);
            let _any = dictionary.find(&text, "en");
            for word in words {
                prop_assert!(!dictionary.find(word, "en").is_empty(), "{:?}", word);
            }
        }
    }
}
