//! Words that come in pieces → paragraphs, with the blanks that a reader sees.

use unicode_script::{Script, UnicodeScript};

/// Characters of writings that put no blanks between words.
pub(super) fn is_unspaced(c: char) -> bool {
    // CJK punctuation, and its full-width forms.
    matches!(c, '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ffef}')
        || matches!(c.script(), Script::Han | Script::Hiragana | Script::Katakana | Script::Bopomofo)
}

/// Blanks that were met and not yet written: it depends on what follows.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    /// A line of the source ended, which shows as a blank where words have blanks between them.
    Line,
    Blank,
}

/// Finished paragraphs, and the one that is being written.
#[derive(Default)]
pub(super) struct Prose {
    text: String,
    paragraph: String,
    gap: Gap,
}

impl Prose {
    /// Takes in a piece of the paragraph; blanks and ends of lines in it become one blank, or none.
    pub(super) fn words(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                // A soft hyphen and its like show nothing.
                '\u{ad}' | '\u{200b}' | '\u{feff}' | '\u{2060}' => {}
                '\n' => self.gap = self.gap.max(Gap::Line),
                // The indent of a Chinese paragraph too; a no-break space is one that the line does not end at.
                c if c.is_whitespace() => self.gap = Gap::Blank,
                c => {
                    self.close_gap(c);
                    self.paragraph.push(c);
                }
            }
        }
    }

    fn close_gap(&mut self, next: char) {
        let gap = std::mem::take(&mut self.gap);
        let Some(last) = self.paragraph.chars().next_back() else { return };
        let shows = match gap {
            Gap::None => false,
            Gap::Line => !(is_unspaced(last) && is_unspaced(next)),
            Gap::Blank => true,
        };
        if shows && last != '\n' {
            self.paragraph.push(' ');
        }
    }

    /// Ends a line within the paragraph, as in a poem.
    pub(super) fn line(&mut self) {
        self.gap = Gap::None;
        if !self.paragraph.is_empty() && !self.paragraph.ends_with('\n') {
            self.paragraph.push('\n');
        }
    }

    /// Ends the paragraph, if there is anything in it.
    pub(super) fn end(&mut self) {
        self.gap = Gap::None;
        let paragraph = std::mem::take(&mut self.paragraph);
        let paragraph = paragraph.trim();
        if paragraph.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
        self.text.push_str(paragraph);
    }

    /// Bytes of all that was written and not taken.
    pub(super) fn size(&self) -> usize {
        self.text.len() + self.paragraph.len()
    }

    /// The paragraph that is being written.
    pub(super) fn paragraph(&self) -> &str {
        &self.paragraph
    }

    /// Where it has come to, for [`Prose::since`] and [`Prose::rewrite`].
    pub(super) fn place(&self) -> usize {
        self.paragraph.len()
    }

    /// What was written of the paragraph since a place in it.
    pub(super) fn since(&self, place: usize) -> &str {
        self.paragraph.get(place..).unwrap_or_default()
    }

    /// Takes back what was written since, and writes this.
    pub(super) fn rewrite(&mut self, place: usize, instead: &str) {
        if self.paragraph.is_char_boundary(place) {
            self.paragraph.truncate(place);
        }
        self.words(instead);
    }

    /// The paragraphs that have ended; the one that is being written stays.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }
}
