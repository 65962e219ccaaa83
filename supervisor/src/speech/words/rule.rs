//! One rule: a pattern, and what is said for what it finds.

use std::borrow::Cow;

use regex::{Captures, Regex};

/// What stands right before and right behind.
pub(super) struct Around {
    pub(super) before: Option<char>,
    pub(super) behind: Option<char>,
    /// The one behind that.
    pub(super) next: Option<char>,
}

impl Around {
    fn of(text: &str, start: usize, end: usize) -> Self {
        let mut rest = text.get(end..).unwrap_or_default().chars();
        let before = text.get(..start).and_then(|before| before.chars().next_back());
        Self { before, behind: rest.next(), next: rest.next() }
    }

    /// It is no part of a longer number, a name or an address.
    pub(super) fn stands_alone(&self) -> bool {
        let sticks = |c: char| is_latin_word(c) || matches!(c, '#' | '@' | '\\');
        let before = |c: char| sticks(c) || matches!(c, '.' | ',' | '/' | ':' | '-' | '=' | '&' | '?' | '\'');
        !self.before.is_some_and(before) && self.ends()
    }

    /// Nothing behind it goes on with it.
    pub(super) fn ends(&self) -> bool {
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let goes_on = matches!(self.behind, Some('.' | ',' | ':' | '/' | '-' | '\'')) && digit(self.next);
        let sticks = |c: char| is_latin_word(c) || matches!(c, '%' | '‰' | '@' | '\\' | '/');
        !goes_on && !self.behind.is_some_and(sticks)
    }
}

/// A letter or digit of a writing with spaces; beside a number it makes one word of both.
fn is_latin_word(c: char) -> bool {
    c == '_' || (c.is_alphanumeric() && (c < '\u{2e80}'))
}

/// A pattern, and what is said for it: nothing if it is something else after all.
pub(super) struct Rule {
    pattern: Regex,
    say: fn(&Captures<'_>, &Around) -> Option<String>,
}

impl Rule {
    pub(super) fn new(pattern: &str, say: fn(&Captures<'_>, &Around) -> Option<String>) -> Self {
        Self { pattern: Regex::new(pattern).expect("a pattern that every test tries"), say }
    }

    pub(super) fn apply<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        let mut told = String::new();
        let mut end = 0;
        for found in self.pattern.captures_iter(&text) {
            let whole = found.get_match();
            let around = Around::of(&text, whole.start(), whole.end());
            if is_in_address(&text, whole.start(), whole.end()) {
                continue;
            }
            if let Some(words) = (self.say)(&found, &around) {
                told.push_str(text.get(end..whole.start()).unwrap_or_default());
                told.push_str(&words);
                end = whole.end();
            }
        }
        if end == 0 {
            return text;
        }
        told.push_str(text.get(end..).unwrap_or_default());
        Cow::Owned(told)
    }
}

/// Whether it stands in an address of the web or of mail, which is left as it is.
fn is_in_address(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).unwrap_or_default();
    let before = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    let behind = text.get(end..).unwrap_or_default();
    let behind = behind.split(char::is_whitespace).next().unwrap_or_default();
    before.contains("://") || before.contains("www.") || before.contains('@') || behind.contains('@')
}

/// A part of what was found; empty if it is absent.
pub(super) fn part<'t>(found: &Captures<'t>, at: usize) -> &'t str {
    found.get(at).map_or("", |part| part.as_str())
}
