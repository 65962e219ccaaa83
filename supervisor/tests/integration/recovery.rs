//! What was promised is kept, whatever becomes of the worker that was at it.

use std::time::Duration;

use futures_util::{StreamExt, future::join_all};
use serde_json::json;

use crate::harness::{Server, kill, pcm, soon, supervisor, tone};

async fn retries(server: &Server) -> f64 {
    server.metric("ishowtts_segment_retries_total{engine=\"tone\"}").await
}

#[tokio::test]
async fn a_stream_goes_on_with_the_very_sample_that_comes_next() {
    let server = supervisor().start().await.ready().await;
    let text = "She sells sea shells by the sea shore, and the shells that she sells are sea shells.";
    let options = json!({ "rtf": 0.3, "chunk_ms": 40 });
    let body = json!({ "text": text, "format": "pcm", "stream": true, "engine_options": options });
    let response = server.post(&body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut heard = Vec::new();
    let mut pieces = response.bytes_stream();
    let mut kills = 0;
    while let Some(piece) = soon("the next piece", pieces.next()).await {
        heard.extend_from_slice(&piece.expect("it goes on to the end"));
        // In the middle of a segment, twice.
        if heard.len() > 30_000 * (kills + 1) && kills < 2 {
            kills += 1;
            let pid = server.worker_is("busy").await["pid"].as_u64().unwrap();
            kill(pid.try_into().unwrap(), "SIGKILL");
        }
    }
    let alone = server.speak(json!({ "text": text, "format": "pcm" })).await;
    assert!(heard == alone.bytes(), "no sample is missing, and none comes twice");
    assert_eq!(retries(&server).await, 2.0);
}

#[tokio::test]
async fn what_is_passed_on_whole_is_simply_made_again() {
    let server = supervisor().script("ready").env("FAKE_DIFFERS", "1").start().await.ready().await;
    let body = json!({ "text": "crash-later 2", "format": "pcm", "stream": true });
    let answer = server.speak(body).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let third_life = [3, 16].repeat(3 * 2400);
    assert!(answer.bytes() == third_life, "of the first two lives nothing is heard");
}

#[tokio::test]
async fn a_stream_that_differs_in_no_life_is_continued_where_it_stopped() {
    let server = supervisor().script("ready").start().await.ready().await;
    let answer = server.speak(json!({ "text": "crash-later 2", "format": "pcm", "stream": true })).await;
    let all: Vec<u8> = [1, 2, 3].into_iter().flat_map(|number| [number, 16].repeat(2400)).collect();
    assert!(answer.bytes() == all, "{} bytes of {}", answer.bytes().len(), all.len());
}

#[tokio::test]
async fn a_text_that_ends_three_workers_is_poison_for_a_while() {
    let limits = "[limits]\nquarantine_s = 2\n";
    let server = supervisor().script("ready").config(limits).start().await.ready().await;
    let spoken = || server.notes().iter().filter(|note| *note == "speak crash").count();
    let body = json!({ "text": "crash" });
    let answer = server.speak(body.clone()).await;
    assert_eq!(answer.error(), (422, "poison".into(), None));
    assert_eq!(spoken(), 3, "three tries");
    let answer = server.speak(body.clone()).await;
    assert_eq!(answer.error(), (422, "poison".into(), None));
    assert_eq!(spoken(), 3, "no worker was asked");
    assert_eq!(server.speak(json!({ "text": "normal" })).await.status, 200, "others are served");
    assert_eq!(server.metric("ishowtts_segments_quarantined_total{engine=\"tone\"}").await, 1.0);
    assert_eq!(server.metric("ishowtts_admission_rejected_total{reason=\"poison\"}").await, 2.0);
    crate::harness::eventually("it is tried again", async || {
        server.speak(body.clone()).await;
        (spoken() > 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn losses_of_one_text_add_up_over_requests_until_it_is_spoken() {
    let server = supervisor().script("ready").start().await.ready().await;
    // Each of them ends two workers, and is then spoken.
    for text in ["crash 2", "killed 2"] {
        assert_eq!(server.speak(json!({ "text": text })).await.status, 200, "{text}");
    }
    assert_eq!(retries(&server).await, 4.0);
    assert_eq!(server.metric("ishowtts_segments_quarantined_total{engine=\"tone\"}").await, 0.0);
}

#[tokio::test]
async fn those_who_ran_beside_a_culprit_are_tried_again_alone() {
    let server = supervisor().script("ready").env("FAKE_BATCH", "3").start().await.ready().await;
    let running = server.post(&json!({ "text": "endless", "stream": true })).send().await.unwrap();
    let ask = |text: &str| tokio::spawn(server.post(&json!({ "text": text, "format": "pcm" })).send());
    let asked = ["crash 2", "normal one", "normal two"].map(ask);
    crate::harness::eventually("they wait", async || {
        (server.get("/api/status").await["queue"]["interactive"] == 3).then_some(())
    })
    .await;
    drop(running);
    for answer in asked {
        let answer = soon("an answer", answer).await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.bytes().await.unwrap().len(), 4800);
    }
    let of_more = server.notes().iter().filter(|note| note.contains("not the last of its launch")).count();
    assert_eq!(of_more, 1, "together at first, and then each alone: {:?}", server.notes());
}

#[tokio::test]
async fn an_end_beside_others_is_not_held_against_a_text() {
    let server = supervisor().script("ready").env("FAKE_BATCH", "2").start().await.ready().await;
    let running = server.post(&json!({ "text": "endless", "stream": true })).send().await.unwrap();
    let ask = |text: &str| tokio::spawn(server.post(&json!({ "text": text, "format": "pcm" })).send());
    // One end beside the other, and two alone.
    let asked = ["crash 3", "normal one"].map(ask);
    crate::harness::eventually("they wait", async || {
        (server.get("/api/status").await["queue"]["interactive"] == 2).then_some(())
    })
    .await;
    drop(running);
    for answer in asked {
        let answer = soon("an answer", answer).await.unwrap().unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }
    assert_eq!(server.metric("ishowtts_segments_quarantined_total{engine=\"tone\"}").await, 0.0);
    assert_eq!(server.notes().iter().filter(|note| *note == "speak crash").count(), 4);
}

/// A stream that has begun, and whose only worker has ended over it; the next one does not come before it is told.
async fn broken_off(server: &Server) -> reqwest::Response {
    let body = json!({ "text": "crash-later 1", "format": "pcm", "stream": true });
    let stream = server.post(&body).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    server.noted("loading").await;
    stream
}

#[tokio::test]
async fn who_lost_a_worker_waits_for_one_that_is_busy_as_everybody_does() {
    let server = supervisor().workers(2).script("ready,ready,slow").config("[limits]\npatience_s = 1\n");
    let server = server.start().await.ready().await;
    crate::harness::eventually("both are ready", async || {
        (server.notes().iter().filter(|note| note.starts_with("voices")).count() == 2).then_some(())
    })
    .await;
    let other = server.post(&json!({ "text": "endless", "stream": true })).send().await.unwrap();
    let mut all = tokio::spawn(broken_off(&server).await.bytes());
    let patiently = tokio::time::timeout(Duration::from_secs(3), &mut all).await;
    assert!(patiently.is_err(), "it waits, however long: {patiently:?}");
    drop(other);
    let heard = soon("the end", all).await.unwrap().expect("it goes on to the end");
    assert_eq!(heard.len(), 3 * 4800);
}

#[tokio::test]
async fn who_lost_the_only_worker_waits_for_the_next_one_in_patience_and_no_longer() {
    let server = supervisor().script("ready,slow").config("[limits]\npatience_s = 1\n");
    let server = server.start().await.ready().await;
    let lost = std::time::Instant::now();
    let heard = soon("the end", broken_off(&server).await.bytes()).await;
    assert!(heard.is_err(), "a stream that fails ends without its last chunk");
    assert!(lost.elapsed() >= Duration::from_secs(1));
    let told = "ishowtts_requests_total{engine=\"tone\",outcome=\"deadline\",surface=\"api\"}";
    crate::harness::eventually("it is counted", async || (server.metric(told).await == 1.0).then_some(()))
        .await;
    assert!(server.log_text().contains("its engine had no other worker for 1 s"));
}

#[tokio::test]
async fn a_deadline_holds_while_another_worker_is_waited_for() {
    let server = supervisor().script("ready,slow").start().await.ready().await;
    let asked = std::time::Instant::now();
    let answer = server.speak(json!({ "text": "crash 1", "deadline_ms": 1000 })).await;
    assert_eq!(answer.error(), (504, "deadline_exceeded".into(), None));
    assert!(asked.elapsed() >= Duration::from_secs(1));
    server.go();
    assert_eq!(server.speak(json!({ "text": "normal" })).await.status, 200);
}

#[tokio::test]
async fn whoever_waits_for_an_engine_that_is_given_up_is_told_so() {
    let server = supervisor().script("ready,fatal").start().await.ready().await;
    let answer = server.speak(json!({ "text": "crash 1" })).await;
    assert_eq!(answer.error(), (503, "engine_failed".into(), None));
}

#[tokio::test]
async fn all_who_listen_to_one_production_hear_it_to_the_end() {
    let server = supervisor().start().await.ready().await;
    let text = "Several listeners, one voice, and a worker that does not live to see the end of it.";
    let body = json!({ "text": text, "format": "pcm", "engine_options": { "rtf": 0.2 } });
    let asked = [(); 3].map(|()| tokio::spawn(server.post(&body).send()));
    let pid = server.worker_is("busy").await["pid"].as_u64().unwrap();
    kill(pid.try_into().unwrap(), "SIGKILL");
    for answer in asked {
        let answer = soon("an answer", answer).await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
        assert!(pcm(&answer.bytes().await.unwrap()) == tone::of(text));
    }
}

#[tokio::test]
async fn a_frozen_worker_is_replaced_and_its_request_succeeds() {
    let server = supervisor().engine("rtf", 0.05).start().await.ready().await;
    let text = "This one is stopped in the middle, and nobody tells it to go on.".repeat(4);
    let request = tokio::spawn(server.post(&json!({ "text": text, "format": "pcm", "stream": true })).send());
    let pid = server.worker_is("busy").await["pid"].as_u64().unwrap();
    kill(pid.try_into().unwrap(), "SIGSTOP");
    let stopped = std::time::Instant::now();
    let answer = soon("the answer", request).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    let heard = soon("the end", answer.bytes()).await.unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(25), "long before stall_s: {:?}", stopped.elapsed());
    let alone = server.speak(json!({ "text": text, "format": "pcm" })).await;
    assert!(heard == alone.bytes());
    assert!(!crate::harness::exists(pid), "it is gone");
    assert_eq!(
        server.metric("ishowtts_worker_restarts_total{engine=\"tone\",reason=\"stalled\"}").await,
        1.0
    );
}

#[tokio::test]
async fn of_two_workers_at_half_load_one_may_go_and_no_listener_hears_it() {
    let server = supervisor().workers(2).engine("rtf", 0.1).start().await.ready().await;
    crate::harness::eventually("both are ready", async || {
        let workers = server.get("/api/status").await["engines"]["tone"]["workers"].clone();
        let ready = workers.as_array().unwrap().iter().filter(|worker| worker["state"] == "ready").count();
        (ready == 2).then_some(())
    })
    .await;
    // Ten who listen need ten seconds of audio a second, and two workers make twenty.
    let listen = |number: u32| {
        let text =
            format!("Listener {number} hears a story of some length, and it goes on for a while. ").repeat(6);
        let (body, server) = (json!({ "text": text, "format": "pcm", "stream": true }), &server);
        async move {
            loop {
                let response = server.post(&body).send().await.unwrap();
                // Ten at once cannot all begin at once: some are told when to come back.
                let Some(wait) = response.headers().get("retry-after-ms") else { break (text, response) };
                let wait = wait.to_str().unwrap().parse().unwrap();
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
        }
    };
    let mut listeners = Vec::new();
    for (text, response) in soon("all are let in", join_all((0..10).map(listen))).await {
        assert_eq!(response.status(), 200, "{text}");
        listeners.push((text, tokio::spawn(response.bytes())));
    }
    let pid = server.worker_is("busy").await["pid"].as_u64().unwrap();
    kill(pid.try_into().unwrap(), "SIGKILL");
    for (text, heard) in listeners {
        let heard = soon("the end", heard).await.unwrap().unwrap();
        let body = json!({ "text": text, "format": "pcm", "engine_options": { "rtf": 0 } });
        let alone = server.speak(body).await;
        assert!(heard == alone.bytes(), "{text}");
    }
    assert!(retries(&server).await >= 1.0);
    // A tenth of a second on a machine with nothing else to do; what others take of this one is not ours to promise.
    let gaps = "ishowtts_stream_underrun_ms_bucket{engine=\"tone\",le=\"2000\"}";
    assert_eq!(server.metric(gaps).await, 10.0, "nobody waited for a worker to come up");
}
