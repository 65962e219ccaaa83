mod epub;
mod markdown;
mod plain;

use proptest::prelude::*;

use super::{Book, IntakeError, Kind, limits};

/// However long it is.
fn read(kind: Kind, bytes: &[u8]) -> Result<Book, IntakeError> {
    super::read(kind, bytes, usize::MAX)
}

/// Titles and texts of the chapters.
fn told(book: &Book) -> Vec<(Option<&str>, &str)> {
    book.chapters.iter().map(|chapter| (chapter.title.as_deref(), chapter.text.as_str())).collect()
}

fn text(kind: Kind, source: &str) -> Book {
    read(kind, source.as_bytes()).unwrap()
}

#[test]
fn a_kind_is_known_by_name_ending_and_media_type() {
    for &(name, kind) in Kind::NAMES {
        assert_eq!(Kind::parse(name), Some(kind));
    }
    assert_eq!(Kind::of_file("A Book.EPUB"), Some(Kind::Epub));
    assert_eq!(Kind::of_file("notes.md"), Some(Kind::Markdown));
    assert_eq!(Kind::of_file("README"), None);
    assert_eq!(Kind::of_media_type("text/plain; charset=utf-8"), Some(Kind::Text));
    assert_eq!(Kind::of_media_type("application/octet-stream"), None);
}

#[test]
fn other_encodings_are_read_or_told() {
    assert_eq!(text(Kind::Text, "\u{feff}Hello.").chapters[0].text, "Hello.");
    let wide: Vec<u8> = "\u{feff}第一。\r\n第二。".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read(Kind::Text, &wide).unwrap().chapters[0].text, "第一。\n第二。");
    let wide: Vec<u8> = "\u{feff}Hello.".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(read(Kind::Markdown, &wide).unwrap().chapters[0].text, "Hello.");
    let gbk = [b'o', b'k', b' ', 0xb5, 0xda, 0xd2, 0xbb];
    let error = read(Kind::Text, &gbk).unwrap_err();
    assert_eq!(error, IntakeError::Encoding { at: 3 });
    assert!(error.to_string().contains("iconv -f GB18030"));
}

#[test]
fn a_file_with_nothing_to_speak_is_told() {
    for (kind, source) in [(Kind::Text, ""), (Kind::Text, " \n…\n"), (Kind::Markdown, "```\ncode\n```\n")] {
        assert_eq!(read(kind, source.as_bytes()).unwrap_err(), IntakeError::Nothing, "{source:?}");
    }
}

#[test]
fn a_text_that_is_too_long_is_told_before_it_is_read() {
    let of = |kind, source: &str, most| super::read(kind, source.as_bytes(), most).unwrap_err();
    for kind in [Kind::Text, Kind::Markdown] {
        let source = "word ".repeat(100);
        assert_eq!(of(kind, &source, 99), IntakeError::TooLong { most: 99 }, "{kind:?}");
        assert!(super::read(kind, source.as_bytes(), 499).is_ok());
        // Blanks and markup are not spoken, and yet take their time.
        let long = " \n".repeat(limits::MARKUP_FROM);
        assert!(matches!(of(kind, &long, 10), IntakeError::TooLarge { .. }));
        assert_eq!(of(kind, &long, limits::MARKUP_FROM), IntakeError::Nothing);
    }
    // Parts of a text are counted together.
    assert_eq!(
        of(Kind::Markdown, "# a\n\nwords\n\n# b\n\nwords\n\n# c\n", 10),
        IntakeError::TooLong { most: 10 }
    );
    let heading = "#\n".repeat(limits::MARKUP_FROM * 2);
    let error = of(Kind::Markdown, &heading, limits::MARKUP_FROM);
    assert!(matches!(error, IntakeError::TooLarge { limit: limits::STEPS, .. }), "{error}");
}

#[test]
fn a_title_is_one_line_that_players_can_show() {
    let title = "word ".repeat(100);
    let book = text(Kind::Text, &format!("# {title}\nText."));
    let found = book.chapters[0].title.as_deref().unwrap();
    assert_eq!(found.chars().count(), limits::TITLE);
    assert!(found.ends_with('…'));
    assert!(book.chapters[0].text.starts_with(title.trim()), "the text has all of it");
}

/// Text as people write it, with the signs that mean something.
fn writing() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z]{1,8}",
        "[一-龥]{1,4}",
        Just("\n".to_owned()),
        Just("\n\n".to_owned()),
        Just("\n# ".to_owned()),
        Just("\n## ".to_owned()),
        Just("Chapter 3\n".to_owned()),
        Just("\n第三章\n".to_owned()),
        Just(" ".to_owned()),
        Just("> * 1. |-|`".to_owned()),
        Just("<p>&amp;</p>".to_owned()),
        Just("[^1]".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Letters and digits, in order.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn plain_text_loses_no_letter(source in writing()) {
        match read(Kind::Text, source.as_bytes()) {
            Ok(book) => {
                let spoken: String = book.chapters.iter().map(|chapter| letters(&chapter.text)).collect();
                prop_assert_eq!(spoken, letters(&source));
                prop_assert!(book.chapters.iter().all(|chapter| !chapter.text.trim().is_empty()));
            }
            Err(error) => prop_assert_eq!(error, IntakeError::Nothing),
        }
    }

    #[test]
    fn whatever_markdown_is_it_is_read_the_same_way_twice(source in writing()) {
        let first = read(Kind::Markdown, source.as_bytes());
        prop_assert_eq!(&first, &read(Kind::Markdown, source.as_bytes()));
        if let Ok(book) = first {
            let titles = book.chapters.iter().filter_map(|chapter| chapter.title.as_deref());
            prop_assert!(titles.into_iter().all(|title| !title.contains('\n') && !title.is_empty()));
        }
    }

    #[test]
    fn words_in_markdown_paragraphs_are_kept(words in proptest::collection::vec("[a-z]{3,9}", 1..40)) {
        let source = words.chunks(7).map(|line| line.join(" ")).collect::<Vec<_>>().join("\n\n");
        let book = read(Kind::Markdown, source.as_bytes()).unwrap();
        prop_assert_eq!(letters(&book.chapters[0].text), words.concat());
    }

    #[test]
    fn bytes_of_any_sort_are_a_book_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for &(_, kind) in Kind::NAMES {
            if let Err(error) = read(kind, &bytes) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
