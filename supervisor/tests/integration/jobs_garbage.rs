//! Books of every kind, and what is none: whatever is sent, the answer is never our fault.

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tokio::runtime::Runtime;

use crate::{
    harness::{Server, supervisor},
    jobs_upload::epub,
};

const MEDIA_TYPES: [&str; 6] = [
    "application/epub+zip",
    "text/markdown",
    "text/plain",
    "multipart/form-data; boundary=x",
    "application/json",
    "multipart/form-data; boundary=\"",
];

/// Something that is nearly right: one byte is another one, or the rest is missing.
fn damaged(whole: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    (any::<prop::sample::Index>(), any::<u8>(), any::<bool>()).prop_map(move |(at, byte, is_cut)| {
        let mut bytes = whole.clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(if is_cut { at } else { bytes.len() });
        bytes
    })
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let form = |file: &[u8]| {
        let head = b"--x\r\nContent-Disposition: form-data; name=\"speed\"\r\n\r\n1.5\r\n--x\r\nContent-Disposition: form-data; \
            name=\"file\"; filename=\"a.epub\"\r\nContent-Type: application/epub+zip\r\n\r\n";
        [head, file, b"\r\n--x--\r\n"].concat()
    };
    prop_oneof![
        damaged(epub()),
        damaged(form(&epub())),
        damaged(form(b"# A\n\n<p>B</p>\n\n| a |\n|---|\n| b |\n")),
        "[# \n<>|*_`a-c第一章\\[\\]()&;!-]{0,60}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..200),
    ]
}

fn queries() -> impl Strategy<Value = String> {
    let names =
        ["title", "voice_id", "format", "speed", "seed", "engine_options", "ssml", "webhook", "kind", "x"];
    let values =
        ["", "1", "true", "a%00b", "%ff", "{}", "{\"a\":[1]}", "mp3", "markdown", "&&=", "http://localhost/"];
    let field = (prop::sample::select(names.to_vec()), prop::sample::select(values.to_vec()));
    vec(field, 0..3).prop_map(|fields| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if fields.is_empty() { String::new() } else { format!("?{}", fields.join("&")) }
    })
}

#[test]
fn no_book_makes_it_our_fault() {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(async { supervisor().start().await.ready().await });
    let client = reqwest::Client::new();
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let media_types = prop::sample::select(MEDIA_TYPES.to_vec());
    TestRunner::new(config)
        .run(&(media_types, queries(), bodies()), |(media_type, query, body)| {
            let (status, answer) = runtime.block_on(send(&client, &server, media_type, &query, body.clone()));
            prop_assert!(matches!(status, 202 | 400 | 404 | 413 | 415 | 422), "{status}: {answer}");
            Ok(())
        })
        .unwrap();
    let log = server.log_text();
    assert!(!log.contains("panicked"), "{log}");
}

async fn send(
    client: &reqwest::Client,
    server: &Server,
    media_type: &str,
    query: &str,
    body: Vec<u8>,
) -> (u16, String) {
    let request = client.post(format!("{}/api/jobs{query}", server.url)).header("content-type", media_type);
    let response = request.body(body).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}
