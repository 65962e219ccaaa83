//! The same audio twice: out of the cache, or from one synthesis for all who ask meanwhile.

use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::harness::{Server, pcm, soon, supervisor, tone};

const HITS: &str = "ishowtts_cache_hits_total{tier=\"memory\"}";

async fn asked(server: &Server, body: &Value, control: &str) -> (String, Vec<u8>) {
    let response = server.post(body).header("cache-control", control).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let origin = response.headers()["x-cache"].to_str().unwrap().to_owned();
    (origin, response.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn what_was_spoken_is_there_when_it_is_asked_for_again() {
    let server = supervisor().start().await.ready().await;
    let body = json!({ "text": "Say it again.", "format": "pcm" });
    let (origin, first) = asked(&server, &body, "max-age=60").await;
    assert_eq!((origin.as_str(), pcm(&first)), ("miss", tone::of("Say it again.")));
    for _ in 0..2 {
        assert_eq!(asked(&server, &body, "max-age=60").await, ("hit".into(), first.clone()));
    }
    assert_eq!(server.metric(HITS).await, 2.0);
    // Another format, another rate and another way of delivery are the same audio.
    let wav = json!({ "text": "Say it again.", "stream": true, "sample_rate": 16000 });
    let (origin, wav) = asked(&server, &wav, "").await;
    assert_eq!(origin, "hit");
    assert_eq!(wav.len() - 44, first.len() * 2 / 3);
    for other in [
        json!({ "text": "Say it again!", "format": "pcm" }),
        json!({ "text": "Say it again.", "format": "pcm", "speed": 1.5 }),
        json!({ "text": "Say it again.", "format": "pcm", "seed": 5 }),
        json!({ "text": "Say it again.", "format": "pcm", "engine_options": { "chunk_ms": 50, "rtf": 0 } }),
    ] {
        assert_eq!(asked(&server, &other, "").await.0, "miss", "{other}");
    }
    // Written in another order, options ask for the same.
    let same =
        json!({ "text": "Say it again.", "format": "pcm", "engine_options": { "rtf": 0, "chunk_ms": 50 } });
    assert_eq!(asked(&server, &same, "").await.0, "hit");
    assert_eq!(asked(&server, &body, "no-cache").await, ("miss".into(), first));
    // What was there already says nothing of how fast the engine is.
    assert_eq!(server.metric("ishowtts_elapsed_ms_count{engine=\"tone\"}").await, 6.0);
}

#[tokio::test]
async fn one_line_switches_it_off() {
    for config in ["[cache]\nmemory_mb = 0\n", ""] {
        let mut builder = supervisor().config(config);
        if config.is_empty() {
            builder = builder.engine("cache", false);
        }
        let server = builder.start().await.ready().await;
        let body = json!({ "text": "Never kept." });
        for _ in 0..2 {
            assert_eq!(asked(&server, &body, "").await.0, "miss");
        }
    }
}

#[tokio::test]
async fn equal_requests_in_flight_share_one_synthesis() {
    let server = supervisor().script("ready").start().await.ready().await;
    let body = json!({ "text": "endless", "stream": true, "format": "pcm" });
    let first = server.post(&body).send().await.unwrap();
    assert_eq!(first.headers()["x-cache"], "miss");
    let second = server.post(&body).send().await.unwrap();
    assert_eq!(second.headers()["x-cache"], "coalesced");
    let third = server.post(&body).header("cache-control", "no-cache");
    let third = tokio::spawn(third.send());
    // Both hear the same from the beginning, and neither waits for the other.
    let (mut first, mut second) = (first.bytes_stream(), second.bytes_stream());
    for _ in 0..3 {
        assert!(soon("audio", first.next()).await.unwrap().is_ok());
        assert!(soon("audio", second.next()).await.unwrap().is_ok());
    }
    let spoken = || server.notes().iter().filter(|note| *note == "speak endless").count();
    assert_eq!(spoken(), 1);
    // The synthesis ends with its last listener, and not before.
    drop(first);
    assert!(soon("audio", second.next()).await.unwrap().is_ok());
    assert!(!server.notes().contains(&"cancelled".to_owned()));
    drop(second);
    server.noted("cancelled").await;
    let third = soon("the third, which wanted its own", third).await.unwrap().unwrap();
    assert_eq!(third.headers()["x-cache"], "miss");
    drop(third);
    server.quiet().await;
}

#[tokio::test]
async fn a_shared_synthesis_gives_every_listener_all_of_it() {
    let server = supervisor().engine("rtf", 0.05).start().await.ready().await;
    let text =
        "A text that several people want to hear at the same time, and that takes a moment. ".repeat(4);
    let stream = json!({ "text": text, "stream": true, "format": "pcm" });
    let whole = json!({ "text": text, "format": "pcm" });
    let asks = [&stream, &whole, &stream, &whole].map(|body| server.speak(body.clone()));
    let answers = futures_util::future::join_all(asks).await;
    let origins: Vec<&str> = answers.iter().map(|answer| answer.header("x-cache")).collect();
    assert_eq!(origins.iter().filter(|origin| **origin == "miss").count(), 1, "{origins:?}");
    for answer in &answers {
        assert!(answer.bytes() == answers[0].bytes());
    }
    assert!(answers[0].bytes().len() > text.len() * 3000, "all of it");
    server.quiet().await;
    assert_eq!(server.get("/api/status").await["audio_bytes"], 0);
}
