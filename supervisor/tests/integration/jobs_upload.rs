//! Books that are sent as they are: plain text, Markdown and EPUB, in a form or as the body, and by the command line.

use std::{
    io::{Cursor, Write},
    process::Stdio,
};

use futures_util::StreamExt;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::harness::{Answer, Server, ishowtts, soon, supervisor};

const MARKDOWN: &str =
    "# Tom's day\n\n## Morning\n\nHe *rises*.\n\n## Evening\n\nHe [sleeps](http://x.example).\n";

/// An EPUB 3 with a title and two chapters.
pub(crate) fn epub() -> Vec<u8> {
    let page = |heading: &str, text: &str| {
        format!(
            "<html xmlns=\"http://www.w3.org/1999/xhtml\"><head><title>x</title></head><body><h1>{heading}</h1><p>{text}</p></body></html>"
        )
    };
    let package = r#"<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
        <dc:title>Tom &amp; Jerry</dc:title><dc:language>en</dc:language></metadata><manifest>
        <item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
        <item id="a" href="a.xhtml" media-type="application/xhtml+xml"/><item id="b" href="b.xhtml" media-type="application/xhtml+xml"/>
        </manifest><spine><itemref idref="a"/><itemref idref="b"/></spine></package>"#;
    let nav = r#"<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><body><nav epub:type="toc"><ol>
        <li><a href="a.xhtml">The cat</a></li><li><a href="b.xhtml">The mouse</a></li></ol></nav></body></html>"#;
    let container = r#"<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
        <rootfile full-path="content.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"#;
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in [
        ("mimetype", "application/epub+zip".to_owned()),
        ("META-INF/container.xml", container.to_owned()),
        ("content.opf", package.to_owned()),
        ("nav.xhtml", nav.to_owned()),
        ("a.xhtml", page("The cat", "Tom runs.")),
        ("b.xhtml", page("The mouse", "Jerry hides.")),
    ] {
        zip.start_file(name, stored).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A form with a file of this name, and other fields.
fn form(name: &str, file: &[u8], fields: &[(&str, &str)]) -> Form {
    let part = Part::bytes(file.to_vec()).file_name(name.to_owned());
    let form = Form::new().part("file", part);
    fields.iter().fold(form, |form, (name, value)| form.text((*name).to_owned(), (*value).to_owned()))
}

impl Server {
    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        soon("the answer", async {
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = response.bytes().await.map_err(|error| error.to_string());
            Answer { status, headers, body }
        })
        .await
    }

    async fn send_form(&self, form: Form, key: &str) -> Answer {
        let request = reqwest::Client::new().post(format!("{}/api/jobs", self.url));
        self.send(request.header("idempotency-key", key).multipart(form)).await
    }

    async fn send_raw(&self, media_type: &str, query: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = reqwest::Client::new().post(format!("{}/api/jobs{query}", self.url));
        self.send(request.header("content-type", media_type).body(body)).await
    }
}

/// Titles of the chapters of a job that is done, its own and how many characters it has.
async fn told(server: &Server, answer: &Answer) -> (Vec<Value>, Value, u64) {
    assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(answer.bytes()));
    let job = server.job_is(answer.json()["id"].as_str().unwrap(), "done").await;
    let titles = job["chapters"].as_array().unwrap().iter().map(|mark| mark["title"].clone()).collect();
    (titles, job["title"].clone(), job["characters"].as_u64().unwrap())
}

#[tokio::test]
async fn a_book_is_taken_in_as_it_is() {
    let server = supervisor().start().await.ready().await;
    let cat_and_mouse = vec![json!("The cat"), json!("The mouse")];
    // A heading, an empty line, a sentence, twice.
    let characters = "The cat\n\nTom runs.The mouse\n\nJerry hides.".chars().count() as u64;
    let answer =
        server.send_form(form("book.epub", &epub(), &[("format", "pcm"), ("speed", "2")]), "a").await;
    let job = answer.json();
    assert_eq!((&job["format"], &job["speed"]), (&json!("pcm"), &json!(2.0)));
    assert_eq!(told(&server, &answer).await, (cat_and_mouse.clone(), json!("Tom & Jerry"), characters));
    let answer = server.send_raw("application/epub+zip", "?title=Mine&seed=7", epub()).await;
    assert_eq!(answer.json()["seed"], 7);
    assert_eq!(told(&server, &answer).await, (cat_and_mouse, json!("Mine"), characters));

    let answer = server.send_raw("text/markdown; charset=utf-8", "", MARKDOWN).await;
    let (titles, title, _) = told(&server, &answer).await;
    assert_eq!(
        (&titles[titles.len() - 2..], title),
        (&[json!("Morning"), json!("Evening")][..], json!("Tom's day"))
    );

    // Nothing but its name tells what it is called, and nothing but `kind` what it is.
    let text = "# One\nIt begins.\n\n# Two\nIt ends.\n";
    let answer =
        server.send_form(form("C:\\books\\a day.dat", text.as_bytes(), &[("kind", "text")]), "b").await;
    assert_eq!(told(&server, &answer).await.0, [json!("One"), json!("Two")]);
    assert_eq!(answer.json()["title"], "a day");

    // Plain text may be SSML, which has no chapters; it is a text like any other where that is said.
    let ssml = "<speak># One<break time=\"1s\"/>and on.</speak>";
    let answer = server.send_raw("text/plain", "?format=pcm", ssml).await;
    assert_eq!(told(&server, &answer).await.0, [Value::Null]);
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let rest = server.job_audio(&id, &[]).await.bytes().len();
    let plain = server.send_raw("text/plain", "?format=pcm&ssml=false", "One and on.").await;
    told(&server, &plain).await;
    let id = plain.json()["id"].as_str().unwrap().to_owned();
    assert!(rest > server.job_audio(&id, &[]).await.bytes().len() + 40_000, "it rests for a second");
}

