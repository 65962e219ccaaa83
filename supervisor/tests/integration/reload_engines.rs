//! Engines that a changed configuration has laid out anew, while they are asked to speak.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Server, children, eventually, interpreter, pcm, second::piper, soon, supervisor, tone};

/// What the command told that had to succeed.
async fn reload(server: &Server) -> String {
    let output = server.command(&["reload"]).await;
    let told =
        String::from_utf8(if output.status.success() { output.stdout } else { output.stderr }).unwrap();
    assert!(output.status.success(), "{told}");
    told
}

async fn workers(server: &Server) -> Vec<Value> {
    server.get("/api/status").await["engines"]["tone"]["workers"].as_array().unwrap().clone()
}

fn names(workers: &[Value]) -> Vec<&str> {
    workers.iter().map(|worker| worker["worker"].as_str().unwrap()).collect()
}

/// Several clients ask one thing after the other while something is done; each must hear the right answer. None of them
/// is in a hurry, so that nobody is refused where one worker is left of several. Tells how many answers there were.
async fn under_load<T>(server: &Server, clients: usize, done: impl Future<Output = T>) -> (usize, T) {
    let over = AtomicBool::new(false);
    let over = &over;
    let asks = (0..clients).map(|client| async move {
        let mut answers = 0;
        while !over.load(Ordering::Relaxed) {
            let text = format!("Client {client} asks for the time number {answers}.");
            let streams = answers % 2 == 0;
            let body = json!({ "text": text, "format": "pcm", "stream": streams, "priority": "batch" });
            let answer = server.speak(body).await;
            assert_eq!(answer.status, 200, "{:?}", answer.body);
            assert!(pcm(answer.bytes()) == tone::of(&text), "the right audio");
            answers += 1;
        }
        answers
    });
    let done = async {
        let done = done.await;
        over.store(true, Ordering::Relaxed);
        done
    };
    let (answers, done) = tokio::join!(join_all(asks), done);
    (answers.into_iter().sum(), done)
}

/// How many workers speak at the same time when there is enough for all of them to do.
async fn busy_at_once(server: &Server, expected: usize) {
    let requests: Vec<_> = (0..expected + 2)
        .map(|number| {
            let body = json!({
                "text": format!("Long enough to be seen while it is spoken, {number}."),
                "priority": "batch",
                "stream": false,
                "engine_options": { "rtf": 5.0 },
            });
            tokio::spawn(server.post(&body).send())
        })
        .collect();
    let busy = async || workers(server).await.iter().filter(|worker| worker["state"] == "busy").count();
    eventually("as many are busy as there are", async || (busy().await == expected).then_some(())).await;
    assert_eq!(server.get("/api/status").await["queue"]["batch"], 2, "and no more than those");
    requests.iter().for_each(tokio::task::JoinHandle::abort);
    server.quiet().await;
}

#[tokio::test]
async fn more_workers_and_fewer_while_requests_come() {
    let server = supervisor().workers(1).engine("rtf", 0.05).start().await.ready().await;
    let (answers, ()) = under_load(&server, 3, async {
        for (before, after) in [(1, 3), (3, 2), (2, 4), (4, 1), (1, 2)] {
            server.rewrite(&format!("replicas = {before}"), &format!("replicas = {after}"));
            let told = reload(&server).await;
            assert_eq!(told, "applied: engine tone, the number of its workers (engines.tone.replicas)\n");
            let workers = workers(&server).await;
            assert_eq!(workers.len(), after, "{workers:?}");
            assert!(workers.iter().all(|worker| worker["spare"] == false), "{workers:?}");
            // It is scraped at any time.
            server.get("/metrics").await;
            assert_eq!(children(server.pid()).len(), after, "{after}");
        }
    })
    .await;
    assert!(answers > 5, "{answers}");
    assert_eq!(names(&workers(&server).await), ["tone/0", "tone/1"]);
    busy_at_once(&server, 2).await;
    assert_eq!(reload(&server).await, "nothing has changed\n");
    let probes = server.get("/api/status").await["engines"]["tone"]["probes"].as_array().unwrap().len();
    assert_eq!(probes, 2, "one for each that takes orders");
    assert_eq!(
        server.metric("ishowtts_worker_state{engine=\"tone\",replica=\"1\",state=\"ready\"}").await,
        1.0
    );
    let metrics = server.get("/metrics").await;
    assert!(!metrics.as_str().unwrap().contains("replica=\"2\""), "nothing is told of who left");
}

