//! Workers that do not come up, or take their time.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use serde_json::json;
use tokio::io::AsyncReadExt;

use crate::harness::{children, eventually, exists, interpreter, kill, soon, supervisor};

#[tokio::test]
async fn requests_wait_for_a_worker_that_is_still_loading() {
    let server = supervisor().script("slow").start().await;
    let request = tokio::spawn(server.post(&json!({ "text": "normal" })).send());
    server.noted("loading").await;
    eventually("progress is shown", async || {
        (server.worker(0).await["progress"]["stage"] == "loading").then_some(())
    })
    .await;
    let missing = server.get("/readyz").await;
    assert_eq!((&missing["ready"], &missing["missing"]["tone"]), (&json!(false), &json!("starting")));
    server.go();
    assert_eq!(request.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn a_worker_that_never_starts_is_given_up_with_its_last_words() {
    let server = supervisor().script("exit").start().await;
    let waiting = tokio::spawn(server.post(&json!({ "text": "normal" })).send());
    let worker = server.worker_is("failed").await;
    assert_eq!(worker["last_error"], "it exited with code 3");
    assert!(worker["last_words"][0].as_str().unwrap().contains("could not find the model"));
    assert_eq!(waiting.await.unwrap().unwrap().status(), 503, "who waited is told");
    let answer = server.speak(json!({ "text": "normal" })).await;
    assert_eq!(answer.error(), (503, "engine_failed".into(), None));
    assert!(!answer.header("retry-after").is_empty());
    assert_eq!(server.get("/readyz").await["missing"]["tone"], "it exited with code 3");
    assert_eq!(server.get("/healthz").await, "ok\n");
    assert!(children(server.pid()).is_empty());
}

const SLOW_STARTS: &str = "ishowtts_worker_restarts_total{engine=\"tone\",reason=\"slow_start\"}";

#[tokio::test]
async fn a_worker_that_is_frozen_while_it_starts_is_replaced() {
    let server = supervisor().script("slow,ready").engine("start_patience_s", 1).start().await;
    server.noted("loading").await;
    let pid = server.worker(0).await["pid"].as_u64().unwrap();
    kill(pid.try_into().unwrap(), "SIGSTOP");
    let server = server.ready().await;
    assert!(!exists(pid), "it is reaped");
    assert_eq!(server.metric(SLOW_STARTS).await, 1.0);
    assert!(server.log_text().contains("it made no progress for 1 s while starting"));
    assert_eq!(server.speak(json!({ "text": "normal" })).await.status, 200);
}

#[tokio::test]
async fn a_worker_that_never_says_hello_and_does_nothing_is_replaced() {
    let server =
        supervisor().script("silent,ready").engine("start_patience_s", 1).start().await.ready().await;
    assert_eq!(server.metric(SLOW_STARTS).await, 1.0);
}

#[tokio::test]
async fn a_start_may_take_its_time_while_something_is_done() {
    let server = supervisor().script("mull").engine("start_patience_s", 1).start().await;
    server.noted("loading").await;
    let given_up = tokio::time::timeout(Duration::from_secs(4), server.logged("The worker did not start"));
    assert!(given_up.await.is_err(), "another process computes for it: {}", server.log_text());
    server.go();
    let server = server.ready().await;
    assert_eq!(server.worker(0).await["restarts"], 0);
}

#[tokio::test]
async fn a_failed_start_is_tried_again_and_forgiven() {
    let server =
        supervisor().script("exit,garbage,wrong_version,wrong_engine,ready").start().await.ready().await;
    assert_eq!(server.speak(json!({ "text": "normal" })).await.status, 200);
    assert_eq!(
        server.metric("ishowtts_worker_restarts_total{engine=\"tone\",reason=\"violation\"}").await,
        3.0
    );
    assert_eq!(server.metric("ishowtts_worker_restarts_total{engine=\"tone\",reason=\"exit\"}").await, 1.0);
}

#[tokio::test]
async fn a_worker_is_not_given_up_while_others_of_its_engine_start() {
    // One serves, and the other fails four times; then the first is lost and comes again, and the other fails twice.
    let lives = "ready,exit,exit,exit,exit,ready,exit,exit,ready";
    let server = supervisor().workers(2).script(lives).start().await.ready().await;
    assert_eq!(server.speak(json!({ "text": "normal" })).await.status, 200);
    let exits = "ishowtts_worker_restarts_total{engine=\"tone\",reason=\"exit\"}";
    eventually("four failed starts", async || (server.metric(exits).await == 4.0).then_some(())).await;
    // The next try of it is a second away, and who had finished something starts again at once.
    assert_eq!(server.speak(json!({ "text": "killed 1" })).await.status, 200);
    eventually("both are ready", async || {
        let workers = server.get("/api/status").await["engines"]["tone"]["workers"].clone();
        let is = |state: &str| workers.as_array().unwrap().iter().filter(|one| one["state"] == state).count();
        assert_eq!(is("failed"), 0, "{workers}");
        (is("ready") == 2).then_some(())
    })
    .await;
    assert_eq!(server.metric(exits).await, 7.0, "six failed starts, and the one that was killed");
}

#[tokio::test]
async fn a_given_up_engine_can_be_started_again() {
    let server = supervisor().script("fatal,ready").start().await;
    let worker = server.worker_is("failed").await;
    assert_eq!(worker["last_error"], "no model at /m (missing_model)");
    let url = format!("{}/api/engines/tone/restart", server.url);
    reqwest::Client::new().post(url).send().await.unwrap();
    let server = server.ready().await;
    assert_eq!(server.speak(json!({ "text": "normal" })).await.status, 200);
}

#[tokio::test]
async fn sighup_has_a_given_up_engine_try_again() {
    let server = supervisor().script("fatal,ready").start().await;
    server.worker_is("failed").await;
    server.signal("SIGHUP");
    let server = server.ready().await;
    assert_eq!(server.speak(json!({ "text": "normal" })).await.status, 200);
}

#[tokio::test]
async fn while_environments_are_built_the_server_answers_and_a_failed_one_stops_nobody_else() {
    // Stands in for uv: builds nothing until it is told to, and then fails.
    let tools = tempfile::TempDir::new().unwrap();
    let (go, uv) = (tools.path().join("go"), tools.path().join("uv"));
    let script = format!(
        "#!/bin/sh\nwhile [ ! -e {} ]; do sleep 0.05; done\necho no network >&2\nexit 1\n",
        go.display()
    );
    std::fs::write(&uv, script).unwrap();
    std::fs::set_permissions(&uv, std::fs::Permissions::from_mode(0o755)).unwrap();
    let builder = supervisor().config("[engines.piper]\nenabled = true\n").tools(tools.path());
    let server = builder.start_setting_up().await;

    let (status, answer) = server.status_of("/readyz").await;
    assert_eq!((status, &answer["error"]["code"]), (503, &json!("starting")));
    assert_eq!(server.get("/healthz").await, "ok\n");
    assert_eq!(server.speak(json!({ "text": "hi" })).await.error(), (503, "starting".into(), None));

    let wyoming = server.logged("Starting").await["wyoming"].as_str().unwrap().to_owned();
    let mut socket = tokio::net::TcpStream::connect(wyoming).await.unwrap();
    let mut told = String::new();
    soon("the end of the connection", socket.read_to_string(&mut told)).await.unwrap();
    assert!(told.starts_with("{\"type\":\"error\"") && told.contains("\"code\":\"starting\""), "{told}");

    std::fs::write(go, "").unwrap();
    server.logged("Listening").await;
    server.worker_is("ready").await;
    assert_eq!(server.speak(json!({ "text": "hi" })).await.status, 200);
    let piper = server.speak(json!({ "text": "hi", "voice_id": "piper" })).await;
    assert_eq!(piper.error(), (503, "engine_failed".into(), None));
    assert!(String::from_utf8_lossy(piper.bytes()).contains("no network"));
    assert_eq!(server.status_of("/readyz").await.0, 503, "piper is required");
}

#[tokio::test]
async fn a_wrong_setting_is_told_by_the_engine_itself() {
    let server = supervisor().engine("rtf", "fast").start().await;
    let worker = server.worker_is("failed").await;
    let told = worker["last_error"].as_str().unwrap();
    assert!(told.contains("rtf") && told.contains("bad_settings"), "{told}");
}

#[tokio::test]
async fn workers_get_their_session_their_cpus_and_their_nice_value() {
    let server =
        supervisor().engine("cpus", json!([0])).engine("nice", 3).engine("memory_mb", 4096).start().await;
    let server = server.ready().await;
    let pid = server.worker(0).await["pid"].as_u64().unwrap();
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap();
    assert!(read("status").lines().any(|line| line == "Cpus_allowed_list:\t0"));
    let stat = read("stat");
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    assert_eq!(fields[3], pid.to_string(), "the leader of its own session");
    assert_eq!(fields[16], "3", "nice");
    let limits = read("limits");
    let memory = limits.lines().find(|line| line.starts_with("Max address space")).unwrap();
    assert!(memory.contains("8589934592"), "{memory}");
}

#[tokio::test]
async fn an_engine_runs_on_the_interpreter_that_is_named_for_it() {
    let home = tempfile::TempDir::new().unwrap();
    let (python, runs) = (home.path().join("python"), home.path().join("runs"));
    let real = interpreter().await;
    let script = format!("#!/bin/sh\necho \"$@\" >> {}\nexec {} \"$@\"\n", runs.display(), real);
    std::fs::write(&python, script).unwrap();
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
    let fake = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/fake");
    let piper = format!(
        "[engines.piper]\nenabled = true\npython = {python:?}\nwrite = [{:?}]\nenv = {{ PYTHONPATH = {fake:?}, FAKE_START = \"ready\", FAKE_NOTES = {:?} }}\n",
        home.path(),
        home.path().join("notes")
    );
    let server = supervisor()
        .engine("python", python.to_str().unwrap())
        .engine("write", json!(["./notes", home.path()]))
        .config(&piper)
        .start()
        .await;
    let server = server.ready().await;
    assert_eq!(server.speak(json!({ "text": "hi" })).await.status, 200);
    let runs = std::fs::read_to_string(runs).unwrap();
    for engine in ["tone", "piper"] {
        let worker = |line: &&str| line.contains("-m ishowtts_worker ") && line.contains(engine);
        assert!(runs.lines().any(|line| worker(&line)), "{engine}: {runs}");
    }
    let environments = server.dir.path().join("state/environments");
    assert!(!environments.exists(), "piper has a lock, and yet nothing is built");
}
