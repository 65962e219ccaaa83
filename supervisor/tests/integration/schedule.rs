//! Who speaks when, and who is told to come back.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    time::{Instant, sleep, sleep_until},
};

use crate::harness::{Server, eventually, soon, supervisor};

/// So many seconds of tone, in sentences of a second and a half.
fn text(seconds: usize) -> String {
    "Eighteen letters. ".repeat((seconds * 1000).div_ceil(1440))
}

/// The engine at another speed, which the scheduler has seen a few times. As a setting it would slow down its start.
async fn taught(server: &Server, rtf: f64) -> Value {
    let options = json!({ "rtf": rtf });
    for text in ["One.", "Two!", "Three", "Four?", "Five."] {
        let answer = server.speak(json!({ "text": text, "engine_options": options })).await;
        assert_eq!(answer.status, 200);
    }
    options
}

async fn queued(server: &Server) -> u64 {
    server.get("/api/status").await["queue"]["interactive"].as_u64().unwrap()
}

#[tokio::test]
async fn a_listener_comes_before_a_file_that_nobody_hears_yet() {
    let server = supervisor().engine("rtf", 0.1).start().await.ready().await;
    // Six seconds of work in one request, which has half a minute.
    let file = tokio::spawn(server.post(&json!({ "text": text(60) })).send());
    eventually("the file is being made", async || (queued(&server).await > 10).then_some(())).await;
    let answer = server.speak(json!({ "text": text(3), "stream": true })).await;
    assert_eq!(answer.status, 200);
    assert!(queued(&server).await > 5, "the file waits meanwhile");
    assert!(!file.is_finished());
    assert_eq!(soon("the file", file).await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn who_is_refused_is_told_when_to_come_back_and_let_in_then() {
    let server = supervisor().engine("rtf", 0.25).start().await.ready().await;
    let stream = json!({ "text": text(6), "stream": true, "format": "pcm" });
    let fresh = |body: &Value| server.post(body).header("cache-control", "no-cache");
    // More than a few listeners at once are more than one worker can begin in time.
    let mut listening = Vec::new();
    let refused = loop {
        let response = fresh(&stream).send().await.unwrap();
        if response.status() == 429 {
            break response;
        }
        assert_eq!(response.status(), 200);
        listening.push(tokio::spawn(response.bytes()));
        assert!(listening.len() < 4, "nobody is refused");
    };
    let asked = Instant::now();
    let header = |name: &str| refused.headers()[name].to_str().unwrap().parse::<u64>().unwrap();
    let (seconds, milliseconds) = (header("retry-after"), header("retry-after-ms"));
    assert!(seconds >= 1 && milliseconds.div_ceil(1000).max(1) == seconds, "{seconds} {milliseconds}");
    let error: Value = refused.json().await.unwrap();
    assert_eq!(error["error"]["code"], "no_capacity");
    sleep_until(asked + Duration::from_secs(seconds)).await;
    assert_eq!(fresh(&stream).send().await.unwrap().status(), 200);
    for heard in listening {
        assert!(soon("all of it", heard).await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn what_no_machine_could_do_is_said_at_once() {
    let server = supervisor().start().await.ready().await;
    let options = taught(&server, 2.0).await;
    let ask = |mut body: Value| {
        body["engine_options"] = options.clone();
        server.speak(body)
    };
    let answer = ask(json!({ "text": text(60), "stream": true })).await;
    assert_eq!(answer.error(), (422, "too_slow_to_stream".into(), None));
    let answer = ask(json!({ "text": text(10), "deadline_ms": 1000 })).await;
    assert_eq!(answer.error(), (422, "deadline_too_short".into(), Some("deadline_ms".into())));
    let answer = ask(json!({ "text": "Short." })).await;
    assert_eq!(answer.status, 200, "as a file it may take its time");
    let invalid = "ishowtts_requests_total{engine=\"tone\",outcome=\"invalid\",surface=\"api\"}";
    assert_eq!(server.metric(invalid).await, 2.0);
}

#[tokio::test]
async fn a_stream_that_its_engine_cannot_sustain_begins_late_and_has_no_gap() {
    let server = supervisor().start().await.ready().await;
    let options = taught(&server, 1.4).await;
    let asked = Instant::now();
    let body = json!({ "text": text(4), "stream": true, "format": "pcm", "engine_options": options });
    let response = server.post(&body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut audio = response.bytes_stream();
    let mut listener: Option<(Instant, Duration)> = None;
    let mut gap = Duration::ZERO;
    while let Some(piece) = soon("audio", audio.next()).await {
        let now = Instant::now();
        let (began, played) = listener.get_or_insert((now, Duration::ZERO));
        gap = gap.max(now.saturating_duration_since(*began + *played));
        *played += Duration::from_secs_f64(piece.unwrap().len() as f64 / 48_000.0);
    }
    let (began, _) = listener.unwrap();
    assert!(began - asked > Duration::from_secs(1), "it gathers some audio first: {:?}", began - asked);
    // Had it begun at once, it would have been silent for more than a second and a half in all.
    assert!(gap < Duration::from_secs(1), "{gap:?}");
}

#[tokio::test]
async fn a_reader_that_stops_stops_only_itself() {
    let config = "[limits]\nstream_buffer_s = 5\n[cache]\nmemory_mb = 0\n";
    let server = supervisor().config(config).start().await.ready().await;
    // 400 s of audio, 19 MB: more than these sockets take in.
    let long = text(396);
    let body = json!({ "text": long, "stream": true, "format": "pcm" }).to_string();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    let mut connection = socket.connect(server.address.parse().unwrap()).await.unwrap();
    let length = body.len();
    let start =
        "POST /api/tts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json";
    let request = format!("{start}\r\nContent-Length: {length}\r\n\r\n{body}");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut heard = vec![0; 100];
    soon("the first bytes", connection.read_exact(&mut heard)).await.unwrap();
    assert!(heard.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&heard));
    // Production stops when the buffers are full, with most of it still waiting.
    let mut waiting = u64::MAX;
    let waiting = eventually("production stops", async || {
        let before = std::mem::replace(&mut waiting, queued(&server).await);
        (before == waiting).then_some(waiting)
    })
    .await;
    assert!(waiting > 5, "{waiting}");
    for _ in 0..5 {
        assert_eq!(server.speak(json!({ "text": "Somebody else.", "stream": true })).await.status, 200);
    }
    soon("the rest", connection.read_to_end(&mut heard)).await.unwrap();
    assert!(heard.ends_with(b"0\r\n\r\n"), "complete");
    assert!(heard.len() > 390 * 48_000, "{}", heard.len());
    server.quiet().await;
    assert_eq!(server.get("/api/status").await["streams"], 0);
}

#[tokio::test]
async fn clients_that_leave_at_any_moment_leave_nothing_behind() {
    let server = supervisor().engine("rtf", 0.05).workers(2).start().await.ready().await;
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..100_u64 {
        let body = json!({ "text": format!("{number} {}", text(4)), "stream": number % 2 == 0 });
        let request = server.post(&body);
        clients.spawn(async move {
            let patience = Duration::from_millis(number * 37 % 400);
            drop(tokio::time::timeout(patience, async { request.send().await?.bytes().await }).await);
        });
        if number % 10 == 9 {
            sleep(Duration::from_millis(50)).await;
        }
    }
    while clients.join_next().await.is_some() {}
    server.quiet().await;
    eventually("the workers are idle", async || {
        let status = server.get("/api/status").await;
        let workers = status["engines"]["tone"]["workers"].as_array().unwrap().clone();
        workers.iter().all(|worker| worker["state"] == "ready").then_some(())
    })
    .await;
    let status = server.get("/api/status").await;
    assert_eq!((&status["streams"], &status["audio_bytes"]), (&json!(0), &json!(0)), "{status}");
    assert_eq!(status["queue"], json!({ "interactive": 0, "batch": 0 }));
    assert_eq!(server.speak(json!({ "text": "All is well." })).await.status, 200);
    assert_eq!(server.worker(0).await["restarts"], 0);
}

#[tokio::test]
async fn batch_work_waits_for_everybody_else() {
    let server = supervisor().engine("rtf", 0.2).start().await.ready().await;
    let batch = json!({ "text": text(20), "priority": "batch" });
    let batch = tokio::spawn(server.post(&batch).send());
    eventually("it is being made", async || {
        (server.get("/api/status").await["queue"]["batch"].as_u64().unwrap() > 3).then_some(())
    })
    .await;
    for _ in 0..3 {
        let answer = server.speak(json!({ "text": text(3), "stream": true })).await;
        assert_eq!(answer.status, 200);
    }
    assert!(!batch.is_finished());
    assert_eq!(soon("the batch", batch).await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn an_engine_that_takes_batches_gets_what_is_due_in_one_launch() {
    let server = supervisor().script("ready").env("FAKE_BATCH", "3").start().await.ready().await;
    let running = server.post(&json!({ "text": "endless", "stream": true })).send().await.unwrap();
    let ask = |text: &str| tokio::spawn(server.post(&json!({ "text": text })).send());
    let asked = ["normal one", "normal two", "normal three", "normal four"].map(ask);
    eventually("they wait", async || (queued(&server).await == 4).then_some(())).await;
    drop(running);
    for answer in asked {
        assert_eq!(soon("an answer", answer).await.unwrap().unwrap().status(), 200);
    }
    let of_more = server.notes().iter().filter(|note| note.contains("not the last of its launch")).count();
    assert_eq!(of_more, 2, "three together, and one alone: {:?}", server.notes());
}

#[tokio::test]
async fn a_launch_costs_its_segments_once_and_not_each_of_them() {
    let server = supervisor().script("ready").env("FAKE_BATCH", "4").start().await.ready().await;
    // Long enough for what was learned to count, and four launches' time together is more than one launch may take.
    for round in 0..12 {
        let running = server.post(&json!({ "text": "endless", "stream": true })).send().await.unwrap();
        let ask = |who: usize| {
            tokio::spawn(server.post(&json!({ "text": format!("together as {round} and {who}") })).send())
        };
        let asked = [0, 1, 2, 3].map(ask);
        eventually("they wait", async || (queued(&server).await == 4).then_some(())).await;
        drop(running);
        for answer in asked {
            assert_eq!(soon("an answer", answer).await.unwrap().unwrap().status(), 200);
        }
    }
    let of_many = |note: &String| note.ends_with(" together") && !note.starts_with("speak");
    let launches: Vec<_> = server.notes().into_iter().filter(of_many).collect();
    assert_eq!(launches, vec!["4 together"; 12]);
}

#[tokio::test]
async fn the_load_is_shown_as_the_scheduler_sees_it() {
    let server = supervisor().engine("rtf", 0.5).start().await.ready().await;
    assert_eq!(server.metric("ishowtts_load{device=\"none\"}").await, 0.0);
    let body = json!({ "text": text(10), "stream": true });
    let response = server.post(&body).send().await.unwrap();
    let load = server.metric("ishowtts_load{device=\"none\"}").await;
    assert!((0.2..1.2).contains(&load), "{load}");
    let status = server.get("/api/status").await;
    assert!(status["devices"]["none"]["load"].as_f64().unwrap() > 0.1, "{status}");
    assert_eq!(status["streams"], 1);
    drop(response);
    server.quiet().await;
}

#[tokio::test]
async fn slow_work_that_nobody_hears_pauses_for_somebody_who_listens() {
    // Two workers, and room on their device for one of them.
    let config = "[devices.cpu]\nslots = 1\n";
    let server = supervisor().workers(2).engine("device", "cpu").config(config).start().await.ready().await;
    let ready = async || {
        let status = server.get("/api/status").await;
        let workers = status["engines"]["tone"]["workers"].as_array().unwrap().clone();
        workers.iter().filter(|worker| worker["state"] == "ready").count()
    };
    eventually("both are there", async || (ready().await == 2).then_some(())).await;
    let hours =
        json!({ "text": text(20), "priority": "batch", "engine_options": { "rtf": 50, "chunk_ms": 1 } });
    let batch = tokio::spawn(server.post(&hours).send());
    eventually("it is being made", async || (ready().await == 1).then_some(())).await;
    for text in ["Somebody listens.", "And once more."] {
        let answer = server.speak(json!({ "text": text, "stream": true })).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    }
    assert!(!batch.is_finished());
    batch.abort();
    server.quiet().await;
    // It was paused when it was cancelled, and speaks again.
    eventually("both are there again", async || (ready().await == 2).then_some(())).await;
    for _ in 0..4 {
        assert_eq!(server.speak(json!({ "text": "All is well." })).await.status, 200);
    }
    assert_eq!(server.worker(0).await["restarts"], 0);
    assert_eq!(server.worker(1).await["restarts"], 0);
}
