//! Books that are sent to be spoken: text, Markdown, EPUB. Whatever they hold, there is something to speak in what was
//! read, no more of it than a book may have, and nothing that no voice can say.

#![no_main]

use ishowtts::jobs::intake::{Kind, limits, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [kind, file @ ..] = input else { return };
    let (_, kind) = Kind::NAMES[usize::from(*kind) % Kind::NAMES.len()];
    const MOST: usize = 1_000_000;
    match read(kind, file, MOST) {
        Ok(book) => {
            assert!(!book.chapters.is_empty());
            assert!(book.chapters.iter().all(|chapter| !chapter.text.is_empty()));
            assert!(book.chapters.iter().any(|chapter| chapter.text.chars().any(char::is_alphanumeric)));
            let titles = book.chapters.iter().filter_map(|chapter| chapter.title.as_ref());
            for title in titles.chain(&book.title) {
                assert!(title.chars().count() <= limits::TITLE && !title.contains('\n'), "{title:?}");
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
