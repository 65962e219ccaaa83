//! Everything that can go wrong with workers and clients, at once and under load: whoever was let in hears the right
//! audio to its end, or is told an error of its own, and nothing is left behind.
//!
//! The short form belongs to every run. The long form takes so many minutes as `CHAOS_MINUTES` says:
//! `CHAOS_MINUTES=10 cargo test -p ishowtts --test integration chaos -- --ignored --nocapture`.

use std::{
    collections::BTreeMap,
    fs,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::harness::{Server, children, eventually, supervisor};

const WORKERS: u32 = 4;
const RTF: f64 = 0.1;
/// Of what four workers can do.
const LOAD: f64 = 0.7;
const SIGNALS: [&str; 10] = [
    "SIGKILL", "SIGTERM", "SIGSEGV", "SIGABRT", "SIGBUS", "SIGINT", "SIGHUP", "SIGQUIT", "SIGSTOP", "SIGFPE",
];
/// Nobody waits longer for an answer: three budgets of silence, and what lies between.
const HANG: Duration = Duration::from_secs(90);

/// What became of the requests.
#[derive(Debug, Default)]
struct Account {
    outcomes: BTreeMap<String, u32>,
}

impl Account {
    fn count(&mut self, outcome: &str) {
        *self.outcomes.entry(outcome.to_owned()).or_default() += 1;
    }

    fn of(&self, outcome: &str) -> u32 {
        self.outcomes.get(outcome).copied().unwrap_or_default()
    }
}

/// Open descriptors, and resident memory in KiB.
fn held(pid: u32) -> (usize, u64) {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    (descriptors, rss.trim().trim_end_matches(" kB").parse().unwrap())
}

fn files(server: &Server) -> usize {
    let runtime = fs::read_dir(server.dir.path()).unwrap().flatten();
    let runtime = runtime.filter(|entry| entry.file_name().to_string_lossy().starts_with("ishowtts-"));
    runtime.map(|entry| fs::read_dir(entry.path()).unwrap().count()).sum()
}

/// A text of one to three sentences that no other request has, so that no audio can be taken for another's.
fn text(random: &mut StdRng, number: u32) -> String {
    let sentence = |random: &mut StdRng, at: u32| {
        let words =
            ["calm", "river", "seven", "lantern", "window", "copper", "early", "silent", "paper", "harbour"];
        let count = random.random_range(3..9);
        let words: Vec<_> = (0..count).map(|_| words[random.random_range(0..words.len())]).collect();
        format!("Number {number} part {at} says {}.", words.join(" "))
    };
    let count = random.random_range(1..4);
    (0..count).map(|at| sentence(random, at)).collect::<Vec<_>>().join(" ")
}

/// One client: it listens to the end, or leaves in the middle. Tells what became of it.
async fn client(
    url: String,
    text: String,
    stream: bool,
    leaves: Option<Duration>,
) -> (String, String, Vec<u8>) {
    let body = json!({ "text": text, "format": "pcm", "stream": stream });
    let whole = async {
        let request = reqwest::Client::new().post(format!("{url}/api/tts")).json(&body);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return (format!("no answer: {error}"), Vec::new()),
        };
        let status = response.status().as_u16();
        match (status, response.bytes().await) {
            (200, Ok(audio)) => ("ok".to_owned(), audio.to_vec()),
            (200, Err(_)) => ("broken off".to_owned(), Vec::new()),
            (_, Ok(error)) => {
                let error: Value = serde_json::from_slice(&error).unwrap_or_default();
                (error["error"]["code"].as_str().unwrap_or("no code").to_owned(), Vec::new())
            }
            (_, Err(error)) => (format!("no error either: {error}"), Vec::new()),
        }
    };
    let patience = leaves.unwrap_or(HANG);
    let (outcome, audio) = match timeout(patience, whole).await {
        Ok(told) => told,
        Err(_) if leaves.is_some() => ("left".to_owned(), Vec::new()),
        Err(_) => ("hung".to_owned(), Vec::new()),
    };
    (text, outcome, audio)
}

/// Workers that are ready: one that is stopped while it starts is given a minute, which is longer than this takes.
async fn serving(server: &Server) -> Vec<u64> {
    let workers = server.get("/api/status").await["engines"]["tone"]["workers"].as_array().unwrap().clone();
    let serve = |worker: &&Value| worker["state"] == "ready" || worker["state"] == "busy";
    workers.iter().filter(serve).filter_map(|worker| worker["pid"].as_u64()).collect()
}

/// Ends a worker every now and then, each time by another signal.
async fn killer(server: &Server, every: Duration, over: &AtomicBool) -> u32 {
    let mut random = StdRng::seed_from_u64(7);
    let mut kills = 0;
    while !over.load(Ordering::Relaxed) {
        sleep(every).await;
        let name = SIGNALS[kills as usize % SIGNALS.len()];
        let victims = if name == "SIGSTOP" { serving(server).await } else { children(server.pid()) };
        if let Some(&victim) = victims.get(random.random_range(0..victims.len().max(1))) {
            let signal: nix::sys::signal::Signal = name.parse().unwrap();
            // It may be gone already.
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(victim as i32), signal).ok();
            kills += 1;
        }
    }
    kills
}

