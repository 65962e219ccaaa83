//! Bad input of every kind: the right status and code, and nothing lost.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{Answer, Server, soon, supervisor};

/// What is sent, the body, and the status, code and parameter of the answer.
type Case = (&'static str, Vec<u8>, u16, &'static str, Option<&'static str>);

async fn send(server: &Server, body: impl Into<reqwest::Body>, media_type: &str) -> Answer {
    let request = reqwest::Client::new().post(format!("{}/api/tts", server.url));
    let response = request.header("content-type", media_type).body(body).send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: response.bytes().await.map_err(|error| error.to_string()) }
}

#[tokio::test]
async fn every_bad_body_gets_its_status_and_code() {
    let server = supervisor().start().await.ready().await;
    let text = |text: &str| json!({ "text": text }).to_string().into_bytes();
    let field = |name: &str, value: Value| json!({ "text": "hi", name: value }).to_string().into_bytes();
    let cases: Vec<Case> = vec![
        ("nothing", vec![], 400, "invalid_json", None),
        ("no JSON", b"text=hi".to_vec(), 400, "invalid_json", None),
        ("invalid UTF-8", b"{\"text\":\"\xff\xfe\"}".to_vec(), 400, "invalid_json", None),
        ("half a surrogate pair", br#"{"text":"\ud800"}"#.to_vec(), 400, "invalid_json", None),
        ("no object", b"[1]".to_vec(), 400, "invalid_json", None),
        ("deep nesting", [b'['; 100_000].to_vec(), 400, "invalid_json", None),
        ("no text", b"{}".to_vec(), 422, "invalid_field", Some("text")),
        ("empty text", text(""), 422, "invalid_field", Some("text")),
        ("white space", text(" \n\t\u{3000}"), 422, "nothing_to_speak", Some("text")),
        ("punctuation", text("…?!。，"), 422, "nothing_to_speak", Some("text")),
        ("emoji", text("🎉🎉"), 422, "nothing_to_speak", Some("text")),
        ("NUL bytes", text("\0\0\0"), 422, "nothing_to_speak", Some("text")),
        ("text of a wrong type", b"{\"text\":{\"a\":1}}".to_vec(), 422, "invalid_field", Some("text")),
        ("a long text", text(&"长".repeat(5001)), 422, "text_too_long", Some("text")),
        ("a megabyte of text", text(&"x".repeat(1_000_000)), 422, "text_too_long", Some("text")),
        ("more than a megabyte", text(&"x".repeat(2_000_000)), 413, "body_too_large", None),
        ("an unknown voice", field("voice_id", json!("nobody")), 404, "unknown_voice", Some("voice_id")),
        (
            "an unknown speaker",
            field("voice_id", json!("tone:nobody")),
            404,
            "unknown_voice",
            Some("voice_id"),
        ),
        (
            "a path as a voice",
            field("voice_id", json!("../../etc/passwd")),
            404,
            "unknown_voice",
            Some("voice_id"),
        ),
        ("an unknown field", field("volume", json!(11)), 422, "invalid_field", Some("volume")),
        ("speed out of range", field("speed", json!(100)), 422, "invalid_field", Some("speed")),
        ("an unknown format", field("format", json!("midi")), 422, "invalid_field", Some("format")),
        ("a rate out of range", field("sample_rate", json!(1)), 422, "invalid_field", Some("sample_rate")),
        (
            "an unknown option",
            field("engine_options", json!({ "colour": "red" })),
            422,
            "invalid_field",
            Some("engine_options.colour"),
        ),
        (
            "options that no line to a worker has room for",
            // Three times as long when it is written out.
            format!(
                r#"{{"text":"hi","engine_options":{{"tone":{{"x":[{}]}}}}}}"#,
                vec!["1e15"; 150_000].join(",")
            )
            .into_bytes(),
            422,
            "invalid_field",
            Some("engine_options"),
        ),
        (
            "an option of a wrong type",
            field("engine_options", json!({ "rtf": "fast" })),
            422,
            "invalid_field",
            Some("engine_options.rtf"),
        ),
    ];
    for (what, body, status, code, param) in cases {
        let answer = send(&server, body, "application/json").await;
        assert_eq!(answer.error(), (status, code.into(), param.map(str::to_owned)), "{what}");
        let told = String::from_utf8_lossy(answer.bytes()).into_owned();
        assert!(!told.contains("panicked") && !told.contains(".rs:"), "{what}: {told}");
    }
    assert_eq!(send(&server, "{}", "text/plain").await.error().1, "unsupported_media_type");
    assert_eq!(server.speak(json!({ "text": "NUL \0 in the middle" })).await.status, 200);
    assert_eq!(server.worker(0).await["restarts"], 0);
    assert_eq!(server.get("/api/status").await["requests_in_flight"], 0);
}

#[tokio::test]
async fn unknown_routes_and_methods_are_told_as_json() {
    let server = supervisor().start().await.ready().await;
    assert_eq!(server.get("/nothing/here").await["error"]["code"], "no_such_route");
    assert_eq!(server.get("/api/tts").await["error"]["code"], "method_not_allowed");
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off() {
    let server = supervisor().config("[limits]\nbody_timeout_s = 1\n").start().await.ready().await;
    let head = "POST /api/tts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    // Never another byte, and never a last one.
    for (framing, endless) in [("Content-Length: 100", false), ("Transfer-Encoding: chunked", true)] {
        let mut socket = TcpStream::connect(&server.address).await.unwrap();
        socket.write_all(format!("{head}{framing}\r\n\r\n").as_bytes()).await.unwrap();
        let (mut reader, mut writer) = socket.into_split();
        let flood = tokio::spawn(async move {
            let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
            while endless && writer.write_all(&chunk).await.is_ok() {}
            writer
        });
        let mut start = [0; 12];
        soon("an answer", reader.read_exact(&mut start)).await.unwrap();
        let expected: &[u8] = if endless { b"HTTP/1.1 413" } else { b"HTTP/1.1 408" };
        assert_eq!(start, expected);
        drop(reader);
        flood.abort();
    }
    server.quiet().await;
    assert_eq!(server.speak(json!({ "text": "still here" })).await.status, 200);
}
