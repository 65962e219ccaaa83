//! Workers that do what none should, on a disk that is full, among requests that behave.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use tokio::time::Instant;

use super::{Account, all_ready, client, files, held, minutes};
use crate::harness::{Builder, Server, eventually, supervisor, tone};

const WORKERS: u32 = 3;
/// What a text may have its worker do, by its first word. Each does it once, whichever worker it is.
const MISCHIEF: [&str; 16] = [
    // Lines and payloads that are cut in half, and lines that are none.
    "half-line",
    "half-payload",
    "garbage",
    "unknown-type",
    // Audio for requests that others have in hand, and for one that nobody has.
    "others-id",
    "wrong-id",
    // Its standard error is flooded.
    "flood",
    // More memory than it may have: at once, and such that it stays.
    "fill",
    "swell",
    // Ends, with and without a word, before the first sound and behind it.
    "crash",
    "crash-midway",
    "crash-later",
    "killed",
    "poison",
    // Audio that cannot be right.
    "zeros",
    "garbled",
];
/// Beyond that its address space is limited to twice as much.
const MEMORY_MB: u32 = 200;

/// What the scripted worker makes of a text: a level that the text tells.
fn reference(text: &str) -> Vec<u8> {
    let level = 2048 + u16::try_from(tone::crc32(text.as_bytes()) % 12_000).unwrap();
    level.to_le_bytes().repeat(3 * 2400)
}

fn builder() -> Builder {
    let builder = supervisor().workers(WORKERS).script("ready").env("FAKE_LEVELS", "1");
    builder.engine("memory_mb", MEMORY_MB).engine("stall_s", 2)
}

/// Has so many clients at a time ask for mischief and for nothing special, until it is over.
#[expect(clippy::print_stderr, reason = "the long form is run for what it tells")]
async fn chaos(server: &Server, at_once: u32, is_over: impl Fn(u32) -> bool) {
    all_ready(server, WORKERS as usize).await;
    assert_eq!(server.speak(json!({ "text": "warm" })).await.status, 200);
    let before = (held(server.pid()), files(server));
    let mut random = StdRng::seed_from_u64(11);
    let (mut account, mut number) = (Account::default(), 0);
    while !is_over(number) {
        // Wave by wave: what is left undone by one of them shows before the next.
        let mut wave = Vec::new();
        for _ in 0..at_once {
            let mischief = MISCHIEF[number as usize % MISCHIEF.len()];
            let text = format!("{mischief}{number} 1");
            let leaves = random.random_bool(0.1).then(|| Duration::from_millis(random.random_range(1..300)));
            let stream = random.random_bool(0.5);
            wave.push(tokio::spawn(client(server.url.clone(), text, stream, leaves)));
            let text = format!("normal{number}");
            wave.push(tokio::spawn(client(server.url.clone(), text, !stream, None)));
            number += 1;
        }
        for client in wave {
            let (text, outcome, audio) = client.await.unwrap();
            account.count(&outcome);
            if outcome == "ok" {
                assert!(audio == reference(&text), "{text}: {} bytes that are not its own", audio.len());
            }
        }
    }
    let retries = server.metric("ishowtts_segment_retries_total{engine=\"tone\"}").await;
    eprintln!("{retries} retries, {:?}", account.outcomes);
    let known = ["ok", "left", "no_capacity"];
    assert!(account.outcomes.keys().all(|outcome| known.contains(&outcome.as_str())), "{account:?}");
    assert!(account.of("ok") > number, "{account:?}");
    assert!(retries >= f64::from(number) / 2.0, "they were at it: {retries} retries");

    server.quiet().await;
    // Whoever swelled may have ended over something else before it was replaced for that.
    assert_eq!(server.speak(json!({ "text": "swell" })).await.status, 200);
    let swollen = "ishowtts_worker_restarts_total{engine=\"tone\",reason=\"memory\"}";
    eventually("one held too much", async || (server.metric(swollen).await >= 1.0).then_some(())).await;
    all_ready(server, WORKERS as usize).await;
    assert_eq!(files(server), before.1, "no file too many");
    eventually("no descriptor too many", async || (held(server.pid()).0 <= before.0.0 + 2).then_some(()))
        .await;
    eprintln!("resident: {} KiB at first, {} KiB at last", before.0.1, held(server.pid()).1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_suffers_from_what_others_do_to_their_workers() {
    let server = builder().config("[cache]\nmemory_mb = 0\n").start().await.ready().await;
    chaos(&server, 4, |number| number == 2 * MISCHIEF.len() as u32).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes CHAOS_MINUTES minutes"]
async fn mischief_for_many_minutes_too() {
    let server = builder().config("[cache]\nmemory_mb = 0\n").start().await.ready().await;
    let began = Instant::now();
    chaos(&server, 4, move |_| began.elapsed() >= minutes()).await;
}

/// A server whose state lies on a small disk of its own.
struct Cramped {
    server: Server,
    /// Where that disk is, for us who are outside.
    disk: PathBuf,
}

impl Cramped {
    /// `None` where this machine lets nobody mount anything.
    async fn start() -> Option<Self> {
        let mut may = tokio::process::Command::new("unshare");
        may.args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]);
        if !may.status().await.is_ok_and(|status| status.success()) {
            return None;
        }
        let config = "[cache]\nmemory_mb = 0\ndisk_mb = 100\n";
        let server = builder().config(config).on_a_small_disk(16).start().await.ready().await;
        let state = server.dir.path().join("state");
        let inside = format!("/proc/{}/root{}", server.pid(), state.display());
        Some(Self { server, disk: inside.into() })
    }

    /// Writes until nothing more goes in.
    fn fill(&self) -> PathBuf {
        let ballast = self.disk.join("ballast");
        let mut file = File::create(&ballast).unwrap();
        for block in [1 << 16, 1 << 12] {
            while file.write_all(&vec![1; block]).is_ok() {}
        }
        ballast
    }
}

fn kept(disk: &Path) -> usize {
    fs::read_dir(disk.join("cache")).unwrap().count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_costs_what_would_have_been_kept_and_nothing_else() {
    let Some(cramped) = Cramped::start().await else {
        return crate::sandbox::loudly("a full disk, since nothing can be mounted here");
    };
    let (server, disk) = (&cramped.server, &cramped.disk);
    let ask = async |text: &str| {
        let answer = server.speak(json!({ "text": text, "format": "pcm" })).await;
        assert_eq!(answer.status, 200, "{text}: {:?}", answer.body);
        assert!(answer.bytes() == reference(text), "{text}");
        answer.header("x-cache").to_owned()
    };
    let hit = async |text: &str| {
        eventually("it was kept", async || (ask(text).await == "hit").then_some(())).await;
    };
    hit("normal first").await;
    let before = kept(disk);
    let ballast = cramped.fill();
    chaos(server, 4, |number| number == MISCHIEF.len() as u32).await;
    server.logged("The folder of the cache makes trouble").await;
    assert_eq!(ask("normal first").await, "hit", "what was kept is there");
    assert_eq!(kept(disk), before, "nothing is left of what did not fit");
    fs::remove_file(ballast).unwrap();
    hit("normal last").await;
}