#[expect(clippy::print_stderr, reason = "the long form is run for what it tells")]
async fn chaos(length: Duration, every: Duration) {
    // What ends workers here are signals, not texts: whoever is hit three times by chance may be told so.
    let server = supervisor().workers(WORKERS).engine("rtf", RTF).engine("chunk_ms", 100);
    let server = server.config("[cache]\nmemory_mb = 0\n[limits]\nprobe_s = 2\n").start().await.ready().await;
    eventually("all workers", async || (children(server.pid()).len() == WORKERS as usize).then_some(()))
        .await;
    for number in 0..8 {
        assert_eq!(server.speak(json!({ "text": format!("Warm {number}.") })).await.status, 200);
    }
    let before = (held(server.pid()), files(&server));
    let over = AtomicBool::new(false);
    let mut random = StdRng::seed_from_u64(42);
    let load = async {
        let began = Instant::now();
        let mut asked = Vec::new();
        let mut number = 0;
        while began.elapsed() < length {
            number += 1;
            let text = text(&mut random, number);
            let audio = text.chars().count() as f64 * 0.08;
            let leaves = random.random_bool(0.1).then(|| Duration::from_millis(random.random_range(1..1500)));
            asked.push(tokio::spawn(client(server.url.clone(), text, random.random_bool(0.5), leaves)));
            sleep(Duration::from_secs_f64(audio * RTF / f64::from(WORKERS) / LOAD)).await;
        }
        over.store(true, Ordering::Relaxed);
        asked
    };
    let (asked, kills) = tokio::join!(load, killer(&server, every, &over));
    let mut account = Account::default();
    let mut heard = Vec::new();
    for client in asked {
        let (text, outcome, audio) = client.await.unwrap();
        account.count(&outcome);
        if outcome == "ok" {
            heard.push((text, audio));
        }
    }
    let retries = server.metric("ishowtts_segment_retries_total{engine=\"tone\"}").await;
    eprintln!("{kills} kills, {retries} retries, {:?}", account.outcomes);
    assert!(account.of("ok") > 0);
    for outcome in account.outcomes.keys() {
        // Refused before anything was promised, left of its own will, or hit three times.
        let known = ["ok", "left", "no_capacity", "poison"];
        assert!(known.contains(&outcome.as_str()) || outcome == "broken off", "{outcome}: {account:?}");
    }
    let poison = server.metric("ishowtts_segments_quarantined_total{engine=\"tone\"}").await;
    let ended_in_error = account.of("poison") + account.of("broken off");
    assert!(f64::from(ended_in_error) <= poison, "only who was hit three times may fail: {account:?}");

    // Nothing is left behind.
    server.quiet().await;
    eventually("all workers are back", async || {
        let workers =
            server.get("/api/status").await["engines"]["tone"]["workers"].as_array().unwrap().clone();
        workers.iter().all(|worker| worker["state"] == "ready").then_some(())
    })
    .await;
    assert_eq!(children(server.pid()).len(), WORKERS as usize, "no process too many");
    assert_eq!(files(&server), before.1, "no file too many");
    eventually("no descriptor too many", async || (held(server.pid()).0 <= before.0.0 + 2).then_some(()))
        .await;
    eprintln!("resident: {} KiB at first, {} KiB at last", before.0.1, held(server.pid()).1);

    // Each against its own text's reference, made in peace: cut into segments, so by the same server.
    for (text, audio) in &heard {
        // At full speed, which changes no sample.
        let body = json!({ "text": text, "format": "pcm", "engine_options": { "rtf": 0 } });
        let alone = server.speak(body).await;
        assert_eq!(alone.status, 200);
        assert!(
            audio.as_slice() == alone.bytes(),
            "{} of {} bytes: {text}",
            audio.len(),
            alone.bytes().len()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_let_in_is_served_whatever_happens_to_the_workers() {
    chaos(Duration::from_secs(12), Duration::from_millis(700)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes CHAOS_MINUTES minutes"]
async fn for_many_minutes_too() {
    let minutes: u64 =
        std::env::var("CHAOS_MINUTES").ok().and_then(|minutes| minutes.parse().ok()).unwrap_or(10);
    chaos(Duration::from_mins(minutes), Duration::from_secs(1)).await;
}

/// Workers that misbehave in every way that the script knows, at once, among requests that behave.
#[tokio::test]
async fn nobody_suffers_from_what_others_do_to_their_workers() {
    let server = supervisor().workers(3).script("ready").engine("stall_s", 2).start().await.ready().await;
    let bad =
        ["half-line 1", "half-payload 1", "wrong-id 1", "flood", "garbage 1", "unknown-type 1", "crash 1"];
    let more = ["hang 1", "zeros 1", "garbled 1", "poison 1", "killed 1"];
    let texts = bad.into_iter().chain(more).flat_map(|text| {
        let name = text.split(' ').next().unwrap().to_owned();
        [text.to_owned(), format!("normal {name}")]
    });
    let url = server.url.clone();
    let asked: Vec<_> = texts.map(|text| tokio::spawn(client(url.clone(), text, false, None))).collect();
    let reference = [1, 16].repeat(2400);
    for client in asked {
        let (text, outcome, audio) = client.await.unwrap();
        assert_eq!(outcome, "ok", "{text}");
        assert!(audio == reference, "{text}: {} bytes", audio.len());
    }
    server.quiet().await;
    eventually("three workers and nothing else", async || (children(server.pid()).len() == 3).then_some(()))
        .await;
}
