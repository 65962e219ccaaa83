//! Text in, speech out.

use serde_json::json;

use crate::harness::{pcm, supervisor, tone};

#[tokio::test]
async fn a_text_gives_exactly_its_own_audio() {
    let server = supervisor().start().await.ready().await;
    let answer = server.speak(json!({ "text": "测试文本", "voice_id": "walter" })).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.wav(), tone::of("测试文本"));
    for (name, value) in [
        ("content-type", "audio/wav"),
        ("x-sample-rate", "24000"),
        ("x-engine", "tone"),
        ("x-voice", "walter"),
        ("x-cache", "miss"),
        ("x-audio-ms", "320"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    assert!(answer.header("x-elapsed-ms").parse::<f64>().unwrap() > 0.0);
    assert!(answer.header("x-rtf").parse::<f64>().is_ok());
    assert!(!answer.header("x-request-id").is_empty());
}

#[tokio::test]
async fn texts_asked_at_the_same_time_never_get_each_others_audio() {
    let server = supervisor().workers(3).start().await.ready().await;
    let texts: Vec<String> = (0..60).map(|n| format!("text number {n}{}", "x".repeat(n % 7))).collect();
    let request = |text: &String| {
        let options = json!({ "rtf": 0.02, "chunk_ms": 50 });
        json!({ "text": text, "stream": text.len().is_multiple_of(2), "engine_options": options })
    };
    // On a busy machine some are told to come back, and do.
    let spoken = texts.iter().map(async |text| {
        loop {
            let answer = server.speak(request(text)).await;
            let Some(wait) = answer.headers.get("retry-after-ms") else { break answer };
            let wait = wait.to_str().unwrap().parse().unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
        }
    });
    for (text, answer) in texts.iter().zip(futures_util::future::join_all(spoken).await) {
        assert!(pcm(&answer.bytes()[44..]) == tone::of(text), "{text}");
    }
}

#[tokio::test]
async fn speed_rate_and_format_are_honoured() {
    let server = supervisor().start().await.ready().await;
    let plain = server.speak(json!({ "text": "0123456789", "format": "pcm" })).await;
    assert!(plain.header("content-type").starts_with("audio/pcm"));
    assert_eq!(pcm(plain.bytes()), tone::of("0123456789"));
    let fast = server.speak(json!({ "text": "0123456789", "speed": 2 })).await;
    assert_eq!(fast.wav().len(), plain.bytes().len() / 4);
    let low = server.speak(json!({ "text": "0123456789", "sample_rate": 8000 })).await;
    assert_eq!((low.header("x-sample-rate"), low.header("x-audio-ms")), ("8000", "800"));
    assert_eq!(low.wav().len(), 6400);
}

#[tokio::test]
async fn a_long_text_is_spoken_whole_with_a_rest_between_its_sentences() {
    let server = supervisor().start().await.ready().await;
    let sentence = "This sentence is one of many that will not fit into a single segment at all. ";
    let text = sentence.repeat(12);
    let answer = server.speak(json!({ "text": text })).await;
    let spoken = text.trim().chars().count() as f64 * 80.0;
    let audio: f64 = answer.header("x-audio-ms").parse().unwrap();
    assert!((spoken - 400.0..spoken + 12.0 * 400.0).contains(&audio), "{audio} ms for {spoken} ms of sound");
    let again = server.speak(json!({ "text": text })).await;
    assert_eq!(answer.wav(), again.wav(), "the same request is cut and joined the same way");
}

#[tokio::test]
async fn what_has_no_sound_is_left_out_and_counted() {
    let server = supervisor().start().await.ready().await;
    let answer = server.speak(json!({ "text": "Hi 👋🏽 there\u{0}!" })).await;
    assert_eq!(answer.wav(), tone::of("Hi there!"));
    assert_eq!(answer.header("x-skipped-characters"), "3");
}

#[tokio::test]
async fn a_clients_request_id_comes_back_if_it_is_fit_to_be_logged() {
    let server = supervisor().start().await.ready().await;
    for (theirs, kept) in [("chat-42", true), ("bad id!", false)] {
        let answer =
            server.post(&json!({ "text": "hi" })).header("x-request-id", theirs).send().await.unwrap();
        assert_eq!(answer.headers()["x-request-id"] == theirs, kept);
    }
}

#[tokio::test]
async fn voices_and_status_tell_what_is_there() {
    let server = supervisor().workers(2).start().await.ready().await;
    let voices = server.get("/api/voices").await;
    let ids: Vec<_> = voices["voices"].as_array().unwrap().iter().map(|voice| voice["id"].clone()).collect();
    assert_eq!(ids, ["walter", "tone:tone"]);
    let answer = server.speak(json!({ "text": "hi", "voice_id": "tone:tone" })).await;
    assert_eq!(answer.header("x-voice"), "tone:tone");
    let status = server.get("/api/status").await;
    assert_eq!(status["engines"]["tone"]["workers"].as_array().unwrap().len(), 2);
    assert_eq!(status["engines"]["tone"]["sample_rate"], 24_000);
}
