//! Capacity, patience and deadlines.

use serde_json::json;

use crate::harness::supervisor;

#[tokio::test]
async fn one_request_too_many_is_refused_at_once() {
    let server =
        supervisor().script("ready").config("[limits]\nmax_requests = 1\n").start().await.ready().await;
    let running = tokio::spawn(server.post(&json!({ "text": "endless" })).send());
    server.noted("speak endless").await;
    let answer = server.speak(json!({ "text": "normal" })).await;
    assert_eq!(answer.error(), (429, "no_capacity".into(), None));
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(server.metric("ishowtts_admission_rejected_total{reason=\"capacity\"}").await, 1.0);
    running.abort();
    server.quiet().await;
    assert_eq!(server.speak(json!({ "text": "normal" })).await.status, 200);
}

#[tokio::test]
async fn a_deadline_ends_the_work_and_the_wait() {
    let server = supervisor().script("ready").start().await.ready().await;
    let answer = server.speak(json!({ "text": "endless", "deadline_ms": 100 })).await;
    assert_eq!(answer.error(), (504, "deadline_exceeded".into(), None));
    server.noted("cancelled").await;
    server.worker_is("ready").await;
    let running = tokio::spawn(server.post(&json!({ "text": "endless" })).send());
    server.worker_is("busy").await;
    let answer = server.speak(json!({ "text": "normal", "deadline_ms": 50, "stream": true })).await;
    assert_eq!(answer.status, 504, "it was over while it waited");
    running.abort();
}

#[tokio::test]
async fn patience_ends_when_no_worker_comes() {
    let server = supervisor().script("slow").config("[limits]\npatience_s = 1\n").start().await;
    assert_eq!(server.speak(json!({ "text": "normal" })).await.status, 504);
}