#[tokio::test]
async fn who_is_too_many_finishes_what_it_speaks() {
    let server = supervisor().workers(2).engine("rtf", 0.0).start().await.ready().await;
    let text = "Both of us speak at length.";
    let body = json!({ "text": text, "format": "pcm", "engine_options": { "rtf": 1.0 } });
    let uncached = || server.post(&body).header("cache-control", "no-cache").send();
    let listening = [tokio::spawn(uncached()), tokio::spawn(uncached())];
    eventually("both are busy", async || {
        workers(&server).await.iter().all(|worker| worker["state"] == "busy").then_some(())
    })
    .await;
    server.rewrite("replicas = 2", "replicas = 1");
    reload(&server).await;
    assert_eq!(workers(&server).await.len(), 1);
    for listening in listening {
        let answer = soon("an answer", listening).await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
        assert!(pcm(&answer.bytes().await.unwrap()) == tone::of(text), "all of it");
    }
    busy_at_once(&server, 1).await;
}

#[tokio::test]
async fn spares_come_and_go_and_take_over_as_ever() {
    let server = supervisor().engine("spares", 0).engine("rtf", 0.05).start().await.ready().await;
    let spares = async || {
        let workers = workers(&server).await;
        (workers.len(), workers.iter().filter(|worker| worker["spare"] == true).count())
    };
    under_load(&server, 2, async {
        server.rewrite("spares = 0", "spares = 2");
        let told = reload(&server).await;
        assert_eq!(told, "applied: engine tone, the number of its workers (engines.tone.spares)\n");
        assert_eq!(spares().await, (3, 2));
        server.rewrite("spares = 2", "spares = 1\nreplicas = 2");
        reload(&server).await;
        assert_eq!(spares().await, (3, 1), "a spare took the new seat");
        server.rewrite("spares = 1\nreplicas = 2", "spares = 0\nreplicas = 1");
        reload(&server).await;
        assert_eq!(spares().await, (1, 0));
    })
    .await;
    busy_at_once(&server, 1).await;
}

#[tokio::test]
async fn where_one_more_does_not_start_there_are_as_many_as_before() {
    let server = supervisor().script("ready,fatal").workers(1).start().await.ready().await;
    let before = children(server.pid());
    server.rewrite("replicas = 1", "replicas = 2");
    for _ in 0..2 {
        let output = server.command(&["reload"]).await;
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(
            told.starts_with("not applied: engine tone keeps its workers (engines.tone.replicas)"),
            "{told}"
        );
        assert_eq!(children(server.pid()), before);
        assert_eq!(names(&workers(&server).await), ["tone/0"]);
        assert_eq!(server.speak(json!({ "text": "normal" })).await.status, 200);
    }
    server.rewrite("replicas = 2", "replicas = 1");
    assert_eq!(reload(&server).await, "nothing has changed\n");
}

#[tokio::test]
async fn settings_and_number_change_together() {
    let server = supervisor().workers(2).engine("rtf", 0.05).start().await.ready().await;
    let pids = async || {
        let workers = workers(&server).await;
        workers.iter().map(|worker| worker["pid"].as_u64().unwrap()).collect::<BTreeSet<_>>()
    };
    let before = pids().await;
    under_load(&server, 2, async {
        server.rewrite("replicas = 2", "replicas = 3");
        server.rewrite("rtf = 0.05", "rtf = 0.1");
        let told = reload(&server).await;
        let expected =
            "applied: engine tone, its workers replaced (engines.tone.rtf, engines.tone.replicas)\n";
        assert_eq!(told, expected);
    })
    .await;
    let after = pids().await;
    assert_eq!(after.len(), 3);
    assert!(after.is_disjoint(&before), "{before:?} {after:?}");
}

/// Devices of the workers, in their order.
fn devices(workers: &[Value]) -> Vec<&str> {
    let mut devices: Vec<&str> = workers.iter().map(|worker| worker["device"].as_str().unwrap()).collect();
    devices.sort_unstable();
    devices
}

