//! Audio as it is made.

use futures_util::StreamExt;
use serde_json::json;

use crate::harness::{pcm, soon, supervisor, tone};

#[tokio::test]
async fn audio_comes_before_the_synthesis_is_complete() {
    // An hour of synthesis: whatever comes, comes before its end.
    let server = supervisor().start().await.ready().await;
    let slow = json!({ "rtf": 1000, "chunk_ms": 1 });
    let request = json!({ "text": "a long text", "stream": true, "engine_options": slow });
    let response = server.post(&request).send().await.unwrap();
    assert_eq!(response.headers()["transfer-encoding"], "chunked");
    assert!(!response.headers().contains_key("x-elapsed-ms"), "not known yet");
    let mut body = response.bytes_stream();
    let first = soon("the first bytes", body.next()).await.unwrap().unwrap();
    assert_eq!(&first[..4], b"RIFF");
    assert_eq!(server.get("/api/status").await["requests_in_flight"], 1);
}

#[tokio::test]
async fn a_stream_and_a_file_have_the_same_samples() {
    let server = supervisor().engine("chunk_ms", 37).start().await.ready().await;
    let text = "The same words in both.";
    let streamed = server.speak(json!({ "text": text, "stream": true })).await;
    assert_eq!(streamed.bytes()[40..44], [0xff; 4], "the length is not known in advance");
    assert_eq!(pcm(&streamed.bytes()[44..]), tone::of(text));
    let bare = server.speak(json!({ "text": text, "stream": true, "format": "pcm" })).await;
    assert_eq!(pcm(bare.bytes()), tone::of(text));
}

#[tokio::test]
async fn every_format_is_the_same_as_a_file_and_as_a_stream() {
    let server = supervisor().start().await.ready().await;
    for (format, media_type, magic) in [
        ("mp3", "audio/mpeg", &b"\xff"[..]),
        ("opus", "audio/ogg; codecs=opus", b"OggS"),
        ("flac", "audio/flac", b"fLaC"),
        ("aac", "audio/aac", b"\xff\xf1"),
    ] {
        let request = |stream| json!({ "text": "Hello in every format", "format": format, "stream": stream });
        let file = server.speak(request(false)).await;
        assert_eq!(file.header("content-type"), media_type);
        assert!(file.bytes().starts_with(magic), "{format}");
        assert_eq!(file.header("content-length"), file.bytes().len().to_string());
        let streamed = server.speak(request(true)).await;
        assert!(streamed.bytes() == file.bytes(), "{format}");
    }
    let opus = server.speak(json!({ "text": "hi", "format": "opus", "sample_rate": 22050 })).await;
    assert_eq!(opus.header("x-sample-rate"), "24000", "Opus knows no 22050");
}

#[tokio::test]
async fn a_stream_that_fails_on_the_way_is_never_taken_for_a_whole_one() {
    let server = supervisor().script("ready").start().await.ready().await;
    for text in ["crash-midway", "half-line", "half-payload", "garbage", "wrong-id", "unknown-type"] {
        let answer = server.speak(json!({ "text": text, "stream": true })).await;
        assert_eq!(answer.status, 200, "{text}: its first audio was there");
        assert!(answer.body.is_err(), "{text}: it must end without the final chunk");
        assert_eq!(server.speak(json!({ "text": format!("normal {text}") })).await.status, 200);
    }
}

#[tokio::test]
async fn a_stream_that_fails_before_its_first_audio_is_a_plain_error() {
    let server = supervisor().script("ready").start().await.ready().await;
    let answer = server.speak(json!({ "text": "crash", "stream": true })).await;
    assert_eq!(answer.error(), (422, "poison".into(), None), "three workers crashed over it");
    assert_eq!(answer.header("retry-after"), "600");
    let answer = server.speak(json!({ "text": "refuse", "stream": true })).await;
    assert_eq!(answer.error(), (422, "invalid_field".into(), Some("engine_options.colour".into())));
}
