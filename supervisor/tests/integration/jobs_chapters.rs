//! What finished audio of a job tells beside its sound: its title, and where its chapters begin. Files are taken apart here by
//! what their standards say, not by what wrote them.

use serde_json::{Value, json};

use crate::{
    harness::{Server, supervisor},
    jobs::sentences,
};

const TITLE: &str = "Tom & 书";

/// What a file tells: its title and author, and titles and places of its chapters in milliseconds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    title: Option<String>,
    author: Option<String>,
    chapters: Vec<(Option<String>, u64)>,
}

fn be(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

fn le(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// Frames of an ID3v2.3 tag: their names and what is in them.
fn frames(mut bytes: &[u8]) -> Vec<(String, &[u8])> {
    let mut found = Vec::new();
    while bytes.len() > 10 && bytes[0] != 0 {
        let (head, rest) = bytes.split_at(10);
        let (content, rest) = rest.split_at(be(&head[4..8]));
        found.push((String::from_utf8_lossy(&head[..4]).into_owned(), content));
        bytes = rest;
    }
    found
}

/// The text of an ID3v2.3 frame: Latin-1, or UTF-16 with its mark.
fn text(content: &[u8]) -> String {
    let (encoding, text) = content.split_first().unwrap();
    let text = match encoding {
        0 => text.iter().map(|byte| char::from(*byte)).collect(),
        1 => {
            let big = text[..2] == [0xfe, 0xff];
            let unit = |pair: &[u8]| if big { be(pair) } else { le(pair) } as u16;
            String::from_utf16(&text[2..].chunks(2).map(unit).collect::<Vec<_>>()).unwrap()
        }
        other => panic!("encoding {other}"),
    };
    text.trim_end_matches('\0').to_owned()
}

/// What a tag before MPEG audio tells, and how long it is. Chapters come in the order of the table of contents.
fn id3(file: &[u8]) -> (Told, usize) {
    assert_eq!(&file[..5], b"ID3\x03\0");
    let size = file[6..10].iter().fold(0, |size, byte| size << 7 | usize::from(*byte));
    let frames = frames(&file[10..10 + size]);
    let of = |name: &'static str| {
        frames.iter().filter(move |(known, _)| known == name).map(|(_, content)| *content)
    };
    let id = |content: &[u8]| {
        let end = content.iter().position(|byte| *byte == 0).unwrap();
        (String::from_utf8(content[..end].to_vec()).unwrap(), end + 1)
    };
    let tables: Vec<(String, u8, Vec<String>)> = of("CTOC")
        .map(|content| {
            let (name, at) = id(content);
            let (flags, count) = (content[at], content[at + 1]);
            let mut rest = &content[at + 2..];
            let mut entry = || {
                let (name, end) = id(rest);
                rest = &rest[end..];
                name
            };
            (name, flags, (0..count).map(|_| entry()).collect())
        })
        .collect();
    let table =
        |name: &str| tables.iter().find(|(known, ..)| known == name).map(|(.., entries)| entries.clone());
    let top = tables.iter().find(|(_, flags, _)| flags & 2 != 0).map(|(.., entries)| entries.clone());
    let order =
        top.unwrap_or_default().into_iter().flat_map(|name| table(&name).unwrap_or_else(|| vec![name]));
    let chapters: Vec<_> = of("CHAP")
        .map(|content| {
            let (name, at) = id(content);
            let (start, end) = (be(&content[at..at + 4]), be(&content[at + 4..at + 8]));
            assert!(end >= start, "{name} from {start} to {end}");
            assert_eq!(content[at + 8..at + 16], [0xff; 8], "places are not told");
            let title = self::frames(&content[at + 16..])
                .iter()
                .find(|(name, _)| name == "TIT2")
                .map(|(_, c)| text(c));
            (name, (title, start as u64))
        })
        .collect();
    let chapter = |wanted: String| chapters.iter().find(|(name, _)| *name == wanted).unwrap().1.clone();
    let told = Told {
        title: of("TIT2").next().map(text),
        author: of("TPE1").next().map(text),
        chapters: order.map(chapter).collect(),
    };
    assert_eq!(told.chapters.len(), chapters.len(), "all of them are in the table");
    (told, 10 + size)
}

/// What Vorbis comments tell.
fn comments(mut bytes: &[u8]) -> Told {
    let mut part = || {
        let (part, rest) = bytes[4..].split_at(le(&bytes[..4]));
        bytes = rest;
        String::from_utf8(part.to_vec()).unwrap()
    };
    assert_eq!(part(), "iShowTTS");
    let count = le(&bytes[..4]);
    bytes = &bytes[4..];
    let mut part = || {
        let (part, rest) = bytes[4..].split_at(le(&bytes[..4]));
        bytes = rest;
        String::from_utf8(part.to_vec()).unwrap()
    };
    let mut told = Told::default();
    for _ in 0..count {
        let comment = part();
        let (name, value) = comment.split_once('=').unwrap();
        match name {
            "TITLE" => told.title = Some(value.to_owned()),
            "ARTIST" => told.author = Some(value.to_owned()),
            name if name.ends_with("NAME") => {
                assert_eq!(name, format!("CHAPTER{:03}NAME", told.chapters.len()));
                told.chapters.last_mut().unwrap().0 = Some(value.to_owned());
            }
            name => {
                assert_eq!(name, format!("CHAPTER{:03}", told.chapters.len() + 1));
                let parts: Vec<u64> = value.split([':', '.']).map(|part| part.parse().unwrap()).collect();
                let seconds = parts[0] * 3600 + parts[1] * 60 + parts[2];
                told.chapters.push((None, seconds * 1000 + parts[3]));
            }
        }
    }
    told
}

/// What a FLAC file tells, how many samples it says that it has, and where its frames begin.
fn flac(file: &[u8]) -> (Told, u64, usize) {
    assert_eq!(&file[..4], b"fLaC");
    let (mut at, mut told, mut samples) = (4, Told::default(), 0);
    loop {
        let (kind, size) = (file[at], be(&file[at + 1..at + 4]));
        let block = &file[at + 4..at + 4 + size];
        match kind & 0x7f {
            0 => samples = be(&block[13..18]) as u64 & 0xf_ffff_ffff,
            4 => told = comments(block),
            other => panic!("block {other}"),
        }
        at += 4 + size;
        if kind & 0x80 != 0 {
            return (told, samples, at);
        }
    }
}

/// What an Opus file tells, and where its audio begins. Pages are numbered one after the other.
fn opus(file: &[u8]) -> (Told, usize) {
    let (mut at, mut pages) = (0, Vec::new());
    while at < file.len() {
        assert_eq!((&file[at..at + 4], le(&file[at + 18..at + 22])), (&b"OggS"[..], pages.len()));
        let segments = usize::from(file[at + 26]);
        let size: usize = file[at + 27..at + 27 + segments].iter().map(|size| usize::from(*size)).sum();
        let begin = at + 27 + segments;
        pages.push(&file[begin..begin + size]);
        at = begin + size;
    }
    assert_eq!(&pages[0][..8], b"OpusHead");
    assert_eq!(&pages[1][..8], b"OpusTags");
    let second = file[10..].windows(4).position(|window| window == b"OggS").unwrap() + 10;
    (comments(&pages[1][8..]), second + 27 + usize::from(file[second + 26]) + pages[1].len())
}

/// Chunks of a RIFF file or list: their names and what is in them.
fn chunks(mut bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let size = le(&bytes[4..8]);
        found.push((&bytes[..4], &bytes[8..8 + size]));
        bytes = &bytes[8 + size + size % 2..];
    }
    found
}