#[tokio::test]
async fn the_same_book_under_one_key_is_one_job() {
    let server = supervisor().start().await.ready().await;
    let first = server.send_form(form("a.md", MARKDOWN.as_bytes(), &[("seed", "7")]), "one").await;
    assert_eq!((first.status, first.header("idempotent-replay")), (202, ""));
    let again = server.send_form(form("b.md", MARKDOWN.as_bytes(), &[("seed", "7")]), "one").await;
    assert_eq!((again.status, again.header("idempotent-replay")), (200, "true"));
    assert_eq!(again.json()["id"], first.json()["id"]);
    // Another byte that nobody hears is another book; so is another field.
    for other in [
        form("a.md", format!("{MARKDOWN}\n").as_bytes(), &[("seed", "7")]),
        form("a.md", MARKDOWN.as_bytes(), &[("seed", "8")]),
        form("a.txt", MARKDOWN.as_bytes(), &[("seed", "7")]),
    ] {
        assert_eq!(server.send_form(other, "one").await.error(), (409, "idempotency_conflict".into(), None));
    }
    assert_eq!(server.get("/api/jobs").await["jobs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_no_book_is_told_at_once() {
    let config = "[jobs]\nmax_text_chars = 200\nmax_upload_mb = 1\n";
    let server = supervisor().config(config).start().await.ready().await;
    let damaged = {
        let mut file = epub();
        let at = file.windows(11).position(|window| window == b"content.opf").unwrap();
        file[at] = b'x';
        file
    };
    let long = "word ".repeat(41);
    let large = vec![b'a'; (1 << 20) + 1];
    let text = |code: &str| code.to_owned();
    for (media_type, query, body, expected) in [
        ("application/pdf", "", &b"%PDF"[..], (415, "unsupported_media_type", None)),
        ("", "", b"text", (415, "unsupported_media_type", None)),
        ("multipart/form-data", "", b"x", (415, "unsupported_media_type", None)),
        ("multipart/form-data; boundary=x", "", b"y", (400, "invalid_multipart", None)),
        ("multipart/form-data; boundary=x", "?title=a", b"--x--", (422, "invalid_field", Some("query"))),
        ("multipart/form-data; boundary=x", "", b"--x--\r\n", (422, "invalid_field", Some("file"))),
        ("text/plain", "", b"\xc4\xe3\xba\xc3", (422, "invalid_book", Some("file"))),
        ("text/plain", "", b" \n\n...\n", (422, "nothing_to_speak", Some("file"))),
        ("text/plain", "", b"<speak>a", (422, "invalid_ssml", Some("file"))),
        ("text/plain", "", long.as_bytes(), (422, "text_too_long", Some("file"))),
        ("text/plain", "", &large, (413, "body_too_large", None)),
        ("text/markdown", "?ssml=true", b"a", (422, "invalid_field", Some("ssml"))),
        ("text/markdown", "?speed=9", b"a", (422, "invalid_field", Some("speed"))),
        ("text/markdown", "?speed=fast", b"a", (422, "invalid_field", Some("speed"))),
        ("text/markdown", "?seed=1&seed=2", b"a", (422, "invalid_field", Some("seed"))),
        ("text/markdown", "?text=a", b"a", (422, "invalid_field", Some("text"))),
        ("text/markdown", "?engine_options=7", b"a", (422, "invalid_field", Some("engine_options"))),
        ("text/markdown", "?voice_id=nobody", b"a", (404, "unknown_voice", Some("voice_id"))),
        ("application/epub+zip", "", b"no zip", (422, "invalid_book", Some("file"))),
        ("application/epub+zip", "", &damaged, (422, "invalid_book", Some("file"))),
    ] {
        let answer = server.send_raw(media_type, query, body.to_vec()).await;
        let (status, code, param) = expected;
        assert_eq!(answer.error(), (status, text(code), param.map(text)), "{media_type}{query}");
    }
    for (sent, status, code, param) in [
        (form("a.pdf", b"%PDF", &[]), 415, "unsupported_media_type", Some("file")),
        (form("a.md", b"a", &[("stream", "true")]), 422, "invalid_field", Some("stream")),
        (form("a.md", b"a", &[("kind", "word")]), 422, "invalid_field", Some("kind")),
        (form("a.md", b"a", &[("title", "a"), ("title", "b")]), 422, "invalid_field", Some("title")),
        (form("a.md", b"a", &[("title", &"a".repeat(70_000))]), 422, "invalid_field", Some("title")),
        (form("a.md", b"a", &[("file", "b")]), 422, "invalid_field", Some("file")),
        (form("a.md", &large, &[]), 413, "body_too_large", None),
        (Form::new().text("title", "a"), 422, "invalid_field", Some("file")),
    ] {
        let told = format!("{sent:?}");
        let told: String = told.chars().take(300).collect();
        assert_eq!(
            server.send_form(sent, "x").await.error(),
            (status, code.into(), param.map(str::to_owned)),
            "{told}"
        );
    }
    // A body that does not tell its length is not read for ever.
    let pieces = (0..40).map(|_| Ok::<_, std::io::Error>(vec![b'a'; 1 << 16]));
    let endless = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    assert_eq!(
        server.send_raw("text/plain", "", endless).await.error(),
        (413, "body_too_large".into(), None)
    );
    assert_eq!(server.get("/api/jobs").await["jobs"], json!([]), "nothing was taken in");
}

#[tokio::test]
async fn a_book_that_is_held_back_is_let_go() {
    let server = supervisor().config("[limits]\nbody_timeout_s = 1\n").start().await.ready().await;
    let begun = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.md\"\r\n\r\nIt begins";
    for (media_type, begun) in [("text/plain", "It begins"), ("multipart/form-data; boundary=x", begun)] {
        let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>(begun)]);
        let body = reqwest::Body::wrap_stream(pieces.chain(futures_util::stream::pending()));
        let answer = server.send_raw(media_type, "", body).await;
        assert_eq!(answer.error(), (408, "body_too_slow".into(), None), "{media_type}");
    }
}

