//! Comments as Vorbis has them, and Opus and FLAC after it ("Ogg Vorbis I format specification", section 5), with chapters as
//! the wiki of Xiph.org writes them (`ChapterExtension`).

use super::Tags;

/// A metadata block of FLAC tells its length in 24 bits.
pub(super) const LARGEST_BLOCK: usize = (1 << 24) - 1;
/// A page of Ogg has 255 segments of 255 bytes. The comments have to fit into one page: with a second one, every page of the
/// audio would have another number.
pub(super) const LARGEST_PAGE: usize = 64_000;
/// Their numbers have three digits.
const MOST_CHAPTERS: usize = 999;

/// The comments in at most so many bytes: titles of chapters are cut as far as they have to be.
pub(super) fn comments(tags: &Tags, most: usize) -> Vec<u8> {
    let mut longest = [usize::MAX, 200, 120, 80, 60, 40, 30, 20, 15, 10, 5].into_iter();
    let fits = longest.find_map(|longest| Some(written(tags, longest)).filter(|bytes| bytes.len() <= most));
    fits.unwrap_or_else(|| written(tags, 0))
}

fn written(tags: &Tags, longest: usize) -> Vec<u8> {
    let mut list = Vec::new();
    list.extend(tags.title().map(|title| format!("TITLE={title}")));
    list.extend(tags.author().map(|author| format!("ARTIST={author}")));
    for (number, chapter) in (1..).zip(tags.chapters().iter().take(MOST_CHAPTERS)) {
        list.push(format!("CHAPTER{number:03}={}", time(chapter.start_ms)));
        if let Some(title) = chapter.title.as_deref().filter(|_| longest > 0) {
            let title: String = title.chars().take(longest).collect();
            list.push(format!("CHAPTER{number:03}NAME={title}"));
        }
    }
    let mut bytes = Vec::new();
    put(&mut bytes, "iShowTTS");
    bytes.extend_from_slice(&u32::try_from(list.len()).unwrap_or_default().to_le_bytes());
    for comment in list {
        put(&mut bytes, &comment);
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or_default().to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

fn time(milliseconds: u64) -> String {
    let (seconds, thousandths) = (milliseconds / 1000, milliseconds % 1000);
    format!("{:02}:{:02}:{:02}.{thousandths:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
