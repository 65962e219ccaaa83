//! How much of a text that is still being written can be spoken already.

use super::{
    FIRST_MS,
    breaks::{self, Strength},
    estimated_ms,
};

/// A clause that takes less is spoken together with the next one: "well," alone sounds like a word from a list, and is
/// over before the next words are there.
const LEAST_CLAUSE_MS: u32 = 400;

/// So much without any mark is spoken up to its last word: somebody who writes without punctuation is heard too.
const LONGEST_MS: u32 = FIRST_MS;

/// Behind a full stop after so few letters or digits it is not certain that a sentence ends: "etc.", "a.m.", "3.". The
/// next character tells.
const MAYBE_SHORT: usize = 4;

/// How many bytes from the beginning of `text` are complete clauses whatever may follow. Nothing is cut there that
/// [`cut`](super::cut) would not cut: no number, no abbreviation, no address, no quotation that is closed again.
pub fn complete(text: &str) -> usize {
    let is_settled = settles(text);
    let places = breaks::find(text, LONGEST_MS);
    let length = |at: usize| estimated_ms(text.get(..at).unwrap_or_default());
    let clause = places.iter().rev().find(|place| {
        (place.at < text.len() || is_settled)
            && match place.strength {
                Strength::Sentence | Strength::Paragraph => true,
                Strength::Clause => length(place.at) >= LEAST_CLAUSE_MS,
                Strength::Word | Strength::Quoted => false,
            }
    });
    if let Some(clause) = clause {
        return clause.at;
    }
    if estimated_ms(text) <= LONGEST_MS {
        return 0;
    }
    let word = |place: &&breaks::Break| place.strength == Strength::Word && place.at < text.len();
    places.iter().rev().filter(word).find(|place| length(place.at) <= LONGEST_MS).map_or(0, |place| place.at)
}

/// Whether the mark that a text ends with is one whatever comes next.
fn settles(text: &str) -> bool {
    let bare = text.trim_end();
    let space = text.get(bare.len()..).unwrap_or_default();
    if space.contains('\n') {
        return true;
    }
    let said = bare.trim_end_matches(|c| breaks::closes(c) || breaks::mark(c).is_some());
    let marks = bare.get(said.len()..).unwrap_or_default();
    match marks.chars().find(|c| breaks::mark(*c).is_some()) {
        None => false,
        Some(mark) if !mark.is_ascii() => true,
        // "3," may become "3,000", and "a." an address.
        Some(_) if space.is_empty() => false,
        Some('.') => {
            let is_single = marks.chars().filter(|c| breaks::mark(*c).is_some()).count() == 1;
            let word = said.rsplit(char::is_whitespace).next().unwrap_or_default();
            is_single && !word.contains('.') && word.chars().count() > MAYBE_SHORT
        }
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spoken(text: &str) -> &str {
        text.get(..complete(text)).unwrap()
    }

    #[test]
    fn clauses_are_complete_once_nothing_can_change_that() {
        for (text, expected) in [
            ("Hello there, ", "Hello there, "),
            ("Hello there,", ""),
            ("Hello there, how", "Hello there, "),
            ("Well, ", ""),
            ("Well, I think so. ", ""),
            ("Yes! ", "Yes! "),
            ("嗯，世界", ""),
            ("今天天气很好，我们", "今天天气很好，"),
            ("今天天气很好。", "今天天气很好。"),
            ("A heading\n", "A heading\n"),
            ("And then... ", ""),
            ("And then... We", "And then... "),
            ("He said \"come in.\" Then", "He said \"come in.\" "),
        ] {
            assert_eq!(spoken(text), expected, "{text:?}");
        }
        assert_eq!(spoken("Well, I think so. And"), "Well, I think so. ");
        assert_eq!(spoken("Well, I think that works. "), "Well, I think that works. ");
    }

    #[test]
    fn nothing_is_cut_that_belongs_together() {
        for text in [
            "It costs 3,",
            "It costs 3,0",
            "Pi is about 3. ",
            "Pi is about 3.",
            "We met Mr. ",
            "We met Mr. Sm",
            "At 10 a.m. ",
            "Pens, etc. ",
            "Pens etc. and",
            "See https://example.com/a,b",
            "See www.example.org. ",
            "half a wor",
        ] {
            assert!(spoken(text).is_empty() || spoken(text) == "Pens, ", "{text:?}: {:?}", spoken(text));
        }
        assert_eq!(spoken("He lives in Washington D.C. They"), "He lives in Washington D.C. ");
    }

    #[test]
    fn without_any_mark_it_is_spoken_up_to_a_word() {
        let text = "one two three four ".repeat(8);
        assert!(spoken(&text).ends_with(' '), "{:?}", spoken(&text));
        assert!((3000..=LONGEST_MS).contains(&estimated_ms(spoken(&text))));
        let chinese = "我们今天一起去公园散步看花".repeat(4);
        assert!(!spoken(&chinese).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_complete_is_a_place_still_when_more_comes(
            text in "[a-zA-Z0-9好的 ,.!?。，]{0,60}",
            more in "[a-zA-Z0-9好的 ,.!?。，]{0,20}",
        ) {
            let at = complete(&text);
            prop_assert!(text.is_char_boundary(at));
            let whole = format!("{text}{more}");
            let places = breaks::find(&whole, LONGEST_MS);
            // A small letter may make a full stop one within a sentence; further marks may join the last one, and then
            // the place moves behind them.
            let is_place = |place: &breaks::Break| place.at >= at;
            prop_assert!(at == 0 || at == whole.len() || places.iter().any(is_place), "{text:?} {more:?}");
        }
    }
}
