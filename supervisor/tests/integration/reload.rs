//! A changed configuration: in force without a request being dropped, or not at all.

use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::harness::{Server, eventually, ishowtts, pcm, soon, supervisor, tone};

/// Exit code and what was told, by stdout or stderr.
async fn reload(server: &Server) -> (i32, String) {
    let output = server.command(&["reload"]).await;
    let told = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.code().unwrap(), String::from_utf8(told).unwrap())
}

#[tokio::test]
async fn limits_and_voices_change_while_somebody_listens() {
    let server = supervisor()
        .engine("rtf", 0.5)
        .config("[limits]\nmax_text_chars = 100\n")
        .start()
        .await
        .ready()
        .await;
    let text = "this takes a second or so to be spoken";
    let listening = server.post(&json!({ "text": text, "format": "pcm", "stream": true })).send();
    let listening = listening.await.unwrap();
    server.rewrite("max_text_chars = 100", "max_text_chars = 10\nmax_requests = 7");
    server.rewrite("[voices.walter]", "[voices.anna]\nengines = { en = \"tone\" }\n[voices.walter]");
    let (code, told) = reload(&server).await;
    assert_eq!(told, "applied: limits.max_text_chars, limits.max_requests, voices.anna\n");
    assert_eq!(code, 0);
    assert_eq!(server.speak(json!({ "text": text })).await.error().1, "text_too_long");
    assert_eq!(server.speak(json!({ "text": "hi", "voice_id": "anna" })).await.status, 200);
    assert_eq!(server.get("/api/status").await["max_requests"], 7);
    assert_eq!(pcm(&listening.bytes().await.unwrap()), tone::of(text), "it heard all of it");
    assert_eq!(server.worker(0).await["restarts"], 0);
    assert_eq!(reload(&server).await, (0, "nothing has changed\n".into()));
}

#[tokio::test]
async fn no_request_notices_that_the_configuration_changes_again_and_again() {
    let server = supervisor().config("[limits]\nmax_text_chars = 100\n").start().await.ready().await;
    let reloads = async {
        for length in 100..110 {
            let line = |length: u32| format!("max_text_chars = {length}");
            server.rewrite(&line(length), &line(length + 1));
            assert_eq!(reload(&server).await, (0, "applied: limits.max_text_chars\n".into()));
        }
    };
    let mut reloads = std::pin::pin!(reloads);
    let mut answers = 0;
    loop {
        tokio::select! {
            biased;
            () = reloads.as_mut() => break,
            answer = server.speak(json!({ "text": "hi there", "format": "pcm", "stream": answers % 2 == 0 })) => {
                assert_eq!((answer.status, pcm(answer.bytes())), (200, tone::of("hi there")));
                answers += 1;
            }
        }
    }
    assert!(answers > 10, "{answers}");
}

