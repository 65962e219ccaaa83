//! `ishowtts bench`, against our own server and against others that say one thing only.

use std::{fs, process::Output, time::Duration};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::Command,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

use crate::harness::{Server, eventually, ishowtts, kill, soon, supervisor};

fn bench(dir: &TempDir, url: &str, args: &str) -> Command {
    let mut command = ishowtts(dir.path());
    command.args(["bench", url]).args(args.split_whitespace());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    command
}

async fn run(url: &str, args: &str) -> Output {
    let dir = TempDir::new().unwrap();
    soon("the end of the bench", bench(&dir, url, args).output()).await.unwrap()
}

/// Runs it for its JSON.
async fn json(url: &str, args: &str) -> Value {
    let output = run(url, &format!("{args} --json -")).await;
    let told = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"))
}

fn figure(report: &Value, name: &str) -> f64 {
    report["figures"][name].as_f64().unwrap_or_else(|| panic!("{name}: {report}"))
}

async fn server() -> Server {
    supervisor().workers(2).start().await.ready().await
}

#[tokio::test]
async fn a_closed_loop_of_files_is_measured_to_the_sample() {
    let server = server().await;
    let texts = server.dir.path().join("texts");
    fs::write(&texts, "twelve chars\n\nand thirteen.\n").unwrap();
    let args = format!("--requests 6 --concurrency 3 --text {}", texts.display());
    let report = json(&server.url, &args).await;
    for (name, value) in [("requests", 6.0), ("ok", 6.0), ("errors", 0.0), ("ok_percent", 100.0)] {
        assert_eq!(figure(&report, name), value, "{name}");
    }
    // 80 ms a character, and each text as often as the other.
    assert!((figure(&report, "audio_s") - 3.0 * 0.08 * 25.0).abs() < 1e-6, "{report}");
    assert_eq!(figure(&report, "audio_ms_worst"), 13.0 * 80.0);
    assert!(figure(&report, "ttfa_ms_p50") <= figure(&report, "latency_ms_worst"));
    assert!(figure(&report, "server_rtf_p50") >= 0.0);
    assert!(figure(&report, "rtf_p50") > 0.0);
    assert!(report["figures"]["underrun_ms_p50"].is_null(), "nobody plays a file before it is complete");
    assert!(report["figures"]["c100"].is_null());
    assert!(report["version"].as_str().unwrap().starts_with(env!("CARGO_PKG_VERSION")));
    assert_eq!(report["options"]["concurrency"], 3);
    assert_eq!(server.metric("ishowtts_audio_seconds_total{engine=\"tone\"}").await, 6.0);
}

#[tokio::test]
async fn a_stream_that_stutters_is_told_from_one_that_does_not() {
    let server = server().await;
    let texts = server.dir.path().join("texts");
    // 80 ms: one piece, or two that are a second apart.
    fs::write(&texts, "a").unwrap();
    let args = format!("--stream --format pcm --requests 2 --text {}", texts.display());
    let fluent = json(&server.url, &args).await;
    assert_eq!((figure(&fluent, "ok"), figure(&fluent, "c50")), (2.0, 100.0));
    assert_eq!(figure(&fluent, "underrun_ms_worst"), 0.0);
    let slow = json(&server.url, &format!("{args} --engine-options {{\"rtf\":25,\"chunk_ms\":40}}")).await;
    assert_eq!((figure(&slow, "ok"), figure(&slow, "c200")), (2.0, 0.0), "{slow}");
    assert!(figure(&slow, "rtf_p50") >= 25.0);
}

#[tokio::test]
async fn an_open_loop_sends_whatever_became_of_the_others() {
    let server = server().await;
    let report =
        json(&server.url, "--rate 200 --requests 20 --stream --texts short --sample-rate 16000").await;
    // A machine that is busy with something else may turn some away.
    let answered = figure(&report, "ok") + figure(&report, "rejected");
    assert_eq!((answered, figure(&report, "not_sent")), (20.0, 0.0), "{report}");
    assert!(figure(&report, "late_ms_p50") >= 0.0);
    assert_eq!(report["options"]["rate"], 200.0);
    let endless = r#"--engine-options {"fixed_ms":5000}"#;
    let full =
        json(&server.url, &format!("--rate 1000 --requests 5 --max-in-flight 1 --texts short {endless}"))
            .await;
    assert_eq!((figure(&full, "ok"), figure(&full, "not_sent")), (1.0, 4.0));
}

#[tokio::test]
async fn a_run_is_a_gate_for_what_it_must_come_to() {
    let server = server().await;
    let file = server.dir.path().join("report.json");
    let args = format!("--requests 2 --stream --texts zh --json {}", file.display());
    let passed = run(&server.url, &format!("{args} --assert ok>=2 --assert c200>=0")).await;
    assert_eq!(passed.status.code(), Some(0), "{}", String::from_utf8_lossy(&passed.stderr));
    let table = String::from_utf8(passed.stdout).unwrap();
    assert!(table.contains("2 sent: 2 ok") && table.contains("holds  ok>=2"), "{table}");
    assert!(passed.stderr.is_empty(), "no progress bar in a pipe");
    let failed = run(&server.url, &format!("{args} --assert ok>=2 --assert rtf_p50<0")).await;
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stdout).contains("FAILS  rtf_p50<0"));
    let report: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let verdicts: Vec<&Value> =
        report["assertions"].as_array().unwrap().iter().map(|found| &found["holds"]).collect();
    assert_eq!(verdicts, [true, false]);
}

