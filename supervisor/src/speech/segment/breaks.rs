//! The places where a text may be cut, and how good each is. Finding them takes time in proportion to the text, whatever
//! it is made of: everybody's audio waits meanwhile.

use std::ops::Range;

use icu_segmenter::{GraphemeClusterSegmenter, WordSegmenter, options::WordBreakInvariantOptions};
use unicode_script::{Script, UnicodeScript};

use super::estimated_ms;

/// How good a place is, from bad to good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// Inside something that belongs together: a quotation, a name with its title.
    Quoted,
    /// Between two words.
    Word,
    /// Behind a clause.
    Clause,
    /// Behind a sentence.
    Sentence,
    /// Behind a paragraph.
    Paragraph,
}

/// A place where a text may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Break {
    /// Byte offset of what follows.
    pub(super) at: usize,
    pub(super) strength: Strength,
}

/// Words that a full stop does not end a sentence behind: what follows belongs to them.
const TITLES: [&str; 21] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "rev", "gen", "col", "lt", "sgt", "capt", "hon", "vs",
    "cf", "approx", "e.g", "i.e", "a.k.a",
];
/// The same where a number follows; otherwise they are words like any other.
const NUMBERED: [&str; 8] = ["no", "nos", "vol", "fig", "eq", "sec", "ch", "pp"];

/// One more character than any of them has.
const LONGEST_TITLE: usize = 8;
/// So deep brackets and quotation marks are followed into one another.
const DEEPEST: usize = 32;

/// What a text ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::speech) enum Rest {
    /// A word, and the sentence may go on.
    None,
    /// One thing of several.
    Item,
    /// A clause, a bracket, or a line without a mark: a heading, or a line of a text that was wrapped by hand.
    Clause,
    /// A sentence.
    Sentence,
}

/// The rest that a text's last marks ask for, quotation marks and brackets around them left aside.
pub(in crate::speech) fn rest_after(text: &str) -> Rest {
    let mut rest = Rest::None;
    for (at, c) in text.char_indices().rev() {
        let asked = match mark(c) {
            Some(_) if c == '.' && belongs_together(text, at, c, None) => Rest::None,
            Some(Strength::Sentence) => Rest::Sentence,
            Some(_) if c == '、' => Rest::Item,
            Some(_) => Rest::Clause,
            None if matches!(c, '\n' | ')' | '）' | ']' | '】') => Rest::Clause,
            None if c.is_whitespace() || closes(c) => Rest::None,
            None => break,
        };
        rest = rest.max(asked);
    }
    rest
}

/// Every place but those within words, in order. A quotation that takes longer than `most_ms` may be cut like any
/// other text.
pub(super) fn find(text: &str, most_ms: u32) -> Vec<Break> {
    let mut places = marks(text);
    places.extend(words_without_spaces(text, &places));
    places.sort_by_key(|place| (place.at, std::cmp::Reverse(place.strength)));
    places.dedup_by_key(|place| place.at);
    for (from, to) in quotations(text) {
        if text.get(from..to).is_some_and(|quotation| takes_at_most(quotation, most_ms)) {
            // A quotation's own end is a good place; only what lies within it is not.
            let first = places.partition_point(|place| place.at <= from);
            let inside = places.iter_mut().skip(first).take_while(|place| place.at < to);
            inside.for_each(|place| place.strength = Strength::Quoted);
        }
    }
    places
}

/// The last border between two graphemes at which what starts at `start` is not yet too long; at least one
/// character is taken.
pub(super) fn within_a_word(text: &str, start: usize, limit_ms: u32) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let rest = head(rest, limit_ms);
    let borders = |end: &usize| estimated_ms(rest.get(..*end).unwrap_or_default()) <= limit_ms;
    let graphemes = GraphemeClusterSegmenter::new().segment_str(rest).skip(1).take_while(borders).last();
    let characters = || rest.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(borders).last();
    let least = rest.chars().next().map_or(0, char::len_utf8);
    start + graphemes.or_else(characters).unwrap_or(least)
}

