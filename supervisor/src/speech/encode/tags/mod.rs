//! What a finished file tells beside its audio: its title, who wrote it, and where its chapters begin.
//!
//! | format | where |
//! |---|---|
//! | mp3 | a tag before the audio: `TIT2`, `TPE1`, `CHAP`, `CTOC` ([`id3v2`]) |
//! | opus, flac | comments in the header: `TITLE`, `ARTIST`, `CHAPTER001`, `CHAPTER001NAME` ([`vorbis`]) |
//! | wav | chunks behind the audio: `cue `, `LIST adtl`, `LIST INFO` ([`riff`]) |
//! | pcm, aac | nowhere |
//!
//! It is known only when all of the audio is, and the audio itself stays as it was encoded: [`Framed`] tells what stands
//! before it, which of its first bytes that takes the place of, and what follows.

#[cfg(feature = "mp3")]
mod id3v2;
mod riff;
#[cfg(test)]
mod tests;
mod vorbis;

use bytes::Bytes;

use super::{EncodeError, Format, flac, opus, wav};

/// What a finished file tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// What it is called.
    pub title: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// Where its chapters begin, in order. A single one without a title is none.
    pub chapters: Vec<ChapterTag>,
    /// Its length in milliseconds.
    pub audio_ms: u64,
    /// Its length in samples, if it is known.
    pub samples: Option<u64>,
}

/// Where a chapter begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChapterTag {
    /// What it is called.
    pub title: Option<String>,
    /// Where it begins, in milliseconds.
    pub start_ms: u64,
}

impl Tags {
    fn title(&self) -> Option<&str> {
        self.title.as_deref().filter(|title| !title.is_empty())
    }

    fn author(&self) -> Option<&str> {
        self.author.as_deref().filter(|author| !author.is_empty())
    }

    fn chapters(&self) -> &[ChapterTag] {
        match self.chapters.as_slice() {
            [only] if only.title.is_none() => &[],
            chapters => chapters,
        }
    }

    fn is_empty(&self) -> bool {
        self.title().is_none() && self.author().is_none() && self.chapters().is_empty()
    }
}

/// A finished file around its audio as it was encoded: `head`, the audio without its first `replaced` bytes, `tail`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Framed {
    /// What it begins with.
    pub head: Bytes,
    /// How many of the first bytes of the encoded audio `head` takes the place of.
    pub replaced: u64,
    /// What it ends with.
    pub tail: Bytes,
    /// Whether it is another file than one that tells nothing.
    pub is_tagged: bool,
}

impl Framed {
    /// A file of so many bytes of encoded audio, at a rate that [`Format::nearest_rate`] allows.
    pub fn of(format: Format, rate: u32, bytes: u64, tags: &Tags) -> Result<Self, EncodeError> {
        match format {
            Format::Wav => Ok(wave(rate, bytes, tags)),
            // The length is worth telling by itself: a player shows it, and finds places by it.
            Format::Flac => {
                let comments = (!tags.is_empty()).then(|| vorbis::comments(tags, vorbis::LARGEST_BLOCK));
                let head = flac::header(rate, tags.samples, comments.as_deref())?;
                Ok(Self::before(head, flac::header(rate, None, None)?.len()))
            }
            _ if tags.is_empty() => Ok(Self::default()),
            Format::Opus => {
                let head = opus::header(rate, &vorbis::comments(tags, vorbis::LARGEST_PAGE))?;
                let plain = opus::header(rate, &vorbis::comments(&Tags::default(), vorbis::LARGEST_PAGE))?;
                Ok(Self::before(head, plain.len()))
            }
            #[cfg(feature = "mp3")]
            Format::Mp3 => Ok(Self::before(id3v2::tag(tags)?, 0)),
            _ => Ok(Self::default()),
        }
    }

    fn before(head: Vec<u8>, replaced: usize) -> Self {
        let replaced = u64::try_from(replaced).unwrap_or_default();
        Self { head: head.into(), replaced, tail: Bytes::new(), is_tagged: true }
    }

    /// Bytes of the whole file, of so many bytes of encoded audio.
    pub fn length(&self, bytes: u64) -> u64 {
        let around = self.head.len() + self.tail.len();
        u64::try_from(around).unwrap_or_default() + bytes.saturating_sub(self.replaced)
    }
}

fn wave(rate: u32, bytes: u64, tags: &Tags) -> Framed {
    let data = u32::try_from(bytes).ok();
    let tail = if tags.is_empty() { Vec::new() } else { riff::chunks(rate, tags) };
    // What does not fit into the size of a RIFF file cannot be told of in it.
    let whole = data.zip(u32::try_from(tail.len()).ok()).and_then(|(data, tail)| data.checked_add(tail));
    let tail = if whole.is_some_and(|whole| whole < u32::MAX - 100) { tail } else { Vec::new() };
    let behind = u32::try_from(tail.len()).unwrap_or_default();
    Framed {
        head: wav::header(rate, data, behind),
        replaced: 0,
        is_tagged: !tail.is_empty(),
        tail: tail.into(),
    }
}
