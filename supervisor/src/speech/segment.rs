//! Cutting a text into segments: whole sentences where they fit, clauses where they do not.

use unicode_segmentation::UnicodeSegmentation;

/// Cuts `text` into pieces of at most `most` characters, as few as the sentences allow. Nothing is lost: the
/// pieces are the text.
pub fn cut(text: &str, most: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut characters = 0;
    for (at, part) in parts(text, most.max(1)) {
        let longer = part.chars().count();
        if characters > 0 && characters + longer > most {
            pieces.extend(text.get(start..at));
            (start, characters) = (at, 0);
        }
        characters += longer;
    }
    pieces.extend(text.get(start..).filter(|rest| !rest.is_empty()));
    pieces
}

/// Sentences, and the parts of those that are too long, with their places.
fn parts(text: &str, most: usize) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    for (at, sentence) in text.split_sentence_bound_indices() {
        shorten(at, sentence, most, &mut parts);
    }
    parts
}

/// Cuts a sentence behind its last clause mark, else its last white space, else anywhere, until it fits.
fn shorten<'t>(mut at: usize, mut sentence: &'t str, most: usize, parts: &mut Vec<(usize, &'t str)>) {
    while let Some((limit, _)) = sentence.char_indices().nth(most) {
        let head = sentence.get(..limit).unwrap_or_default();
        let behind = |found: fn(char) -> bool| {
            let (place, mark) = head.char_indices().rfind(|&(_, c)| found(c))?;
            Some(place + mark.len_utf8())
        };
        // Cutting right at the beginning would gain nothing.
        let cut = behind(ends_clause)
            .filter(|&cut| cut * 4 > limit)
            .or_else(|| behind(char::is_whitespace))
            .or_else(|| grapheme_border(sentence, limit))
            .unwrap_or(limit);
        parts.extend(sentence.get(..cut).map(|part| (at, part)));
        at += cut;
        sentence = sentence.get(cut..).unwrap_or_default();
    }
    if !sentence.is_empty() {
        parts.push((at, sentence));
    }
}

fn grapheme_border(sentence: &str, limit: usize) -> Option<usize> {
    sentence
        .grapheme_indices(true)
        .map(|(at, _)| at)
        .take_while(|&at| at <= limit)
        .last()
        .filter(|&at| at > 0)
}

fn ends_clause(c: char) -> bool {
    matches!(c, '，' | '、' | '；' | '：' | '。' | '！' | '？' | ';' | '…' | '—' | '\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sentences_stay_whole_and_are_packed() {
        assert_eq!(cut("One. Two. Three.", 10), ["One. Two. ", "Three."]);
        assert_eq!(cut("今天天气很好。我们去公园吧！好吗？", 10), ["今天天气很好。", "我们去公园吧！好吗？"]);
        assert_eq!(cut("Pi is 3.14159 today.", 12), ["Pi is ", "3.14159 ", "today."]);
        assert_eq!(cut("", 10), Vec::<&str>::new());
    }

    #[test]
    fn text_without_any_mark_is_still_cut() {
        let text = "啊".repeat(100);
        let pieces = cut(&text, 30);
        assert_eq!(pieces.iter().map(|piece| piece.chars().count()).collect::<Vec<_>>(), [30, 30, 30, 10]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_piece_is_too_long(text in any::<String>(), most in 1_usize..50) {
            let pieces = cut(&text, most);
            prop_assert_eq!(pieces.concat(), text.as_str());
            prop_assert!(pieces.iter().all(|piece| (1..=most).contains(&piece.chars().count())));
        }
    }
}
