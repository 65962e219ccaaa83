//! Workers that take the next launch in while they speak.

use serde_json::json;

use crate::harness::{eventually, soon, supervisor};

const HERE: &str = "the next one is here";

/// Six at once, each with a text of its own, which are spoken as levels of their own; whether each got its own.
async fn six(server: &crate::harness::Server, round: usize) {
    let ask = |number: usize| {
        let body = json!({ "text": format!("together in {round} as {number}"), "format": "pcm" });
        tokio::spawn(server.post(&body).send())
    };
    let mut heard = Vec::new();
    for answer in [0, 1, 2, 3, 4, 5].map(ask) {
        let answer = soon("an answer", answer).await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
        let audio = answer.bytes().await.unwrap();
        assert_eq!(audio.len(), 4800);
        heard.push([audio[0], audio[1]]);
    }
    heard.sort_unstable();
    heard.dedup();
    assert_eq!(heard.len(), 6, "each has a level of its own");
}

#[tokio::test]
async fn the_next_launch_is_there_before_the_one_before_it_has_ended() {
    let server = supervisor()
        .script("ready")
        .env("FAKE_AHEAD", "1")
        .env("FAKE_LEVELS", "1")
        .start()
        .await
        .ready()
        .await;
    let mut round = 0;
    eventually("the next one is there", async || {
        round += 1;
        six(&server, round).await;
        server.notes().iter().any(|note| note == HERE).then_some(())
    })
    .await;
    let status = server.get("/api/status").await;
    assert_eq!(status["queue"]["interactive"], 0);
    assert_eq!(server.get("/healthz").await, "ok\n", "nobody is taken to be speaking any more");
}

#[tokio::test]
async fn one_that_does_not_say_so_gets_one_launch_at_a_time() {
    let server = supervisor().script("ready").env("FAKE_LEVELS", "1").start().await.ready().await;
    for round in 0..3 {
        six(&server, round).await;
    }
    assert!(!server.notes().iter().any(|note| note == HERE), "{:?}", server.notes());
}

#[tokio::test]
async fn a_worker_that_ends_with_two_launches_in_hand_loses_neither() {
    let server = supervisor().script("ready").env("FAKE_AHEAD", "1").start().await.ready().await;
    for round in 0..4 {
        let texts = ["together", "crash 2", "normal", "together", "normal"];
        let ask = |text: &str| {
            let body = json!({ "text": format!("{text} in {round}"), "format": "pcm" });
            tokio::spawn(server.post(&body).send())
        };
        for answer in texts.map(ask) {
            let answer = soon("an answer", answer).await.unwrap().unwrap();
            assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
            assert_eq!(answer.bytes().await.unwrap().len(), 4800);
        }
    }
    assert!(server.notes().iter().filter(|note| *note == "life").count() > 1, "some worker has ended");
}
