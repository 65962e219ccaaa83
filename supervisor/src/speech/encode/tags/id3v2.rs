//! ID3v2.3 with the chapters of its addendum (`ID3v2 Chapter Frame Addendum`, 2005). Version 2.3 is read by everything that
//! reads any.

use ::id3::{
    Tag, TagLike, Version,
    frame::{Chapter, TableOfContents},
};

use super::Tags;
use crate::speech::EncodeError;

/// A table of contents counts its entries in one byte.
const ENTRIES: usize = 255;
/// No place in the file is told, only times.
const NO_PLACE: u32 = u32::MAX;

/// The tag, to stand before the first frame.
pub(super) fn tag(tags: &Tags) -> Result<Vec<u8>, EncodeError> {
    let mut tag = Tag::new();
    if let Some(title) = tags.title() {
        tag.set_title(title);
    }
    if let Some(author) = tags.author() {
        tag.set_artist(author);
    }
    let chapters = tags.chapters();
    let ends = chapters.iter().skip(1).map(|chapter| chapter.start_ms).chain([tags.audio_ms]);
    for (number, (chapter, end)) in chapters.iter().zip(ends).enumerate() {
        let mut frame = Chapter {
            element_id: name_of(number),
            start_time: milliseconds(chapter.start_ms),
            end_time: milliseconds(end.max(chapter.start_ms)),
            start_offset: NO_PLACE,
            end_offset: NO_PLACE,
            frames: Vec::new(),
        };
        if let Some(title) = &chapter.title {
            frame.set_title(title.as_str());
        }
        tag.add_frame(frame);
    }
    let names: Vec<String> = (0..chapters.len()).map(name_of).collect();
    for table in tables(names) {
        tag.add_frame(table);
    }
    let mut bytes = Vec::new();
    let written = tag.write_to(&mut bytes, Version::Id3v23);
    written.map_err(|error| EncodeError { codec: "mp3", act: "write its tag", reason: error.to_string() })?;
    Ok(bytes)
}

/// One table of contents; or one of tables, if there are more chapters than fit.
fn tables(names: Vec<String>) -> Vec<TableOfContents> {
    let table = |element_id: &str, top_level, elements| TableOfContents {
        element_id: element_id.to_owned(),
        top_level,
        ordered: true,
        elements,
        frames: Vec::new(),
    };
    if names.is_empty() {
        return Vec::new();
    }
    if names.len() <= ENTRIES {
        return vec![table("toc", true, names)];
    }
    let parts = names.chunks(ENTRIES).enumerate();
    let parts: Vec<_> =
        parts.map(|(number, names)| table(&format!("toc{number}"), false, names.to_vec())).collect();
    let all = parts.iter().map(|part| part.element_id.clone()).collect();
    std::iter::once(table("toc", true, all)).chain(parts).collect()
}

fn name_of(number: usize) -> String {
    format!("chp{number}")
}

/// The format has 32 bits of them: 49 days.
fn milliseconds(milliseconds: u64) -> u32 {
    u32::try_from(milliseconds).unwrap_or(u32::MAX)
}
