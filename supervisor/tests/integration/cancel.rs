//! A client that goes away frees its work.

use futures_util::StreamExt;
use serde_json::json;

use crate::harness::{eventually, soon, supervisor};

#[tokio::test]
async fn a_client_that_leaves_midway_cancels_its_synthesis() {
    let server = supervisor().script("ready").start().await.ready().await;
    for stream in [true, false] {
        let before = server.notes().len();
        let request = server.post(&json!({ "text": "endless", "stream": stream }));
        if stream {
            let mut body = request.send().await.unwrap().bytes_stream();
            soon("audio", body.next()).await.unwrap().unwrap();
            drop(body);
        } else {
            let request = tokio::spawn(request.send());
            eventually("it is being spoken", async || {
                server.notes()[before..].iter().any(|note| note == "speak endless").then_some(())
            })
            .await;
            request.abort();
        }
        eventually("the worker was told, and stopped", async || {
            server.notes()[before..].iter().any(|note| note == "cancelled").then_some(())
        })
        .await;
        server.quiet().await;
        server.worker_is("ready").await;
    }
    let gone = "ishowtts_requests_total{engine=\"tone\",outcome=\"gone\",surface=\"api\"}";
    assert_eq!(server.metric(gone).await, 2.0);
    assert_eq!(server.speak(json!({ "text": "normal" })).await.status, 200);
    assert_eq!(server.worker(0).await["restarts"], 0, "nobody had to be killed for it");
}

#[tokio::test]
async fn a_client_that_leaves_the_queue_is_never_spoken_for() {
    let server = supervisor().script("ready").start().await.ready().await;
    let running = tokio::spawn(server.post(&json!({ "text": "endless" })).send());
    server.noted("speak endless").await;
    let waiting = tokio::spawn(server.post(&json!({ "text": "normal" })).send());
    let queued = "ishowtts_queue_segments{class=\"interactive\"}";
    eventually("it waits", async || (server.metric(queued).await == 1.0).then_some(())).await;
    waiting.abort();
    eventually("one is in flight", async || {
        (server.get("/api/status").await["requests_in_flight"] == 1).then_some(())
    })
    .await;
    running.abort();
    server.quiet().await;
    assert_eq!(server.speak(json!({ "text": "other" })).await.status, 200);
    assert!(!server.notes().contains(&"speak normal".to_owned()), "{:?}", server.notes());
    assert_eq!(server.metric(queued).await, 0.0);
}