#[tokio::test]
async fn what_cannot_be_run_is_told_before_anything_is_sent() {
    for (args, told) in [
        ("--assert rtf<0.5", "there is no figure"),
        ("--rate 5 --play --stream", "cannot be used with"),
        ("--text /nowhere/at/all", "could not read /nowhere/at/all"),
    ] {
        let output = run("http://127.0.0.1:1", args).await;
        assert_eq!(output.status.code(), Some(2), "{args}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(told), "{args}: {stderr}");
    }
    let nobody = run("http://127.0.0.1:1", "--requests 2").await;
    assert_eq!(nobody.status.code(), Some(1), "nothing was measured");
    assert!(String::from_utf8_lossy(&nobody.stdout).contains("2 × no connection"));
}

#[tokio::test]
async fn an_interrupted_run_still_reports() {
    let server = server().await;
    let dir = TempDir::new().unwrap();
    let args = r#"--duration 3600 --json - --stream --engine-options {"rtf":1000,"chunk_ms":1}"#;
    let child = bench(&dir, &server.url, args).spawn().unwrap();
    eventually("a request is under way", async || {
        (server.get("/api/status").await["requests_in_flight"] == 1).then_some(())
    })
    .await;
    kill(child.id().unwrap(), "SIGINT");
    let output = soon("the report", child.wait_with_output()).await.unwrap();
    assert_eq!(output.status.code(), Some(130));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((figure(&report, "interrupted"), figure(&report, "requests")), (1.0, 1.0));
    assert_eq!(report["interrupted"], true);
    server.quiet().await;
}

/// A server that gives each request the same answer, and shows what it was asked.
async fn parrot(answer: &'static [u8]) -> (String, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (told, asked) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = Vec::new();
            // The body is the last thing sent, and it is a JSON object.
            while !request.ends_with(b"}") && connection.read_buf(&mut request).await.unwrap() > 0 {}
            if told.send(String::from_utf8(request).unwrap()).is_err() {
                return;
            }
            connection.write_all(answer).await.unwrap();
        }
    });
    (url, asked)
}

#[tokio::test]
async fn other_servers_are_asked_in_their_own_words() {
    let spoken =
        b"HTTP/1.1 200 OK\r\nContent-Type: audio/pcm\r\nContent-Length: 4800\r\nConnection: close\r\n\r\n";
    let answer = [&spoken[..], &[0; 4800]].concat().leak();
    let (url, mut asked) = parrot(answer).await;
    let args = "--api openai --model kokoro --voice af_sky --format pcm --requests 1 --header X-Key:secret";
    let report = json(&format!("{url}/v1"), args).await;
    assert_eq!(figure(&report, "audio_ms_p50"), 100.0, "24 kHz, if nothing else is told");
    let request = asked.recv().await.unwrap();
    assert!(request.starts_with("POST /v1/audio/speech HTTP/1.1\r\n"), "{request}");
    assert!(
        request.contains("x-key: secret\r\n") && request.contains("cache-control: no-cache\r\n"),
        "{request}"
    );
    let body: Value = serde_json::from_str(request.split("\r\n\r\n").last().unwrap()).unwrap();
    let text = body["input"].as_str().unwrap();
    assert_eq!(
        body,
        serde_json::json!({ "model": "kokoro", "voice": "af_sky", "input": text, "response_format": "pcm" })
    );
    assert!(!report.to_string().contains("secret"));
}

#[tokio::test]
async fn every_way_to_fail_is_counted_apart() {
    const BUSY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nConnection: close\r\n\
        Content-Length: 32\r\n\r\n{\"error\":{\"code\":\"no_capacity\"}}";
    const BROKEN: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Sample-Rate: 8000\r\n\r\n2\r\n\0\0\r\n";
    const TALKS: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\
        Content-Length: 2\r\n\r\n{}";
    const WRONG: &[u8] =
        b"HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    for (answer, name, trouble) in [
        (BUSY, "rejected", "429 no_capacity"),
        (BROKEN, "incomplete", "broken off"),
        (TALKS, "errors", "not audio"),
        (WRONG, "errors", "500"),
    ] {
        let (url, _asked) = parrot(answer).await;
        let report = json(&url, "--requests 1 --stream --format pcm").await;
        assert_eq!(figure(&report, name), 1.0, "{report}");
        assert_eq!(report["trouble"][trouble], 1, "{report}");
        if name == "rejected" {
            assert_eq!(figure(&report, "retry_after_s_p50"), 7.0);
        }
    }
}

#[tokio::test]
async fn a_listener_asks_again_only_when_it_has_heard_all() {
    let server = server().await;
    let texts = server.dir.path().join("texts");
    // 0.4 s of audio that is there at once: the third request comes 0.8 s after the first.
    fs::write(&texts, "Hello").unwrap();
    let args = format!("--stream --play --requests 3 --text {}", texts.display());
    let report = json(&server.url, &args).await;
    assert!(figure(&report, "elapsed_s") >= Duration::from_millis(790).as_secs_f64(), "{report}");
}