#[tokio::test]
async fn workers_move_to_other_devices() {
    let server = supervisor().engine("device", "sim:0").engine("fixed_ms", 20).start().await.ready().await;
    under_load(&server, 2, async {
        let both = "devices = [\"sim:0\", \"sim:1\"]";
        for (old, new, expected, key) in [
            ("device = \"sim:0\"", both, &["sim:0", "sim:1"][..], "devices, engines.tone.replicas"),
            (both, "devices = [\"sim:1\", \"sim:2\"]", &["sim:1", "sim:2"], "devices"),
            (
                "devices = [\"sim:1\", \"sim:2\"]",
                "device = \"sim:3\"",
                &["sim:3"],
                "devices, engines.tone.replicas",
            ),
        ] {
            server.rewrite(old, new);
            let told = reload(&server).await;
            let applied = format!("applied: engine tone, its workers replaced (engines.tone.{key})\n");
            assert_eq!(told, applied);
            assert_eq!(devices(&workers(&server).await), expected);
        }
    })
    .await;
    let status = server.get("/api/status").await;
    assert!(status["devices"]["sim:3"].is_object(), "{status}");
    busy_at_once(&server, 1).await;
    server.rewrite("device = \"sim:3\"", "devices = [\"sim:0\", \"sim:3\"]");
    reload(&server).await;
    // A device that was there before has its room again.
    busy_at_once(&server, 2).await;
}

#[tokio::test]
async fn workers_compute_with_other_threads_and_the_plan_knows() {
    // Two of the three slots of the CPU are taken by each worker: one at a time.
    let server = supervisor()
        .workers(2)
        .engine("device", "cpu")
        .engine("threads", 2)
        .config("[devices.cpu]\nslots = 3\n")
        .start()
        .await
        .ready()
        .await;
    let busy_of_two = async |expected: usize| {
        let requests: Vec<_> = (0..2)
            .map(|number| {
                let body = json!({
                    "text": format!("Long enough to be seen while it is spoken, {number}."),
                    "priority": "batch",
                    "stream": false,
                    "engine_options": { "rtf": 5.0 },
                });
                tokio::spawn(server.post(&body).header("cache-control", "no-cache").send())
            })
            .collect();
        eventually("so many speak at once", async || {
            let workers = workers(&server).await;
            let busy = workers.iter().filter(|worker| worker["state"] == "busy").count();
            let waits = server.get("/api/status").await["queue"]["batch"] == 2 - expected;
            (busy == expected && waits).then_some(())
        })
        .await;
        requests.iter().for_each(tokio::task::JoinHandle::abort);
        server.quiet().await;
    };
    busy_of_two(1).await;
    server.rewrite("threads = 2", "threads = 1");
    let told = reload(&server).await;
    assert_eq!(told, "applied: engine tone, its workers replaced (engines.tone.threads)\n");
    busy_of_two(2).await;
    server.rewrite("threads = 1", "threads = 2");
    reload(&server).await;
    busy_of_two(1).await;
}

async fn engine(server: &Server, name: &str) -> Value {
    server.get("/api/status").await["engines"][name].clone()
}

#[tokio::test]
async fn an_engine_that_is_switched_off_finishes_and_is_gone_and_comes_back() {
    let notes = TempDir::new().unwrap();
    let server = supervisor().engine("rtf", 0.0).config(&piper(notes.path(), "ready").await);
    let server = server.start().await.ready().await;
    let text = "Whoever was let in hears all of it.";
    let body = json!({ "text": text, "format": "pcm", "stream": true, "engine_options": { "rtf": 0.7 } });
    let listening = server.post(&body).send().await.unwrap();
    server.rewrite("enabled = true", "enabled = false");
    let refused = async {
        let refused = eventually("nobody else is let in", async || {
            let answer = server.speak(json!({ "text": "too late" })).await;
            (answer.status != 200).then(|| answer.error())
        })
        .await;
        assert_eq!((refused.0, refused.1.as_str()), (503, "engine_disabled"));
    };
    let heard = async { pcm(&listening.bytes().await.unwrap()) };
    let (told, (), heard) = tokio::join!(reload(&server), refused, heard);
    assert_eq!(told, "applied: engine tone, stopped (engines.tone.enabled)\n");
    assert!(heard == tone::of(text), "all of it");
    assert_eq!(children(server.pid()).len(), 1, "the other engine's");
    let tone = engine(&server, "tone").await;
    assert_eq!((&tone["enabled"], &tone["workers"]), (&json!(false), &json!([])), "{tone}");
    let metrics = server.get("/metrics").await;
    assert!(!metrics.as_str().unwrap().contains("{engine=\"tone\",replica="), "it has no workers");
    assert_eq!(server.status_of("/readyz").await.0, 200, "nobody waits for it");
    assert_eq!(reload(&server).await, "nothing has changed\n");

    for _ in 0..2 {
        server.rewrite("enabled = false", "enabled = true\nreplicas = 2");
        assert_eq!(reload(&server).await, "applied: engine tone, started (engines.tone.enabled)\n");
        assert_eq!(workers(&server).await.len(), 2);
        assert_eq!(server.status_of("/readyz").await.0, 200);
        let (answers, told) = under_load(&server, 2, async {
            server.rewrite("replicas = 2", "replicas = 3");
            reload(&server).await
        })
        .await;
        assert_eq!(told, "applied: engine tone, the number of its workers (engines.tone.replicas)\n");
        assert!(answers > 0);
        busy_at_once(&server, 3).await;
        server.rewrite("enabled = true\nreplicas = 3", "enabled = false");
        assert_eq!(reload(&server).await, "applied: engine tone, stopped (engines.tone.enabled)\n");
    }
}

