//! How long a voice rests, by what it has said.

use crate::speech::segment::{Rest, rest_after};

/// How long a voice rests between two segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// At least this many milliseconds.
    pub least_ms: u32,
    /// At most this many.
    pub most_ms: u32,
}

impl Pause {
    /// The rest that the end of a text asks for: what Piper and `FastSpeech2` leave there within a segment, measured,
    /// but never more than 400 ms.
    pub fn after(text: &str) -> Self {
        let (least_ms, most_ms) = match rest_after(text) {
            Rest::Sentence => (340, 380),
            Rest::Clause => (240, 300),
            Rest::Item => (120, 200),
            // The next word of the sentence, or words of two languages in one breath.
            Rest::None => (30, 80),
        };
        Self { least_ms, most_ms }
    }

    /// A silence that somebody asked for: so long, at any speed.
    pub fn exactly(milliseconds: u32) -> Self {
        Self { least_ms: milliseconds, most_ms: milliseconds }
    }

    /// Whether somebody asked for just this length.
    pub fn is_exact(self) -> bool {
        self.least_ms == self.most_ms
    }

    /// The one pause that stands for two with no sound between them: what was asked for counts, together; else the
    /// longer one.
    pub(super) fn with(self, later: Self) -> Self {
        match (self.is_exact(), later.is_exact()) {
            (true, true) => Self::exactly(self.least_ms.saturating_add(later.least_ms)),
            (true, false) => self,
            (false, false) if self.least_ms > later.least_ms => self,
            (false, _) => later,
        }
    }

    /// The same for a voice that speaks `speed` times as fast.
    #[must_use]
    pub fn at_speed(self, speed: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float cast saturates, which is what is wanted"
        )]
        let scaled = |milliseconds: u32| (f64::from(milliseconds) / speed).round() as u32;
        if self.is_exact() {
            return self;
        }
        let least_ms = scaled(self.least_ms);
        // However fast, it is no pause that somebody asked for.
        Self { least_ms, most_ms: scaled(self.most_ms).max(least_ms + 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctuation_decides_how_long_the_voice_rests() {
        let sentence = [
            "Good.",
            "Done.\" ",
            "好。",
            "“真的吗？”",
            "然后……",
            "and then... ",
            "走了。）",
            "No.\n",
            "。】",
        ];
        let clause =
            ["well, ", "他说：", "（也许）", "(perhaps) ", "一方面；", "“不，”", "A heading\n", "他——"];
        let none = ["我用", "“你好”", "Mr. ", "J. ", "word ", "the \"best\" ", "3.5", "《三国演义》", ""];
        for (texts, expected) in [
            (&sentence[..], Pause { least_ms: 340, most_ms: 380 }),
            (&clause, Pause { least_ms: 240, most_ms: 300 }),
            (&["苹果、"], Pause { least_ms: 120, most_ms: 200 }),
            (&none, Pause { least_ms: 30, most_ms: 80 }),
        ] {
            for text in texts {
                assert_eq!(Pause::after(text), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn a_voice_that_speaks_fast_rests_for_a_shorter_time() {
        assert_eq!(Pause::after(".").at_speed(2.0), Pause { least_ms: 170, most_ms: 190 });
    }
}