/// What a WAVE file at 24 kHz tells, and its samples.
fn wav(file: &[u8]) -> (Told, &[u8]) {
    assert_eq!((&file[..4], le(&file[4..8]), &file[8..12]), (&b"RIFF"[..], file.len() - 8, &b"WAVE"[..]));
    let (mut told, mut samples) = (Told::default(), &[][..]);
    for (name, content) in chunks(&file[12..]) {
        match name {
            b"fmt " => {}
            b"data" => samples = content,
            b"cue " => {
                let points = content[4..].chunks(24).enumerate().map(|(number, point)| {
                    assert_eq!((le(&point[..4]), &point[8..12]), (number + 1, &b"data"[..]));
                    (None, le(&point[20..24]) as u64 / 24)
                });
                told.chapters = points.collect();
                assert_eq!(le(&content[..4]), told.chapters.len());
            }
            b"LIST" => {
                for (name, part) in chunks(&content[4..]) {
                    let text =
                        |bytes: &[u8]| Some(String::from_utf8(bytes[..bytes.len() - 1].to_vec()).unwrap());
                    match (&content[..4], name) {
                        (b"INFO", b"INAM") => told.title = text(part),
                        (b"INFO", b"IART") => told.author = text(part),
                        (b"adtl", b"labl") => told.chapters[le(&part[..4]) - 1].0 = text(&part[4..]),
                        other => panic!("{other:?}"),
                    }
                }
            }
            other => panic!("{other:?}"),
        }
    }
    (told, samples)
}

/// A job that is done, its audio as it is sent, and as it was encoded.
async fn finished(server: &Server, body: Value) -> (Value, Vec<u8>, Vec<u8>) {
    let id = server.submit(body).await;
    let job = server.job_is(&id, "done").await;
    let audio = server.job_audio(&id, &[]).await;
    assert_eq!(audio.header("content-length"), audio.bytes().len().to_string());
    let encoded = std::fs::read(server.dir.path().join("state/jobs/audio").join(&id)).unwrap();
    (job, audio.bytes().to_vec(), encoded)
}

/// What the answer says of the same.
fn told_by(job: &Value) -> Told {
    let chapter =
        |mark: &Value| (mark["title"].as_str().map(str::to_owned), mark["start_ms"].as_u64().unwrap());
    let chapters = job["chapters"].as_array().unwrap();
    let is_none = chapters.len() == 1 && chapters[0]["title"].is_null();
    Told {
        title: job["title"].as_str().map(str::to_owned),
        author: job["author"].as_str().map(str::to_owned),
        chapters: if is_none { Vec::new() } else { chapters.iter().map(chapter).collect() },
    }
}

