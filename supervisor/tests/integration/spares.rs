//! Workers that wait for another one's end, and workers that go while others serve.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Server, children, eventually, exists, kill, pcm, soon, supervisor, tone};

async fn workers(server: &Server) -> Vec<Value> {
    server.get("/api/status").await["engines"]["tone"]["workers"].as_array().unwrap().clone()
}

async fn all_ready(server: &Server, count: usize) -> Vec<Value> {
    eventually("all are ready", async || {
        let workers = workers(server).await;
        let ready = workers.iter().filter(|worker| worker["state"] == "ready").count();
        (ready == count).then_some(workers)
    })
    .await
}

#[tokio::test]
async fn a_spare_goes_on_at_once_where_another_was_lost() {
    let server = supervisor().engine("spares", 1).start().await.ready().await;
    let before = all_ready(&server, 2).await;
    assert_eq!(before.iter().filter(|worker| worker["spare"] == true).count(), 1, "{before:?}");
    let pid = before.iter().find(|worker| worker["spare"] == false).unwrap()["pid"].as_u64().unwrap();
    let text = "It goes on as if nothing had happened.";
    let body = json!({ "text": text, "format": "pcm", "engine_options": { "rtf": 0.1 } });
    let request = tokio::spawn(server.post(&body).send());
    eventually("it speaks", async || {
        workers(&server).await.iter().any(|worker| worker["state"] == "busy").then_some(())
    })
    .await;
    kill(pid.try_into().unwrap(), "SIGKILL");
    let answer = soon("the answer", request).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    assert!(pcm(&answer.bytes().await.unwrap()) == tone::of(text));
    let after = all_ready(&server, 2).await;
    assert_eq!(after.iter().filter(|worker| worker["spare"] == true).count(), 1, "{after:?}");
    assert!(!after.iter().any(|worker| worker["pid"] == pid));
}

#[tokio::test]
async fn one_worker_serves_and_the_spares_wait() {
    let server = supervisor().script("ready").engine("spares", 1).start().await.ready().await;
    all_ready(&server, 2).await;
    let first = tokio::spawn(server.post(&json!({ "text": "endless" })).send());
    server.noted("speak endless").await;
    let second = tokio::spawn(server.post(&json!({ "text": "normal" })).send());
    eventually("it waits", async || {
        (server.get("/api/status").await["queue"]["interactive"] == 1).then_some(())
    })
    .await;
    assert_eq!(workers(&server).await.iter().filter(|worker| worker["state"] == "busy").count(), 1);
    first.abort();
    assert_eq!(soon("the answer", second).await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn a_pool_that_cannot_start_has_failed_and_its_spare_with_it() {
    let server = supervisor().script("fatal").engine("spares", 1).start().await;
    let answer = eventually("it is given up", async || {
        let answer = server.speak(json!({ "text": "normal" })).await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    assert_eq!(answer.error(), (503, "engine_failed".into(), None));
}

/// Requests one after the other, until told to stop; each must succeed. Tells the longest that one of them took.
async fn keep_asking(server: &Server, done: impl Future<Output = ()>) -> Duration {
    let mut longest = Duration::ZERO;
    tokio::pin!(done);
    for number in 0.. {
        let text = format!("Request number {number} is answered like all others.");
        let asked = Instant::now();
        let answer = server.speak(json!({ "text": text, "format": "pcm" })).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        assert!(pcm(answer.bytes()) == tone::of(&text));
        longest = longest.max(asked.elapsed());
        if futures_util::poll!(&mut done).is_ready() {
            break;
        }
    }
    longest
}

#[tokio::test]
async fn the_only_worker_is_replaced_by_one_that_is_warm_before_it_goes() {
    let server = supervisor().start().await.ready().await;
    let before = children(server.pid());
    let restart = async {
        let url = format!("{}/api/engines/tone/restart", server.url);
        assert_eq!(reqwest::Client::new().post(url).send().await.unwrap().status(), 202);
        let mut most = 0;
        eventually("it is new", async || {
            let now = children(server.pid());
            most = most.max(now.len());
            (now.len() == 1 && now != before).then_some(())
        })
        .await;
        assert_eq!(most, 2, "both were there for a while");
    };
    keep_asking(&server, restart).await;
    assert_eq!(server.worker(0).await["restarts"], 1);
    assert_eq!(server.metric("ishowtts_worker_restarts_total{engine=\"tone\",reason=\"asked\"}").await, 1.0);
}

#[tokio::test]
async fn where_there_is_no_room_for_two_one_goes_first() {
    let server = supervisor().engine("warm_restart", false).start().await.ready().await;
    let before = children(server.pid());
    let restart = async {
        let url = format!("{}/api/engines/tone/restart", server.url);
        assert_eq!(reqwest::Client::new().post(url).send().await.unwrap().status(), 202);
        eventually("it is new", async || {
            let now = children(server.pid());
            assert!(now.len() <= 1, "never two at once");
            (now.len() == 1 && now != before).then_some(())
        })
        .await;
    };
    keep_asking(&server, restart).await;
}

#[tokio::test]
async fn a_successor_that_does_not_start_changes_nothing() {
    let server = supervisor().script("ready,fatal").start().await.ready().await;
    let before = children(server.pid());
    let url = format!("{}/api/engines/tone/restart", server.url);
    assert_eq!(reqwest::Client::new().post(url).send().await.unwrap().status(), 202);
    server.logged("Its successor does not start").await;
    assert_eq!(server.speak(json!({ "text": "normal" })).await.status, 200);
    eventually("nothing is left of it", async || (children(server.pid()) == before).then_some(())).await;
}

#[tokio::test]
async fn a_worker_is_recycled_after_so_many_segments() {
    let server = supervisor().engine("max_segments", 5).start().await.ready().await;
    let recycled = "ishowtts_worker_restarts_total{engine=\"tone\",reason=\"recycled\"}";
    let twice =
        eventually("it was recycled twice", async || (server.metric(recycled).await >= 2.0).then_some(()));
    keep_asking(&server, twice).await;
    eventually("one is left", async || (children(server.pid()).len() == 1).then_some(())).await;
}

#[tokio::test]
async fn a_worker_that_holds_too_much_memory_is_replaced_when_it_is_idle() {
    let server = supervisor().script("ready").engine("memory_mb", 300).engine("device", "cuda:0");
    let server = server.engine("warm_restart", true).start().await.ready().await;
    let pid = server.worker(0).await["pid"].as_u64().unwrap();
    assert_eq!(server.speak(json!({ "text": "fill" })).await.status, 200);
    eventually("it is replaced", async || (!exists(pid)).then_some(())).await;
    let server = server.ready().await;
    assert_eq!(server.metric("ishowtts_worker_restarts_total{engine=\"tone\",reason=\"memory\"}").await, 1.0);
    assert_eq!(server.speak(json!({ "text": "normal" })).await.status, 200);
}
