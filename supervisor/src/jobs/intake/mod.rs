//! What people have books in → a [`Book`]: chapters of plain text, in the order of reading. Pure: bytes in, text out,
//! no file is touched.
//!
//! A chapter's text is all that is to be spoken of it, its heading included, with an empty line between paragraphs.
//! What has no place in speech is left out: scripts, styles, images, code blocks, notes and their numbers, addresses
//! behind links. docs/books.md tells what becomes of what.
//!
//! Whoever sends a file may mean harm: nothing here grows beyond [`limits`], whatever the file says of itself.

mod epub;
pub mod limits;
mod markdown;
mod plain;
mod prose;
mod xhtml;
mod xml;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::speech::is_speakable;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Plain text, perhaps with chapter marks.
    Text,
    /// `CommonMark`, with the tables, footnotes and front matter that people add to it.
    Markdown,
    /// EPUB 2 or 3.
    Epub,
}

impl Kind {
    /// Every kind, by its name in requests.
    pub const NAMES: &[(&str, Self)] =
        &[("text", Self::Text), ("markdown", Self::Markdown), ("epub", Self::Epub)];

    /// By its name in requests.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|&(_, kind)| kind)
    }

    /// By how a file's name ends; `None` if it ends in no way that we know.
    pub fn of_file(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "txt" | "text" => Some(Self::Text),
            "md" | "markdown" | "mkd" => Some(Self::Markdown),
            "epub" => Some(Self::Epub),
            _ => None,
        }
    }

    /// By how a file begins; `None` if it begins as anything may.
    pub fn of_bytes(file: &[u8]) -> Option<Self> {
        // The first entry of an EPUB is its media type as it is (OCF, section 4.3).
        let is_epub = file.starts_with(b"PK\x03\x04")
            && file.get(30..).is_some_and(|rest| rest.starts_with(b"mimetypeapplication/epub+zip"));
        is_epub.then_some(Self::Epub)
    }

    /// Its name in requests.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("text", |(name, _)| name)
    }

    /// By a media type, with or without parameters; `None` for one that says nothing.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/plain" => Some(Self::Text),
            "text/markdown" | "text/x-markdown" => Some(Self::Markdown),
            "application/epub+zip" => Some(Self::Epub),
            _ => None,
        }
    }
}

/// A text to be spoken from its first chapter to its last. There is at least one, and something to speak.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// Its title, if the file tells.
    pub title: Option<String>,
    /// Who wrote it, several by commas, if the file tells.
    pub author: Option<String>,
    /// What it is written in, as the file tells it: a BCP 47 tag, such as `en` or `zh-Hans`; not checked.
    pub language: Option<String>,
    /// In the order of reading; none has an empty text.
    pub chapters: Vec<Chapter>,
}

impl Book {
    /// A text without chapters.
    pub fn plain(text: String) -> Self {
        Self { chapters: vec![Chapter { title: None, text }], ..Self::default() }
    }

    /// Characters that are to be spoken.
    pub fn characters(&self) -> usize {
        self.chapters.iter().map(|chapter| chapter.text.chars().count()).sum()
    }
}

/// What is spoken between two marks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chapter {
    /// What a player shows, one line of at most [`limits::TITLE`] characters. It is part of the text where it stands
    /// there.
    pub title: Option<String>,
    /// All that is spoken, an empty line between paragraphs.
    pub text: String,
}

/// Why a file is no book that can be spoken. Always the file's fault, so the messages are for whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// In another encoding.
    #[error(
        "the text is not UTF-8 (at byte {at}): convert it first, for example with `iconv -f GB18030 -t UTF-8`"
    )]
    Encoding {
        /// Where it stops to be.
        at: usize,
    },
    /// Nothing in it.
    #[error("there is nothing to speak in the file: no letters, no digits")]
    Nothing,
    /// Not an EPUB.
    #[error("the file is not an EPUB: {0}")]
    NotEpub(String),
    /// Bought with a lock on it.
    #[error("the EPUB is encrypted ({0}): only books without copy protection (DRM) can be read")]
    Encrypted(String),
    /// An EPUB without one of its parts.
    #[error("the EPUB says that it has {0:?}, and has not")]
    Missing(String),
    /// A part of an EPUB that cannot be read.
    #[error("could not read {file:?} in the EPUB: {reason}")]
    Damaged {
        /// Which part.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More to speak than is allowed. It was not read to its end.
    #[error("the text has more than {most} characters; at most {most} are allowed ([jobs] max_text_chars)")]
    TooLong {
        /// How many there may be.
        most: usize,
    },
    /// More than anybody reads out.
    #[error("the file is too large: {what} above {limit}")]
    TooLarge {
        /// Of what there is too much.
        what: &'static str,
        /// The most that there may be.
        limit: u64,
    },
}

/// Reads a file, as long as it has no more to speak than so many characters. It computes for up to some hundred
/// milliseconds on a large book: not to be called where others wait.
pub fn read(kind: Kind, bytes: &[u8], most: usize) -> Result<Book, IntakeError> {
    let book = match kind {
        Kind::Text => plain::read(&bounded(text(bytes)?, most)?, most)?,
        Kind::Markdown => markdown::read(&bounded(text(bytes)?, most)?, most)?,
        Kind::Epub => epub::read(bytes, most)?,
    };
    checked(book)
}

/// A text that is not much longer than what may be spoken of it: what reads it takes its time and memory for each character.
fn bounded(text: String, most: usize) -> Result<String, IntakeError> {
    let limit = most.saturating_mul(limits::MARKUP).saturating_add(limits::MARKUP_FROM);
    // No character has less than a byte.
    if text.len() > limit && text.chars().nth(limit).is_some() {
        let (what, limit) = ("characters with blanks and markup", u64::try_from(limit).unwrap_or(u64::MAX));
        return Err(IntakeError::TooLarge { what, limit });
    }
    Ok(text)
}

fn checked(mut book: Book) -> Result<Book, IntakeError> {
    book.chapters.retain(|chapter| !chapter.text.is_empty());
    if !book.chapters.iter().any(|chapter| is_speakable(&chapter.text)) {
        return Err(IntakeError::Nothing);
    }
    for field in [&mut book.title, &mut book.author, &mut book.language] {
        *field = field.take().and_then(|text| line(&text));
    }
    for chapter in &mut book.chapters {
        chapter.title = chapter.title.take().and_then(|text| line(&text));
    }
    Ok(book)
}

/// A name on one line, cut where nobody reads on; `None` if there is nothing of it.
fn line(text: &str) -> Option<String> {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let whole = words.collect::<Vec<_>>().join(" ");
    let mut characters = whole.chars();
    let mut short: String = characters.by_ref().take(limits::TITLE).collect();
    if characters.next().is_some() {
        short.pop();
        short.push('…');
    }
    (!short.is_empty()).then_some(short)
}

/// What a file is called, without its folders and its ending; `None` if nothing is left.
pub fn title_of_file(name: &str) -> Option<String> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    line(stem)
}

/// UTF-8, or what begins with the mark of UTF-16, as text with `\n` at the end of its lines.
pub fn text(bytes: &[u8]) -> Result<String, IntakeError> {
    let text: Cow<'_, str> = match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes).into(),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes).into(),
        _ => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            let text = std::str::from_utf8(bytes);
            text.map_err(|error| IntakeError::Encoding { at: error.valid_up_to() })?.into()
        }
    };
    Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// Half a pair becomes U+FFFD, which nobody speaks.
fn wide(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(unit));
    char::decode_utf16(units).map(|found| found.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