#[tokio::test]
async fn chapters_and_title_stand_in_the_file_where_its_format_has_them() {
    let server = supervisor().start().await.ready().await;
    let chapters = json!([
        { "title": "第一章 风起", "text": "The first." },
        { "text": "Without a title." },
        { "title": "Three: \"end\"", "text": "The last." },
    ]);
    for chapters in [chapters, json!([{ "text": "The only one." }])] {
        for format in ["mp3", "opus", "flac", "wav", "pcm", "aac"] {
            let body = json!({ "chapters": chapters, "title": TITLE, "format": format });
            let (job, audio, encoded) = finished(&server, body).await;
            let expected = told_by(&job);
            assert_eq!(expected.title.as_deref(), Some(TITLE));
            assert_eq!(expected.chapters.len(), chapters.as_array().unwrap().len() / 2 * 3);
            match format {
                "mp3" => {
                    let (told, end) = id3(&audio);
                    assert_eq!(told, expected);
                    assert!(audio[end..] == encoded);
                }
                "opus" => {
                    let (told, end) = opus(&audio);
                    assert_eq!(told, expected);
                    assert!(audio[end..] == encoded[99..], "the audio is as it was encoded");
                }
                "flac" => {
                    let (told, samples, end) = flac(&audio);
                    assert_eq!(told, expected);
                    assert_eq!(samples / 24, job["progress"]["audio_ms"].as_u64().unwrap());
                    assert!(audio[end..] == encoded[42..], "the audio is as it was encoded");
                }
                "wav" => {
                    let (told, samples) = wav(&audio);
                    assert_eq!(told, expected);
                    assert!(samples == encoded && audio[44..].starts_with(&encoded));
                }
                _ => assert!(audio == encoded, "{format} tells nothing"),
            }
        }
    }
}

#[tokio::test]
async fn more_chapters_than_one_table_holds_are_all_there() {
    let server = supervisor().start().await.ready().await;
    let chapter = |number: usize| json!({ "title": format!("No. {number}"), "text": format!("{number}.") });
    let chapters: Vec<Value> = (1..=260).map(chapter).collect();
    let (job, audio, _) = finished(&server, json!({ "chapters": chapters, "format": "mp3" })).await;
    let told = id3(&audio).0;
    assert_eq!(told.chapters.len(), 260);
    assert_eq!(told, told_by(&job));
}

#[tokio::test]
async fn parts_of_a_file_that_tells_of_its_chapters_are_those_of_the_whole() {
    let server = supervisor().start().await.ready().await;
    for format in ["wav", "mp3", "flac", "opus"] {
        let chapters = json!([{ "title": "One", "text": sentences(2) }, { "title": "Two", "text": "End." }]);
        let body = json!({ "chapters": chapters, "title": TITLE, "format": format });
        let id = server.submit(body).await;
        server.job_is(&id, "done").await;
        let whole = server.job_audio(&id, &[]).await;
        let (bytes, tag) = (whole.bytes().to_vec(), whole.header("etag").to_owned());
        assert!(tag.starts_with(&format!("\"{id}-")), "{tag}");
        let length = bytes.len();
        let cuts = [0, 1, 43, 44, 45, 99, 100, 300, 5000, length - 200, length - 60, length - 1];
        for first in cuts {
            for last in cuts.into_iter().filter(|last| *last >= first) {
                let range = format!("bytes={first}-{last}");
                let part = server.job_audio(&id, &[("range", &range), ("if-range", &tag)]).await;
                assert_eq!(part.header("content-range"), format!("bytes {first}-{last}/{length}"));
                assert!(part.bytes() == &bytes[first..=last], "{format} {range}");
            }
        }
        // What was begun while it grew is another file.
        let growing = format!("\"{id}-growing\"");
        let again = server.job_audio(&id, &[("range", "bytes=5-9"), ("if-range", &growing)]).await;
        assert!((again.status, again.bytes().len()) == (200, length));
    }
}

#[tokio::test]
async fn who_wrote_a_book_stands_in_the_file() {
    let server = supervisor().start().await.ready().await;
    let book = "---\ntitle: Le pêcheur\nauthor: Ann One\n---\n\n# One\n\nFirst.\n\n# Two\n\nSecond.\n";
    for format in ["mp3", "opus", "flac", "wav"] {
        let request = reqwest::Client::new().post(format!("{}/api/jobs?format={format}", server.url));
        let answer = request.header("content-type", "text/markdown").body(book).send().await.unwrap();
        let job: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let id = job["id"].as_str().unwrap();
        let job = server.job_is(id, "done").await;
        assert_eq!((&job["title"], &job["author"]), (&json!("Le pêcheur"), &json!("Ann One")));
        let audio = server.job_audio(id, &[]).await;
        let told = match format {
            "mp3" => id3(audio.bytes()).0,
            "opus" => opus(audio.bytes()).0,
            "flac" => flac(audio.bytes()).0,
            _ => wav(audio.bytes()).0,
        };
        assert_eq!(told, told_by(&job), "{format}");
    }
}
