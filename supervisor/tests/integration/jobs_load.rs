//! Jobs and everybody else: who listens comes first, jobs get the rest, and many of them weigh little.
//!
//! What is measured prints its figures; a quiet machine and a release build are asked for:
//! `cargo test --release -p ishowtts --test integration jobs_load -- --ignored --nocapture --test-threads 1`.

#![expect(clippy::print_stdout, reason = "figures are for whoever asks for them")]

use std::{fs, time::Duration};

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    harness::{Server, eventually, soon, supervisor},
    jobs::sentences,
};

/// Listens to a stream as a player does: how long it was silent at worst, and when the first sound came.
async fn listen(server: &Server, text: &str, rtf: f64) -> (Duration, Duration) {
    let body = json!({ "text": text, "stream": true, "format": "pcm", "engine_options": { "rtf": rtf } });
    let asked = Instant::now();
    let response = server.post(&body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut audio = response.bytes_stream();
    let (mut began, mut played, mut worst) = (None, Duration::ZERO, Duration::ZERO);
    while let Some(piece) = soon("audio", audio.next()).await {
        let (now, piece) = (Instant::now(), piece.unwrap());
        let began = *began.get_or_insert(now);
        worst = worst.max(now.saturating_duration_since(began + played));
        played += Duration::from_secs_f64(piece.len() as f64 / 48_000.0);
    }
    (worst, began.unwrap() - asked)
}

#[tokio::test]
async fn who_listens_is_served_while_a_job_takes_the_rest() {
    let server = supervisor().start().await.ready().await;
    let slow = json!({ "rtf": 0.05 });
    let id = server.submit(json!({ "text": sentences(300), "format": "pcm", "engine_options": slow })).await;
    server.job_is(&id, "running").await;
    let stored = async || server.job(&id).await["progress"]["segments_stored"].as_u64().unwrap();
    eventually("it goes on", async || (stored().await > 0).then_some(())).await;
    let before = stored().await;
    for number in 0..2 {
        let text =
            format!("Somebody listens to number {number}. {}", "And on it goes, word by word. ".repeat(8));
        let (worst, first) = listen(&server, &text, 0.05).await;
        assert!(worst < Duration::from_secs(1), "silent for {worst:?}");
        // Behind whatever was being spoken, not behind the job.
        assert!(first < Duration::from_secs(4), "{first:?}");
    }
    eventually("it goes on", async || (stored().await > before).then_some(())).await;
    assert_eq!(server.job(&id).await["error"], json!(null));
}

fn rss_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    rss.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The time that so many of a hundred stay below, in milliseconds.
fn of(mut times: Vec<Duration>, percent: usize) -> f64 {
    times.sort_unstable();
    let last = times.len() - 1;
    times[last * percent / 100].as_secs_f64() * 1e3
}

#[tokio::test]
#[ignore = "measures"]
async fn a_thousand_jobs_weigh_little() {
    let server = supervisor().start().await.ready().await;
    let slow = json!({ "fixed_ms": 3_000_000 });
    server.submit(json!({ "text": "It keeps the worker busy.", "engine_options": slow })).await;
    let client = reqwest::Client::new();
    let url = format!("{}/api/jobs", server.url);
    let mut submits = Vec::new();
    let mut weights = Vec::new();
    for number in 0..1000 {
        if number % 250 == 0 {
            weights.push(rss_kib(server.pid()));
        }
        let body = json!({ "text": format!("Number {number}. {}", sentences(20)) });
        let begun = Instant::now();
        let answer = client.post(&url).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        answer.bytes().await.unwrap();
        submits.push(begun.elapsed());
    }
    let mut lists = Vec::new();
    for _ in 0..50 {
        let begun = Instant::now();
        let page = client.get(format!("{url}?limit=1000")).send().await.unwrap().bytes().await.unwrap();
        lists.push(begun.elapsed());
        assert!(page.len() > 300_000);
    }
    weights.push(rss_kib(server.pid()));
    println!(
        "submit: median {:.2} ms, 99 % {:.2} ms; list of 1000: median {:.2} ms, 99 % {:.2} ms; memory {weights:?} KiB",
        of(submits.clone(), 50),
        of(submits, 99),
        of(lists.clone(), 50),
        of(lists, 99),
    );
}

#[tokio::test]
#[ignore = "measures"]
async fn jobs_use_what_nobody_else_does() {
    let rtf = 0.02;
    // Half a minute of work for each worker.
    for (workers, count) in [(1, 430), (4, 1720)] {
        let server = supervisor().workers(workers).start().await.ready().await;
        // So that all of them are warm.
        eventually("all are ready", async || {
            let workers = server.get("/api/status").await["engines"]["tone"]["workers"].clone();
            workers.as_array().unwrap().iter().all(|worker| worker["state"] == "ready").then_some(())
        })
        .await;
        let begun = Instant::now();
        let text = sentences(count);
        let id =
            server.submit(json!({ "text": text, "format": "flac", "engine_options": { "rtf": rtf } })).await;
        let path = format!("/api/jobs/{id}");
        let job = loop {
            let job = server.ask(Method::GET, &path, &[], None).await.json();
            if job["progress"]["share"].as_f64().unwrap() >= 0.999 {
                break job;
            }
            assert!(begun.elapsed() < Duration::from_mins(5));
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let wall = begun.elapsed().as_secs_f64();
        let work = text.chars().count() as f64 * 0.08 * rtf / f64::from(workers);
        println!(
            "{workers} workers at RTF {rtf}: {wall:.2} s for {work:.2} s of work: {:.1} % busy; {}",
            work / wall * 100.0,
            job["progress"]
        );
    }
}

#[tokio::test]
#[ignore = "measures"]
async fn listeners_hear_no_gap_while_jobs_fill_the_rest() {
    let server = supervisor().workers(4).engine("rtf", 0.1).start().await.ready().await;
    for number in 0..4 {
        server
            .submit(json!({ "text": format!("Book {number}. {}", sentences(4000)), "format": "flac" }))
            .await;
    }
    let text = |number: u32| format!("Listener {number}. {}", "And on it goes, word by word. ".repeat(12));
    // Three quarters of what four workers can do: thirty at a time, each 28 s long.
    let server = std::sync::Arc::new(server);
    let listeners = (0..60).map(|number| {
        let (server, text) = (std::sync::Arc::clone(&server), text(number));
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(u64::from(number) * 900)).await;
            listen_in_real_time(&server, &text).await
        })
    });
    let mut gaps = Vec::new();
    for listener in listeners.collect::<Vec<_>>() {
        gaps.push(listener.await.unwrap());
    }
    let continuous = gaps.iter().filter(|(gap, _)| *gap <= Duration::from_millis(100)).count();
    let jobs = server.get("/api/jobs").await;
    println!(
        "C100: {continuous} of {}; worst gap {:.1} ms; first audio median {:.0} ms, 99 % {:.0} ms; jobs {:?}",
        gaps.len(),
        of(gaps.iter().map(|(gap, _)| *gap).collect(), 100),
        of(gaps.iter().map(|(_, first)| *first).collect(), 50),
        of(gaps.iter().map(|(_, first)| *first).collect(), 99),
        jobs["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|job| job["progress"]["segments_stored"].clone())
            .collect::<Vec<_>>()
    );
    assert_eq!(continuous, gaps.len());
}

/// The same, reading no faster than it plays.
async fn listen_in_real_time(server: &Server, text: &str) -> (Duration, Duration) {
    let body = json!({ "text": text, "stream": true, "format": "pcm" });
    let asked = Instant::now();
    let response = server.post(&body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut audio = response.bytes_stream();
    let (mut began, mut played, mut worst) = (None, Duration::ZERO, Duration::ZERO);
    while let Some(piece) = soon("audio", audio.next()).await {
        let (now, piece) = (Instant::now(), piece.unwrap());
        let began = *began.get_or_insert(now);
        worst = worst.max(now.saturating_duration_since(began + played));
        played += Duration::from_secs_f64(piece.len() as f64 / 48_000.0);
        tokio::time::sleep_until(began + played.saturating_sub(Duration::from_secs(2))).await;
    }
    (worst, began.unwrap() - asked)
}