/// The beginning of a text, and more of it than can be spoken in `most_ms`: no character takes no time.
fn head(text: &str, most_ms: u32) -> &str {
    let most = usize::try_from(most_ms).unwrap_or(usize::MAX) / 15 + 2;
    text.char_indices().nth(most).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

fn takes_at_most(text: &str, most_ms: u32) -> bool {
    estimated_ms(head(text, most_ms)) <= most_ms
}

/// Places behind punctuation and white space.
fn marks(text: &str) -> Vec<Break> {
    let characters: Vec<(usize, char)> = text.char_indices().collect();
    let at = |index: usize| characters.get(index).map(|&(_, c)| c);
    let offset = |index: usize| characters.get(index).map_or(text.len(), |&(offset, _)| offset);
    let links = links(text);
    let mut places = Vec::new();
    let mut index = 0;
    while let Some(c) = at(index) {
        let first = index;
        index += 1;
        let mut strength = match mark(c) {
            None if c.is_whitespace() => Some(Strength::Word),
            found => found,
        };
        if strength.is_none() {
            continue;
        }
        // Further marks, and the brackets and quotes that they close, belong to the first one.
        while let Some(next) = at(index).filter(|&next| mark(next).is_some() || closes(next)) {
            strength = strength.max(mark(next));
            index += 1;
        }
        let behind = at(index);
        let alone = mark(c).is_some() && index == first + 1;
        if alone && !rests(&links, offset(first), c, behind) {
            continue;
        }
        // White space behind goes with what is before it.
        let mut newline = c == '\n';
        while let Some(space) = at(index).filter(|next| next.is_whitespace()) {
            newline |= space == '\n';
            index += 1;
        }
        let strength = match strength {
            _ if newline => Strength::Paragraph,
            Some(_) if belongs_together(text, offset(first), c, at(index)) => Strength::Quoted,
            Some(strength) => strength,
            None => continue,
        };
        places.push(Break { at: offset(index), strength });
    }
    places
}

/// The rest that a mark asks for.
pub(super) fn mark(c: char) -> Option<Strength> {
    match c {
        '.' | '!' | '?' | '。' | '！' | '？' | '．' | '…' | '｡' | '؟' | '।' => {
            Some(Strength::Sentence)
        }
        ',' | ';' | ':' | '，' | '、' | '；' | '：' | '—' | '､' | '،' => Some(Strength::Clause),
        _ => None,
    }
}

pub(super) fn closes(c: char) -> bool {
    matches!(c, '"' | '\'' | '”' | '’' | '»' | '」' | '』' | '）' | ')' | ']' | '】' | '》' | '〉' | '}')
}

/// Whether a single mark ends anything: those of ASCII stand inside numbers, times, addresses and names too, and
/// end something only where white space, the end, or Chinese follows.
fn rests(links: &[Range<usize>], offset: usize, mark: char, behind: Option<char>) -> bool {
    if !mark.is_ascii() {
        return true;
    }
    let Some(behind) = behind else { return true };
    if behind.is_whitespace() {
        return true;
    }
    // "OK.好的" rests; "https://a.cn/新闻" does not.
    let is_link = || {
        let next = links.partition_point(|link| link.start <= offset);
        next.checked_sub(1).and_then(|last| links.get(last)).is_some_and(|link| link.contains(&offset))
    };
    has_no_spaces(behind) && !is_link()
}

/// Addresses, as byte ranges from behind what tells that they are some.
fn links(text: &str) -> Vec<Range<usize>> {
    let mut end = 0;
    let link = |word: &str| {
        let start = end;
        end += word.len();
        let scheme = || word.find("://").map(|at| at + 3);
        let known = word.starts_with("www.").then_some(4).or_else(scheme)?;
        Some(start + known..end)
    };
    text.split_inclusive(char::is_whitespace).filter_map(link).collect()
}

/// Whether what stands on both sides of a place is one thing: a title and a name, an initial and a name, a number and
/// what it counts.
fn belongs_together(text: &str, offset: usize, mark: char, behind: Option<char>) -> bool {
    let before = text.get(..offset).unwrap_or_default();
    if mark == '.' {
        let parts = |c: char| c.is_whitespace() || matches!(c, '(' | '"' | '“');
        let word = before.char_indices().rev().take(LONGEST_TITLE).take_while(|&(_, c)| !parts(c));
        let word = word.last().and_then(|(at, _)| before.get(at..)).unwrap_or_default();
        let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
        let word = word.to_lowercase();
        let numbered = NUMBERED.contains(&word.as_str()) && behind.is_some_and(|c| c.is_ascii_digit());
        let title = numbered || TITLES.contains(&word.as_str());
        // "…, etc. And so on": a small letter behind a full stop goes on with the sentence.
        return initial || title || behind.is_some_and(char::is_lowercase);
    }
    let number = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    mark.is_whitespace() && number(before.chars().next_back()) && number(behind)
}

/// Quotations and what stands in brackets, as byte ranges, the marks included. Only what is closed again counts.
fn quotations(text: &str) -> Vec<(usize, usize)> {
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut found = Vec::new();
    let mut before = None;
    for (at, c) in text.char_indices() {
        let is_open = |closing: char| open.iter().rposition(|&(expected, _)| expected == closing);
        let closing = match c {
            '“' => Some('”'),
            '「' => Some('」'),
            '『' => Some('』'),
            '《' => Some('》'),
            '（' => Some('）'),
            '(' => Some(')'),
            '«' => Some('»'),
            // The straight one opens where a word begins.
            '"' if is_open('"').is_none() && before.is_none_or(|b: char| !b.is_alphanumeric()) => Some('"'),
            _ => None,
        };
        if let Some(closing) = closing {
            if open.len() == DEEPEST {
                // Whatever is open for so long is closed nowhere near.
                open.remove(0);
            }
            open.push((closing, at));
        } else if let Some(level) = is_open(c) {
            found.extend(open.get(level).map(|&(_, from)| (from, at + c.len_utf8())));
            open.truncate(level);
        }
        before = Some(c);
    }
    found
}

/// Borders of words in writings that have no spaces between them, found by dictionary.
fn words_without_spaces(text: &str, marks: &[Break]) -> Vec<Break> {
    if !text.chars().any(has_no_spaces) {
        return Vec::new();
    }
    let borders = WordSegmenter::new_dictionary(WordBreakInvariantOptions::default()).segment_str(text);
    let between_letters = |&at: &usize| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let behind = text.get(at..).and_then(|behind| behind.chars().next());
        let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let ours = before.is_some_and(has_no_spaces) || behind.is_some_and(has_no_spaces);
        letter(before) && letter(behind) && ours
    };
    let known = |at: &usize| marks.binary_search_by_key(at, |place| place.at).is_err();
    let graded = |at| {
        let (before, behind) = text.split_at_checked(at).unwrap_or_default();
        // The dictionary knows few numbers: 九百九十九 is one, and so is 三点五.
        let number =
            before.chars().next_back().is_some_and(counts) && behind.chars().next().is_some_and(counts);
        Break { at, strength: if number { Strength::Quoted } else { Strength::Word } }
    };
    borders.filter(between_letters).filter(known).map(graded).collect()
}

/// Whether numbers are written with it.
fn counts(c: char) -> bool {
    c.is_numeric()
        || matches!(
            c,
            '零' | '〇'
                | '一'
                | '二'
                | '两'
                | '三'
                | '四'
                | '五'
                | '六'
                | '七'
                | '八'
                | '九'
                | '十'
                | '百'
                | '千'
                | '万'
                | '亿'
                | '点'
        )
}

fn has_no_spaces(c: char) -> bool {
    !c.is_ascii()
        && matches!(
            c.script(),
            Script::Han
                | Script::Hiragana
                | Script::Katakana
                | Script::Thai
                | Script::Lao
                | Script::Khmer
                | Script::Myanmar
        )
}
