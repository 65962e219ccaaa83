//! Breaks in a text that is still being written: where one begins that is not complete yet, and what of the text is.

use super::{
    ALL_BREAKS_MS, Line, SsmlError,
    read::{self, BREAK},
};
use crate::speech::segment::complete;

/// What every break begins with.
const BEGINS: &str = "<break";
/// More than any break has; longer ones are text.
const LONGEST_TAG: usize = 64;

/// How many bytes from the beginning of `text` are complete whatever may follow: all up to a whole break, since nobody
/// speaks across a silence, and then what [`complete`] says. A break that is cut in half waits for its other half.
pub fn complete_with_breaks(text: &str) -> usize {
    let behind = BREAK.find_iter(text).last().map_or(0, |found| found.end());
    let whole = text.get(behind..half_break(text)).unwrap_or_default();
    behind + complete(whole)
}

/// Where a break begins of which the end has yet to come; if there is none, the end.
pub fn half_break(text: &str) -> usize {
    let may_become_one = |tag: &str| {
        let same = |(one, other): (u8, u8)| one.eq_ignore_ascii_case(&other);
        let begins = tag.bytes().zip(BEGINS.bytes()).all(same);
        let next = tag.as_bytes().get(BEGINS.len());
        begins
            && tag.len() <= LONGEST_TAG
            && !tag.contains('>')
            && next.is_none_or(|next| next.is_ascii_whitespace() || *next == b'/')
    };
    text.rfind('<').filter(|at| text.get(*at..).is_some_and(may_become_one)).unwrap_or(text.len())
}

/// The breaks of a text that comes in pieces, each of which ends where [`complete_with_breaks`] says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Breaks {
    /// All that were asked for so far, in milliseconds.
    sum_ms: u32,
}

impl Breaks {
    /// The next piece's text and silences, in order. Places in an error are counted from the beginning of the piece.
    pub fn read(&mut self, piece: &str) -> Result<Vec<Line>, SsmlError> {
        let lines = read::breaks(piece)?.0;
        let silences = lines.iter().map(|line| match line {
            Line::Break(pause_ms) => *pause_ms,
            Line::Text { .. } => 0,
        });
        self.sum_ms = silences.fold(self.sum_ms, u32::saturating_add);
        if self.sum_ms > ALL_BREAKS_MS {
            let most = ALL_BREAKS_MS / 1000;
            let message = format!("break: all breaks of a text may come to {most} s at most");
            return Err(SsmlError { row: 1, column: 1, message });
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::speech::{Markup, Script};

    fn spoken(text: &str) -> &str {
        text.get(..complete_with_breaks(text)).unwrap()
    }

    #[test]
    fn what_stands_before_a_break_is_complete_and_half_a_break_waits() {
        for (text, expected) in [
            ("Well <break time=\"1s\"/>", "Well <break time=\"1s\"/>"),
            ("Well <break time=\"1s\"/> now", "Well <break time=\"1s\"/>"),
            ("a <break/> Hello there, you", "a <break/> Hello there, "),
            ("Hello there, <bre", "Hello there, "),
            ("Hello <", ""),
            ("Hello <break time=\"1.0s\" /", ""),
            ("Hello there, <BREAK", "Hello there, "),
            // No break, whatever comes.
            ("One <breakfast, two of them. And", "One <breakfast, two of them. "),
            ("We say 1 < 2 there, and", "We say 1 < 2 there, "),
        ] {
            assert_eq!(spoken(text), expected, "{text:?}");
        }
    }

    #[test]
    fn breaks_add_up_over_all_pieces() {
        let mut breaks = Breaks::default();
        for _ in 0..6 {
            assert_eq!(breaks.read("<break time=\"10s\"/>"), Ok(vec![Line::Break(10_000)]));
        }
        let told = breaks.read("a<break time=\"10s\"/>").unwrap_err();
        assert!(told.message.contains("60 s at most"), "{told}");
        assert!(Breaks::default().read("<break time=\"99s\"/>").unwrap_err().message.contains("99s"));
    }

    fn merged(lines: impl IntoIterator<Item = Line>) -> (String, Vec<u32>) {
        let (mut text, mut silences) = (String::new(), Vec::new());
        for line in lines {
            match line {
                Line::Text { text: more, .. } => text.push_str(&more),
                Line::Break(pause_ms) => silences.push(pause_ms),
            }
        }
        (text, silences)
    }

    proptest! {
        /// Wherever a text is cut on its way, it has the same words and the same silences.
        #[test]
        fn a_text_that_comes_in_pieces_is_the_whole_text(
            parts in prop::collection::vec(prop_oneof![
                Just("<break time=\"0.5s\" />".to_owned()), Just("<BREAK/>".to_owned()), "[a-z ,.<>é你。]{0,12}",
            ], 0..8),
            cuts in prop::collection::vec(1_usize..7, 1..40),
        ) {
            let whole = parts.concat();
            let letters: Vec<char> = whole.chars().collect();
            let (mut inbox, mut heard, mut breaks) = (String::new(), Vec::new(), Breaks::default());
            let (mut at, mut cuts) = (0, cuts.iter().cycle());
            while at < letters.len() {
                let end = (at + cuts.next().unwrap()).min(letters.len());
                inbox.extend(&letters[at..end]);
                at = end;
                let rest = inbox.split_off(complete_with_breaks(&inbox));
                heard.extend(breaks.read(&std::mem::replace(&mut inbox, rest)).unwrap());
            }
            heard.extend(breaks.read(&inbox).unwrap());
            let script = Script::read(&whole, Markup::Breaks).unwrap();
            prop_assert_eq!(merged(heard), merged(script.0));
        }
    }
}
