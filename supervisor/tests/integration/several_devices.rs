//! Workers of one engine on several devices.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Server, eventually, kill, pcm, soon, supervisor, tone};

async fn workers(server: &Server) -> Vec<Value> {
    server.get("/api/status").await["engines"]["tone"]["workers"].as_array().unwrap().clone()
}

/// Devices of the workers that are meant, in their order.
fn devices(workers: &[Value], is_meant: impl Fn(&Value) -> bool) -> Vec<&str> {
    let meant = workers.iter().filter(|worker| is_meant(worker));
    let mut devices: Vec<&str> = meant.map(|worker| worker["device"].as_str().unwrap()).collect();
    devices.sort_unstable();
    devices
}

async fn ready_on(server: &Server, expected: &[&str]) -> Vec<Value> {
    eventually("they are ready where they belong", async || {
        let workers = workers(server).await;
        (devices(&workers, |worker| worker["state"] == "ready") == expected).then_some(workers)
    })
    .await
}

/// How long eight texts take that keep a worker busy for 300 ms each.
async fn eight_texts(server: &Server) -> Duration {
    let began = Instant::now();
    let texts = (0..8).map(|number| {
        let body = json!({ "text": format!("Text {number}."), "stream": false, "format": "pcm" });
        async move { server.speak(body).await }
    });
    for answer in join_all(texts).await {
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    }
    began.elapsed()
}

#[tokio::test]
async fn two_devices_speak_at_the_same_time_and_two_workers_of_one_take_turns() {
    let asleep = Duration::from_millis(8 * 300);
    let one = supervisor().engine("device", "sim:0").engine("fixed_ms", 300).workers(2).start().await;
    ready_on(&one, &["sim:0", "sim:0"]).await;
    let alone = eight_texts(&one).await;
    assert!(alone >= asleep, "{alone:?}: one at a time");
    drop(one);

    let two = supervisor().engine("devices", json!(["sim:0", "sim:1"])).engine("fixed_ms", 300).start().await;
    ready_on(&two, &["sim:0", "sim:1"]).await;
    let together = eight_texts(&two).await;
    // Half of it, and room for a machine that has other things to do.
    assert!(together < asleep, "{together:?} on two, {alone:?} on one");
}

#[tokio::test]
async fn each_device_shows_its_load() {
    let server = supervisor().engine("devices", json!(["sim:0", "sim:1"])).start().await.ready().await;
    ready_on(&server, &["sim:0", "sim:1"]).await;
    let body =
        json!({ "text": "Long enough to be seen while it is spoken.", "engine_options": { "rtf": 20.0 } });
    let requests: Vec<_> = (0..2).map(|_| {
        let body = json!({ "text": body["text"], "priority": "batch", "stream": false, "engine_options": body["engine_options"] });
        let request = server.post(&body).header("cache-control", "no-cache").send();
        tokio::spawn(request)
    }).collect();
    eventually("both are busy", async || {
        let workers = workers(&server).await;
        (devices(&workers, |worker| worker["state"] == "busy") == ["sim:0", "sim:1"]).then_some(())
    })
    .await;
    let status = server.get("/api/status").await;
    for device in ["sim:0", "sim:1"] {
        assert!(status["devices"][device]["load"].as_f64().unwrap() > 0.0, "{}", status["devices"]);
        let metric = format!("ishowtts_load{{device=\"{device}\"}}");
        assert!(server.metric(&metric).await > 0.0, "{metric}");
    }
    requests.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_device_on_which_nothing_starts_leaves_the_others_serving() {
    let server = supervisor()
        .script("ready")
        .engine("devices", json!(["sim:0", "sim:1"]))
        .env("FAKE_GONE", "sim:1")
        .start()
        .await
        .ready()
        .await;
    for _ in 0..5 {
        assert_eq!(server.speak(json!({ "text": "normal" })).await.status, 200);
    }
    let lost = eventually("it does not start", async || {
        let workers = workers(&server).await;
        workers.into_iter().find(|worker| worker["device"] == "sim:1" && worker["last_error"].is_string())
    })
    .await;
    assert_eq!(lost["last_words"], json!(["no kernel image, or no card"]), "{lost}");
    assert_eq!(server.status_of("/readyz").await.0, 200);
    let status = server.get("/api/status").await;
    assert!(status["engines"]["tone"]["failure"].is_null(), "{status}");
    assert!(status["devices"]["sim:1"].is_object(), "{status}");
}

#[tokio::test]
async fn each_worker_sees_its_own_gpu_and_no_other() {
    // Nothing here computes, so the cards need not be there.
    let server = supervisor()
        .script("ready")
        .engine("devices", json!(["cuda:0", "cuda:1"]))
        .start()
        .await
        .ready()
        .await;
    ready_on(&server, &["cuda:0", "cuda:1"]).await;
    let seen: BTreeSet<String> =
        server.notes().into_iter().filter(|note| note.starts_with("device ")).collect();
    assert_eq!(seen.len(), 2, "{seen:?}");
    for note in &seen {
        let visible = note.strip_prefix("device cuda:0, visible '").expect("inside it is the first");
        assert!(!visible.contains(',') && visible != "'", "{note}");
    }
}

#[tokio::test]
async fn who_computes_on_no_gpu_sees_none() {
    let server = supervisor().script("ready").start().await.ready().await;
    server.noted("device none, visible ''").await;
}

#[tokio::test]
async fn workers_are_replaced_on_the_devices_where_they_were() {
    let server = supervisor().engine("devices", json!(["sim:0", "sim:1"])).start().await.ready().await;
    let before = ready_on(&server, &["sim:0", "sim:1"]).await;
    let pids = |workers: &[Value]| workers.iter().map(|worker| worker["pid"].clone()).collect::<Vec<_>>();
    let url = format!("{}/api/engines/tone/restart", server.url);
    assert_eq!(reqwest::Client::new().post(url).send().await.unwrap().status(), 202);
    for number in 0.. {
        let text = format!("Request {number} is answered all the same.");
        let answer = server.speak(json!({ "text": text, "format": "pcm" })).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        assert!(pcm(answer.bytes()) == tone::of(&text));
        let now = workers(&server).await;
        if !pids(&now).iter().any(|pid| pids(&before).contains(pid)) {
            break;
        }
    }
    ready_on(&server, &["sim:0", "sim:1"]).await;
}

#[tokio::test]
async fn a_lost_device_comes_back_into_use() {
    let server = supervisor()
        .engine("devices", json!(["sim:0", "sim:1"]))
        .workers(2)
        .engine("spares", 1)
        .start()
        .await
        .ready()
        .await;
    // The third worker is a spare, on the first device.
    let before = ready_on(&server, &["sim:0", "sim:0", "sim:1"]).await;
    let at_work = |workers: &[Value]| {
        devices(workers, |worker| worker["spare"] == false && worker["state"] == "ready")
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(at_work(&before), ["sim:0", "sim:1"]);
    let lost = before.iter().find(|worker| worker["device"] == "sim:1").unwrap();
    kill(lost["pid"].as_u64().unwrap().try_into().unwrap(), "SIGKILL");
    eventually("the spare serves", async || {
        (at_work(&workers(&server).await) == ["sim:0", "sim:0"]).then_some(())
    })
    .await;
    let answer = soon("an answer", server.speak(json!({ "text": "Meanwhile." }))).await;
    assert_eq!(answer.status, 200);
    eventually("both devices serve again", async || {
        (at_work(&workers(&server).await) == ["sim:0", "sim:1"]).then_some(())
    })
    .await;
}