#[tokio::test]
async fn the_command_line_sends_books() {
    let server = supervisor().start().await.ready().await;
    let path = |name: &str| server.dir.path().join(name).to_string_lossy().into_owned();
    std::fs::write(path("book.epub"), epub()).unwrap();
    std::fs::write(path("plain"), "Plain words without an ending.").unwrap();
    std::fs::write(path("picture.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    let submitted = async |args: &[&str], input: &str| {
        let args = [&["jobs", "submit"], args, &["--server", &server.url]].concat();
        let mut command = ishowtts(server.dir.path());
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        let output = soon("the end of the command", child.wait_with_output()).await.unwrap();
        let (id, error) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        if output.status.success() { Ok(id.trim().to_owned()) } else { Err(error) }
    };
    let titles = async |id: &str| {
        let job = server.job_is(id, "done").await;
        let marks = job["chapters"].as_array().unwrap().iter().map(|mark| mark["title"].clone());
        (job["title"].clone(), marks.collect::<Vec<_>>())
    };
    let id = submitted(&[&path("book.epub"), "--speed", "2"], "").await.unwrap();
    assert_eq!(titles(&id).await, (json!("Tom & Jerry"), vec![json!("The cat"), json!("The mouse")]));
    assert_eq!(server.job(&id).await["speed"], 2.0);
    let id = submitted(&[&path("plain"), "--title", "Mine"], "").await.unwrap();
    assert_eq!(titles(&id).await, (json!("Mine"), vec![Value::Null]));
    let id = submitted(&["-", "--kind", "markdown"], "# A\n\nFirst.\n\n# B\n\nSecond.\n").await.unwrap();
    assert_eq!(titles(&id).await, (Value::Null, vec![json!("A"), json!("B")]));
    let target = path("out.mp3");
    assert_eq!(submitted(&["-", "-o", &target], "Plain words.").await.unwrap(), target);
    let error = submitted(&[&path("picture.png")], "").await.unwrap_err();
    assert!(error.contains("nothing tells what the file is"), "{error}");
    let error = submitted(&["-", "--voice", "nobody"], "Plain words.").await.unwrap_err();
    assert!(error.contains(&format!("ishowtts voices list --server {}", server.url)), "{error}");
    let error = submitted(&[&path("none.epub")], "").await.unwrap_err();
    assert!(error.contains("could not read the book") && error.contains("none.epub"), "{error}");
}
