//! Bodies of every kind: whatever is sent, the answer is never our fault.

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use reqwest::StatusCode;
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
};

use crate::harness::{Server, soon, supervisor};

/// Any JSON, deep and wide.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        any::<String>().prop_map(Value::from),
        Just(json!(1e308)),
        Just(json!("\u{0}\u{202e}\u{feff}\u{fffd}👩‍👩‍👧 ﷽ ﬃ")),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((any::<String>(), inner), 0..6).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// A request with fields that there are, some of them as they should be.
fn nearly() -> impl Strategy<Value = Value> {
    let names = [
        "text",
        "voice_id",
        "format",
        "sample_rate",
        "stream",
        "speed",
        "seed",
        "priority",
        "deadline_ms",
        "engine_options",
    ];
    let good = prop_oneof![
        Just(json!("hi")),
        Just(json!("walter")),
        Just(json!("tone:tone")),
        Just(json!("tone")),
        Just(json!("mp3")),
        Just(json!("flac")),
        Just(json!("batch")),
        Just(json!(24_000)),
        Just(json!(1)),
        Just(json!(true)),
        Just(json!({ "rtf": 0.0, "tone": { "chunk_ms": 1 } })),
        any::<String>().prop_map(Value::from),
    ];
    let fields = vec((prop::sample::select(names.to_vec()), prop_oneof![3 => good, 1 => anything()]), 0..6);
    fields.prop_map(|fields| {
        let mut body = Map::from_iter([("text".to_owned(), json!("hi"))]);
        body.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Value::Object(body)
    })
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let cut = (nearly(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(value, at, byte)| {
        let mut bytes = value.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes
    });
    prop_oneof![
        4 => nearly().prop_map(|value| value.to_string().into_bytes()),
        1 => anything().prop_map(|value| value.to_string().into_bytes()),
        1 => cut,
        1 => vec(any::<u8>(), 0..200),
    ]
}

#[test]
fn no_body_makes_it_our_fault() {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(async { supervisor().start().await.ready().await });
    let client = reqwest::Client::new();
    let config = Config { cases: 1000, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&bodies(), |body| {
            let status = runtime.block_on(post(&client, &server, body.clone()));
            prop_assert!(is_answer(status), "{status}: {}", String::from_utf8_lossy(&body));
            Ok(())
        })
        .unwrap();
    let (restarts, log) =
        runtime.block_on(async { (server.worker(0).await["restarts"].clone(), server.log_text()) });
    assert_eq!(restarts, 0, "and no worker was lost by it");
    assert!(!log.contains("panicked"), "{log}");
}

/// Reads to the end: an answer that breaks off is no answer.
async fn post(client: &reqwest::Client, server: &Server, body: Vec<u8>) -> StatusCode {
    let request = client.post(format!("{}/api/tts", server.url)).header("content-type", "application/json");
    let response = request.body(body).send().await.unwrap();
    let status = response.status();
    response.bytes().await.unwrap();
    status
}

/// What a client is told when it asked for too much or for what there is not, and 200.
fn is_answer(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 400 | 404 | 413 | 422 | 429 | 504)
}

/// A request line and headers with something wrong in most of them, as bytes on the wire.
fn requests() -> impl Strategy<Value = Vec<u8>> {
    let method =
        prop::sample::select(vec!["GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "CONNECT", "X", ""]);
    let paths = [
        "/api/tts",
        "/api/voices",
        "/api/status",
        "/api/engines/tone/restart",
        "/api/engines/%ff%00/restart",
        "/api/engines//restart",
        "/healthz",
        "/readyz",
        "/metrics",
        "/../../etc/passwd",
        "*",
        "http://localhost/metrics",
        "http://[::1/",
        "/%",
        "/a?%zz=&&",
    ];
    let path = prop_oneof![
        4 => prop::sample::select(paths.to_vec()).prop_map(str::to_owned),
        1 => "/[ -~]{0,40}",
        1 => any::<String>(),
    ];
    let names = [
        "Host",
        "Origin",
        "Authorization",
        "X-API-Key",
        "X-Request-Id",
        "X-Forwarded-For",
        "Forwarded",
        "Content-Type",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Upgrade",
        "Expect",
        "Access-Control-Request-Method",
        "Cache-Control",
        "Range",
        "Accept",
    ];
    let values = [
        "localhost",
        "evil.example",
        "null",
        "http://localhost",
        "Bearer",
        "Bearer x",
        "5",
        "-5",
        "chunked",
        "keep-alive",
        "websocket",
        "100-continue",
        "POST",
        "for=\"[::1\";;,",
        "1.2.3.4, ,\"",
        "application/json",
        "no-cache",
        "",
    ];
    let value = prop_oneof![
        4 => prop::sample::select(values.to_vec()).prop_map(|value| value.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..40),
    ];
    let headers = vec((prop::sample::select(names.to_vec()), value), 0..6);
    (method, path, headers, vec(any::<u8>(), 0..40)).prop_map(|(method, path, headers, body)| {
        let mut bytes = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
        for (name, value) in headers {
            bytes.extend(name.as_bytes());
            bytes.extend(b": ");
            bytes.extend(value);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"\r\n");
        bytes.extend(body);
        bytes
    })
}

/// The first line of what is answered, if anything is.
async fn exchange(server: &Server, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(&server.address).await.unwrap();
    // An answer may come, and the connection end, before everything was sent.
    drop(socket.write_all(bytes).await);
    drop(socket.shutdown().await);
    let mut told = Vec::new();
    drop(soon("the end of the connection", socket.read_to_end(&mut told)).await);
    String::from_utf8_lossy(&told).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn no_request_of_any_kind_makes_it_our_fault() {
    let runtime = Runtime::new().unwrap();
    let limits = "[limits]\nbody_timeout_s = 1\n[cors]\norigins = [\"*\"]\n";
    let open = runtime.block_on(async { supervisor().config(limits).start().await.ready().await });
    let locked =
        runtime.block_on(async { supervisor().key("me", "key").config(limits).start().await.ready().await });
    let config = Config { cases: 1000, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&requests(), |bytes| {
            for server in [&open, &locked] {
                let line = runtime.block_on(exchange(server, &bytes));
                let is_fault = line.starts_with("HTTP/1.1 500") || line.starts_with("HTTP/1.1 502");
                prop_assert!(!is_fault, "{line}: {}", String::from_utf8_lossy(&bytes));
            }
            Ok(())
        })
        .unwrap();
    for server in [&open, &locked] {
        assert!(!server.log_text().contains("panicked"), "{}", server.log_text());
        assert_eq!(runtime.block_on(server.get("/healthz")), "ok\n");
    }
}