#[tokio::test]
async fn a_limit_of_requests_that_was_changed_is_kept() {
    let server =
        supervisor().script("ready").config("[limits]\nmax_requests = 1\n").start().await.ready().await;
    let running = tokio::spawn(server.post(&json!({ "text": "endless" })).send());
    server.noted("speak endless").await;
    assert_eq!(server.speak(json!({ "text": "normal" })).await.error().1, "no_capacity");
    server.rewrite("max_requests = 1", "max_requests = 2");
    assert_eq!(reload(&server).await, (0, "applied: limits.max_requests\n".into()));
    assert_eq!(server.get("/api/status").await["requests_in_flight"], 1);
    let second = server.speak(json!({ "text": "endless", "deadline_ms": 200 })).await;
    assert_eq!(second.error().1, "deadline_exceeded", "it was let in");
    running.abort();
    server.quiet().await;
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_says_everything_that_is_wrong() {
    let server = supervisor().config("[limits]\nmax_text_chars = 100\n").start().await.ready().await;
    server.rewrite("max_text_chars = 100", "max_text_chars = 10\npatience_s = 0\ncolour = 1");
    let (code, told) = reload(&server).await;
    assert_eq!(code, 1);
    for problem in
        ["2 problems in ", "limits.patience_s: must be a whole number", "limits.colour: is not a key"]
    {
        assert!(told.contains(problem), "{told}");
    }
    let fifty = "a".repeat(50);
    assert_eq!(server.speak(json!({ "text": fifty })).await.status, 200, "as before");
    server.signal("SIGHUP");
    let told = eventually("the log tells it of both", async || {
        let log = server.log_text();
        (log.matches("The configuration is not changed").count() == 2).then_some(log)
    })
    .await;
    assert_eq!(told.matches("limits.patience_s").count(), 2, "{told}");
    server.rewrite("\npatience_s = 0\ncolour = 1", "");
    assert_eq!(reload(&server).await, (0, "applied: limits.max_text_chars\n".into()));
    assert_eq!(server.speak(json!({ "text": fifty })).await.error().1, "text_too_long");
}

#[tokio::test]
async fn an_engine_that_was_changed_gets_other_workers_and_nobody_notices() {
    let server = supervisor().engine("rtf", 0.1).start().await.ready().await;
    let text = "a few words";
    let body = json!({ "text": text, "format": "pcm", "stream": true });
    let listening = server.post(&body).send().await.unwrap();
    server.rewrite("rtf = 0.1", "rtf = 0.3");
    let changing = async {
        assert_eq!(
            reload(&server).await,
            (0, "applied: engine tone, its workers replaced (engines.tone.rtf)\n".into())
        );
    };
    let mut changing = std::pin::pin!(changing);
    let mut number = 0;
    loop {
        number += 1;
        let other = format!("number {number}");
        tokio::select! {
            biased;
            () = changing.as_mut() => break,
            answer = server.speak(json!({ "text": other, "format": "pcm" })) => {
                assert_eq!((answer.status, pcm(answer.bytes())), (200, tone::of(&other)));
            }
        }
    }
    assert_eq!(pcm(&listening.bytes().await.unwrap()), tone::of(text), "it heard all of it");
    let answer = server.speak(json!({ "text": text, "format": "pcm" })).await;
    assert_eq!(answer.header("x-cache"), "miss", "what the workers before said is not theirs");
    let elapsed: f64 = answer.header("x-elapsed-ms").parse().unwrap();
    assert!(elapsed > 250.0, "it is slower by its settings: {elapsed}");
    assert_eq!(reload(&server).await, (0, "nothing has changed\n".into()));
}

#[tokio::test]
async fn an_engine_whose_workers_do_not_start_with_a_change_keeps_those_that_it_has() {
    let server = supervisor().engine("rtf", 0.0).start().await.ready().await;
    server.rewrite("rtf = 0.0", "rtf = \"fast\"");
    for _ in 0..2 {
        let (code, told) = reload(&server).await;
        assert_eq!(code, 1);
        assert!(told.starts_with("not applied: engine tone keeps its workers (engines.tone.rtf)"), "{told}");
        assert!(told.contains("rtf"), "{told}");
        assert_eq!(server.speak(json!({ "text": "still here" })).await.status, 200);
    }
    server.rewrite("rtf = \"fast\"", "rtf = 0.0");
    assert_eq!(reload(&server).await, (0, "nothing has changed\n".into()));
}

#[tokio::test]
async fn what_cannot_be_applied_is_named() {
    let server = supervisor().config("[cache]\nmemory_mb = 1\n").start().await.ready().await;
    server.rewrite("enabled = true", "enabled = true\ncache = true");
    server.rewrite("memory_mb = 1", "memory_mb = 2\n[limits]\nstream_buffer_s = 5");
    let expected = "needs a restart: engines.tone.cache (it is read at the start alone), \
                    limits.stream_buffer_s (streams begin by it that are not over), \
                    cache (it is opened at the start)\n";
    assert_eq!(reload(&server).await, (0, expected.into()));
    assert_eq!(reload(&server).await, (0, expected.into()), "as long as it is so");
    server.signal("SIGHUP");
    eventually("the log tells it a third time", async || {
        let told = server
            .log_text()
            .matches("Configuration read again: needs a restart: engines.tone.cache")
            .count();
        (told == 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_level_of_the_log_changes() {
    let server = supervisor().config("[log]\nlevel = \"info\"\n").start().await.ready().await;
    let nonsense = async || {
        let mut socket = TcpStream::connect(&server.address).await.unwrap();
        socket.write_all(b"nonsense\r\n\r\n").await.unwrap();
    };
    nonsense().await;
    server.rewrite("level = \"info\"", "level = \"debug\"");
    assert_eq!(reload(&server).await, (0, "applied: log.level\n".into()));
    assert!(!server.log_text().contains("A connection ended early"));
    eventually("it is told what only debug tells", async || {
        nonsense().await;
        server.log_text().contains("A connection ended early").then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_a_server_there_is_nobody_to_ask() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut command = ishowtts(dir.path());
    // A process that is there and is no server of ours.
    command.args(["reload", "--pid", "1"]);
    let output = soon("an end", command.output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("found no running server"));
}

#[tokio::test]
async fn who_asks_while_a_reload_runs_hears_of_the_next_one() {
    let server = supervisor().config("[limits]\nmax_text_chars = 100\n").start().await.ready().await;
    // Five at once: whoever comes while one is done is served by another.
    let reloads = (0..5).map(|_| reload(&server));
    let told = soon("all of them", futures_util::future::join_all(reloads)).await;
    assert!(
        told.iter().all(|(code, told)| (*code, told.as_str()) == (0, "nothing has changed\n")),
        "{told:?}"
    );
}

#[tokio::test]
async fn nobody_waits_for_a_reload_without_an_end() {
    let server = supervisor().start().await.ready().await;
    server.signal("SIGSTOP");
    let output = soon("the command", server.command(&["reload", "--wait-s", "1"])).await;
    server.signal("SIGCONT");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && told.contains("did not answer within 1 s"), "{told}");
    assert_eq!(reload(&server).await.0, 0, "the server goes on");
}
