//! Workers that end when they should not.

use serde_json::json;

use crate::harness::{children, eventually, exists, kill, pcm, soon, supervisor, tone};

#[tokio::test]
async fn a_killed_worker_is_replaced_and_its_request_succeeds() {
    let server = supervisor().start().await.ready().await;
    let pid = server.worker(0).await["pid"].as_u64().unwrap();
    let text = "Nobody hears that the first worker did not live to the end of this.";
    let body = json!({ "text": text, "format": "pcm", "engine_options": { "rtf": 0.2 } });
    let request = tokio::spawn(server.post(&body).send());
    server.worker_is("busy").await;
    kill(pid.try_into().unwrap(), "SIGKILL");
    let answer = soon("the answer", request).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    assert!(pcm(&answer.bytes().await.unwrap()) == tone::of(text));

    let restarts = "ishowtts_worker_restarts_total{engine=\"tone\",reason=\"exit\"}";
    assert_eq!(server.metric(restarts).await, 1.0);
    assert_eq!(server.metric("ishowtts_segment_retries_total{engine=\"tone\"}").await, 1.0);
    let told = server.worker(0).await["last_error"].as_str().unwrap().to_owned();
    assert!(told.contains("SIGKILL"), "{told}");
    assert!(!exists(pid), "it is reaped");
    assert_eq!(children(server.pid()).len(), 1, "nothing else is left in the process table");
}

#[tokio::test]
async fn every_way_of_breaking_off_is_survived_by_the_request() {
    let server = supervisor().script("ready").engine("stall_s", 1).start().await.ready().await;
    for (text, reason) in [
        ("crash", "code 7"),
        ("killed", "SIGKILL"),
        ("garbage", "no message of this protocol"),
        ("half-line", "code 0"),
        ("half-payload", "code 0"),
        ("wrong-id", "does not have"),
        ("unknown-type", "no message of this protocol"),
        ("endless-line", "exceeds"),
        ("hang", "no progress"),
        ("stubborn", "no progress"),
        ("poison", "device_fault"),
    ] {
        let answer = server.speak(json!({ "text": format!("{text} 1"), "format": "pcm" })).await;
        assert_eq!(answer.status, 200, "{text}: {:?}", answer.body);
        assert_eq!(answer.bytes().len(), 4800, "{text}: nothing is missing, nothing comes twice");
        let told = server.worker(0).await["last_error"].as_str().unwrap().to_owned();
        assert!(told.contains(reason), "{text}: {told}");
    }
    // The last answer may have come from the cache, while the next worker was still on its way.
    server.worker_is("ready").await;
    assert_eq!(children(server.pid()).len(), 1, "only the present worker is left");
}

#[tokio::test]
async fn a_worker_that_floods_its_stderr_still_speaks() {
    let server = supervisor().script("ready").start().await.ready().await;
    assert_eq!(server.speak(json!({ "text": "flood" })).await.status, 200);
}

#[tokio::test]
async fn no_worker_outlives_a_killed_supervisor() {
    for script in [false, true] {
        let builder = supervisor().workers(3);
        let builder = if script { builder.script("ready") } else { builder };
        let mut server = builder.start().await.ready().await;
        let workers = children(server.pid());
        assert_eq!(workers.len(), 3);
        server.signal("SIGKILL");
        server.ended().await;
        eventually("no worker is left", async || {
            // Whoever inherits them may take a moment to reap them: a zombie runs no more.
            let running = |pid: &u64| {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
            };
            (!workers.iter().any(running)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_restart_replaces_workers_without_failing_a_request() {
    let server = supervisor().workers(2).start().await.ready().await;
    let before = children(server.pid());
    let load = async {
        for _ in 0..20 {
            assert_eq!(
                server
                    .speak(json!({ "text": "keep on talking", "engine_options": { "rtf": 0.1 } }))
                    .await
                    .status,
                200
            );
        }
    };
    let restart = async {
        let url = format!("{}/api/engines/tone/restart", server.url);
        let answer = reqwest::Client::new().post(url).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        eventually("both are new", async || {
            let now = children(server.pid());
            (now.len() == 2 && now.iter().all(|pid| !before.contains(pid))).then_some(())
        })
        .await;
    };
    tokio::join!(load, restart);
    let answer = reqwest::Client::new().post(format!("{}/api/engines/nope/restart", server.url)).send().await;
    assert_eq!(answer.unwrap().status(), 404);
}
