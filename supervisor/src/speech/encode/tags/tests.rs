use super::*;

fn chapter(title: &str, start_ms: u64) -> ChapterTag {
    ChapterTag { title: Some(title.into()), start_ms }
}

fn many(count: u64, title: &str) -> Tags {
    let chapters = (0..count).map(|number| chapter(&format!("{title}{number}"), number * 1000)).collect();
    Tags { title: Some("All".into()), chapters, audio_ms: count * 1000, ..Tags::default() }
}

#[test]
fn a_file_that_has_nothing_to_tell_is_as_it_was_encoded() {
    let untitled = ChapterTag { title: None, start_ms: 40 };
    let nothing =
        Tags { title: Some(String::new()), chapters: vec![untitled], audio_ms: 1000, ..Tags::default() };
    for (name, format) in Format::NAMES {
        let framed = Framed::of(*format, 24_000, 1000, &nothing).unwrap();
        let replaced = u64::try_from(framed.head.len()).unwrap();
        match *name {
            "wav" => assert_eq!((framed.head.len(), framed.length(1000)), (44, 1044)),
            // Its header without the number of samples.
            "flac" => assert_eq!((framed.replaced, framed.length(1000)), (replaced, 1000)),
            _ => assert_eq!(framed, Framed::default(), "{name}"),
        }
    }
}

#[test]
fn comments_of_an_ogg_file_fit_into_one_page() {
    for tags in [
        many(600, "第一章 很长很长很长很长很长很长很长的标题"),
        many(999, &"long ".repeat(60)),
        many(5000, "x"),
    ] {
        let bytes = vorbis::comments(&tags, vorbis::LARGEST_PAGE);
        assert!(bytes.len() <= vorbis::LARGEST_PAGE, "{}", bytes.len());
        let text = String::from_utf8_lossy(&bytes);
        let last = tags.chapters.len().min(999);
        assert!(text.contains(&format!("CHAPTER{last:03}=00:")), "every chapter is marked");
        assert!(text.contains("CHAPTER001NAME=") && !text.contains("CHAPTER1000"));
        let framed = Framed::of(Format::Opus, 24_000, 100_000, &tags).unwrap();
        let pages = framed.head.windows(4).filter(|window| window == b"OggS").count();
        assert_eq!((pages, framed.replaced), (2, 99));
    }
}

#[test]
fn a_wave_file_that_is_full_tells_no_chapters() {
    let tags = many(3, "x");
    let most = u64::from(u32::MAX);
    for bytes in [most - 150, most, most + 2] {
        let framed = Framed::of(Format::Wav, 24_000, bytes, &tags).unwrap();
        assert!(framed.tail.is_empty() && !framed.is_tagged, "{bytes}");
    }
    assert!(!Framed::of(Format::Wav, 24_000, most - 5000, &tags).unwrap().tail.is_empty());
}

#[test]
fn the_samples_of_a_flac_file_are_those_of_its_blocks() {
    let samples = |samples| {
        let tags = Tags { samples: Some(samples), ..Tags::default() };
        let head = Framed::of(Format::Flac, 24_000, 1000, &tags).unwrap().head;
        head.get(21..26).unwrap().iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)) & 0xf_ffff_ffff
    };
    // The last block has at least 32.
    for (told, expected) in [(0, 0), (1, 32), (1024, 1024), (1030, 1056), (1060, 1060)] {
        assert_eq!(samples(told), expected);
    }
}
