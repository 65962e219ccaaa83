//! Workers that have nothing to say are tried now and then.

use serde_json::json;

use crate::harness::{eventually, kill, supervisor};

#[tokio::test]
async fn an_idle_worker_is_tried_now_and_then() {
    let server = supervisor().config("[limits]\nprobe_s = 1\n").start().await.ready().await;
    let probe = eventually("a probe", async || {
        let probe = server.get("/api/status").await["engines"]["tone"]["probes"][0].clone();
        probe["took_ms"].is_number().then_some(probe)
    })
    .await;
    assert!(probe["error"].is_null(), "{probe}");
    assert_eq!(server.status_of("/readyz").await.0, 200);
    assert_eq!(server.worker(0).await["restarts"], 0);
    assert_eq!(server.speak(json!({ "text": "And it still speaks." })).await.status, 200);
}

#[tokio::test]
async fn a_worker_that_has_lost_its_voice_is_replaced_before_anybody_needs_it() {
    let limits = "[limits]\nprobe_s = 1\n";
    let server =
        supervisor().script("ready,slow").env("FAKE_MUTE", "1").config(limits).start().await.ready().await;
    server.noted("loading").await;
    let (status, body) = server.status_of("/readyz").await;
    assert_eq!(status, 503, "{body}");
    server.go();
    let server = server.ready().await;
    let told = server.worker(0).await["last_error"].as_str().unwrap().to_owned();
    assert!(told.contains("nothing is to be heard"), "{told}");
    assert_eq!(server.metric("ishowtts_worker_restarts_total{engine=\"tone\",reason=\"probe\"}").await, 1.0);
}

#[tokio::test]
async fn a_worker_that_was_frozen_is_found_by_a_probe() {
    let server = supervisor().config("[limits]\nprobe_s = 1\n").start().await.ready().await;
    let pid = server.worker(0).await["pid"].as_u64().unwrap();
    kill(pid.try_into().unwrap(), "SIGSTOP");
    eventually("another one", async || {
        let worker = server.worker(0).await;
        (worker["state"] == "ready" && worker["pid"] != pid).then_some(())
    })
    .await;
}
