//! The end: what runs is finished, what comes is turned away, nothing is left.

use serde_json::json;

use crate::harness::{children, pcm, supervisor, tone};

#[tokio::test]
async fn sigterm_lets_running_requests_finish_and_turns_new_ones_away() {
    let mut server = supervisor().start().await.ready().await;
    let text = "this takes a second or so to be spoken";
    let running = tokio::spawn(
        server.post(&json!({ "text": text, "format": "pcm", "engine_options": { "rtf": 0.5 } })).send(),
    );
    server.worker_is("busy").await;
    let workers = children(server.pid());
    server.signal("SIGTERM");
    server.logged("Draining").await;
    let late = server.speak(json!({ "text": "too late" })).await;
    assert_eq!(late.error(), (503, "draining".into(), None));
    let answer = running.await.unwrap().unwrap();
    assert_eq!(pcm(&answer.bytes().await.unwrap()), tone::of(text));
    assert_eq!(server.ended().await.code(), Some(0));
    assert!(workers.iter().all(|pid| !crate::harness::exists(*pid)), "every worker is reaped");
}

#[tokio::test]
async fn the_grace_time_ends_what_would_never_end() {
    let mut server =
        supervisor().script("ready").config("[server]\ngrace_s = 1\n").start().await.ready().await;
    let running = tokio::spawn(server.post(&json!({ "text": "endless", "stream": true })).send());
    server.noted("speak endless").await;
    server.signal("SIGTERM");
    assert_eq!(server.ended().await.code(), Some(0));
    assert!(running.await.unwrap().unwrap().bytes().await.is_err(), "cut off, and not taken for complete");
}

#[tokio::test]
async fn a_second_signal_does_not_wait() {
    let mut server =
        supervisor().script("ready").config("[server]\ngrace_s = 3600\n").start().await.ready().await;
    let _running = tokio::spawn(server.post(&json!({ "text": "endless" })).send());
    server.noted("speak endless").await;
    server.signal("SIGTERM");
    server.logged("Draining").await;
    server.signal("SIGINT");
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn nothing_is_left_in_the_runtime_directory() {
    let mut server = supervisor().start().await.ready().await;
    server.signal("SIGTERM");
    server.ended().await;
    let left: Vec<_> =
        std::fs::read_dir(server.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("ishowtts-")), "{left:?}");
}