#[tokio::test]
async fn who_does_not_end_in_time_is_told_that_the_engine_is_off() {
    let notes = TempDir::new().unwrap();
    let other = piper(notes.path(), "ready").await;
    let server = supervisor().script("ready").config(&format!("{other}[server]\ngrace_s = 1\n"));
    let server = server.start().await.ready().await;
    let endless = tokio::spawn(server.post(&json!({ "text": "endless", "stream": false })).send());
    server.noted("speak endless").await;
    let waiting = tokio::spawn(server.post(&json!({ "text": "normal", "priority": "batch" })).send());
    eventually("it waits", async || (server.get("/api/status").await["queue"]["batch"] == 1).then_some(()))
        .await;
    server.rewrite("enabled = true", "enabled = false");
    assert_eq!(reload(&server).await, "applied: engine tone, stopped (engines.tone.enabled)\n");
    for asked in [endless, waiting] {
        let answer = soon("an answer", asked).await.unwrap().unwrap();
        let told: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(told["error"]["code"], "engine_disabled", "{told}");
    }
    assert_eq!(children(server.pid()).len(), 1, "the other engine's");
    server.quiet().await;
}

#[tokio::test]
async fn another_engine_is_switched_on_while_one_speaks() {
    let server = supervisor().engine("rtf", 0.05).start().await.ready().await;
    let notes = TempDir::new().unwrap();
    let voices = "[voices.walter]";
    under_load(&server, 2, async {
        server.rewrite(voices, &format!("{}{voices}", piper(notes.path(), "fatal").await));
        for _ in 0..2 {
            let output = server.command(&["reload"]).await;
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{told}");
            assert!(
                told.contains("not applied: engine piper is not started (engines.piper.enabled): "),
                "{told}"
            );
        }
        assert!(engine(&server, "piper").await.is_null(), "it is as if nobody had written of it");
        assert_eq!(children(server.pid()).len(), 1, "nothing is left of it");
        assert_eq!(server.status_of("/readyz").await.0, 200, "nobody waits for it");
        server.rewrite("FAKE_START = \"fatal\"", "FAKE_START = \"ready\"");
        let told = reload(&server).await;
        assert!(told.ends_with("applied: engine piper, started (engines.piper.enabled)\n"), "{told}");
    })
    .await;
    assert_eq!(engine(&server, "piper").await["enabled"], true);
    let answer = server.speak(json!({ "text": "normal", "voice_id": "paula" })).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
}

#[tokio::test]
async fn an_engine_whose_environment_is_no_good_comes_with_one_that_is() {
    let notes = TempDir::new().unwrap();
    let (good, broken) = (interpreter().await, "/bin/false");
    let piper = piper(notes.path(), "ready").await.replace(&good, broken);
    let server = supervisor().config(&piper).start().await;
    assert!(engine(&server, "piper").await["failure"].is_string());
    server.rewrite(broken, &good);
    let told = reload(&server).await;
    assert_eq!(told, "applied: engine piper, its workers replaced (engines.piper.python)\n");
    let piper = engine(&server, "piper").await;
    assert_eq!((&piper["failure"], piper["workers"].as_array().unwrap().len()), (&Value::Null, 1), "{piper}");
    assert_eq!(server.speak(json!({ "text": "normal", "voice_id": "paula" })).await.status, 200);
}
