//! Everything that can go wrong, at once and under load: whoever was let in hears the right audio to its end, or is told
//! an error of its own, and nothing is left behind.
//!
//! `workers` kills them, `mischief` has them misbehave on a machine that runs full, `restarts` ends the server itself.
//! The short forms belong to every run. The long ones take so many minutes each as `CHAOS_MINUTES` says:
//! `CHAOS_MINUTES=10 cargo test -p ishowtts --test integration chaos -- --ignored --nocapture --test-threads=1`.

mod mischief;
mod restarts;
mod workers;

use std::{collections::BTreeMap, fs, time::Duration};

use rand::{RngExt, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::harness::{Server, children, eventually};

/// Nobody waits longer for an answer: three budgets of silence, and what lies between.
const HANG: Duration = Duration::from_secs(90);

/// How long a long form takes.
fn minutes() -> Duration {
    let told = std::env::var("CHAOS_MINUTES").ok().and_then(|minutes| minutes.parse().ok());
    Duration::from_mins(told.unwrap_or(10))
}

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

/// Waits until so many workers are ready, and no other process is there.
async fn all_ready(server: &Server, workers: usize) {
    eventually("all workers are ready, and nothing else is there", async || {
        let told = server.get("/api/status").await["engines"]["tone"]["workers"].clone();
        let ready = told.as_array().unwrap().iter().filter(|worker| worker["state"] == "ready").count();
        (ready == workers && children(server.pid()).len() == workers).then_some(())
    })
    .await;
}

/// What lies in its runtime directory.
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
