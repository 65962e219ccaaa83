//! Workers that are killed, stopped and asked to leave, among clients that go away in the middle.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Account, all_ready, client, files, held, minutes, text};
use crate::harness::{Server, children, eventually, supervisor};

const WORKERS: u32 = 4;
const RTF: f64 = 0.1;
/// Of what four workers can do.
const LOAD: f64 = 0.7;
const SIGNALS: [&str; 10] = [
    "SIGKILL", "SIGTERM", "SIGSEGV", "SIGABRT", "SIGBUS", "SIGINT", "SIGHUP", "SIGQUIT", "SIGSTOP", "SIGFPE",
];

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

/// As busy for a moment as it will be: what a server takes once, for the first of its kind, it has then.
async fn in_use(server: &Server) {
    let mut random = StdRng::seed_from_u64(1);
    for round in 0..4 {
        let texts = (0..16).map(|at| text(&mut random, 1_000_000 + 16 * round + at));
        let asked: Vec<_> =
            texts.map(|text| tokio::spawn(client(server.url.clone(), text, true, None))).collect();
        for client in asked {
            client.await.unwrap();
        }
    }
    server.quiet().await;
}

#[expect(clippy::print_stderr, reason = "the long form is run for what it tells")]
async fn chaos(length: Duration, every: Duration) {
    // What ends workers here are signals, not texts: whoever is hit three times by chance may be told so.
    let server = supervisor().workers(WORKERS).engine("rtf", RTF).engine("chunk_ms", 100);
    let server = server.config("[cache]\nmemory_mb = 0\n[limits]\nprobe_s = 2\n").start().await.ready().await;
    all_ready(&server, WORKERS as usize).await;
    in_use(&server).await;
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
        // Refused before anything was promised, left of its own will, hit three times, or too late.
        let known = ["ok", "left", "no_capacity", "poison", "deadline_exceeded", "broken off"];
        assert!(known.contains(&outcome.as_str()), "{outcome}: {account:?}");
    }
    let poison = server.metric("ishowtts_segments_quarantined_total{engine=\"tone\"}").await;
    let late = "ishowtts_requests_total{engine=\"tone\",outcome=\"deadline\",surface=\"api\"}";
    let late = server.metric(late).await;
    let ended_in_error = account.of("poison") + account.of("deadline_exceeded") + account.of("broken off");
    assert!(f64::from(ended_in_error) <= poison + late, "who fails has a reason of its own: {account:?}");

    // Nothing is left behind.
    server.quiet().await;
    all_ready(&server, WORKERS as usize).await;
    assert_eq!(files(&server), before.1, "no file too many");
    eventually("no descriptor too many", async || (held(server.pid()).0 <= before.0.0 + 2).then_some(()))
        .await;
    eprintln!("resident: {} KiB at first, {} KiB at last", before.0.1, held(server.pid()).1);
    eventually("its memory is at the level of the start again, within a twentieth", async || {
        (held(server.pid()).1 * 20 <= before.0.1 * 21).then_some(())
    })
    .await;

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
    chaos(minutes(), Duration::from_secs(1)).await;
}
