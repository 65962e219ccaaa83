//! The store's promises against a real server: a server and nodes for them, and what the nodes do.

mod ends;
mod losses;
mod work;

use std::{fs, net::TcpListener, process::Stdio};

use serde_json::Map;
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};

use super::{trouble::insist, *};
use crate::{
    config,
    jobs::{JobState, Joint, Order, Piece, Scope, TellingState, now_ms},
};

const LEASE: Duration = Duration::from_mins(1);
const SILENCE: Duration = Duration::from_millis(600);

/// A server of our own on loopback, which keeps what it has in a folder.
struct Server {
    dir: TempDir,
    port: u16,
    child: Child,
}

impl Server {
    /// `None`: the program is not installed, and nobody but CI has to have it.
    fn start() -> Option<Self> {
        let folders = std::env::var_os("PATH").unwrap();
        if !std::env::split_paths(&folders).any(|folder| folder.join("nats-server").is_file()) {
            assert!(std::env::var_os("CI").is_none(), "CI needs the Debian package nats-server");
            return None;
        }

        let dir = TempDir::new().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Self::run(&dir, port);
        Some(Self { dir, port, child })
    }

    fn run(dir: &TempDir, port: u16) -> Child {
        Command::new("nats-server")
            .args([
                "-a",
                "127.0.0.1",
                "-p",
                &port.to_string(),
                "--user",
                "us",
                "--pass",
                "a secret/0@",
                "-js",
                "-sd",
            ])
            .arg(dir.path().join("store"))
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    async fn restart(&mut self) {
        self.child.kill().await.unwrap();
        self.child = Self::run(&self.dir, self.port);
    }

    /// What a stream holds has not come to the disk.
    async fn loses(&mut self, stream: &str) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().unwrap().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.child.wait().await.unwrap();
        let place = self.dir.path().join(format!("store/jetstream/$G/streams/{stream}/msgs"));
        fs::remove_dir_all(&place).unwrap();
        fs::create_dir(&place).unwrap();
        self.child = Self::run(&self.dir, self.port);
    }

    /// A node; its folder is its own.
    async fn node(&self, name: &str) -> Nats {
        let cluster = config::Cluster {
            servers: vec![format!("nats://us:a%20secret%2F0%40@127.0.0.1:{}", self.port)],
            credentials: None,
            name: "test".into(),
            replicas: 1,
            silence: SILENCE,
        };
        let link = Link::open(&cluster).await.unwrap();
        let node = Nats::open(link, &self.dir.path().join(name)).await.unwrap();
        insist(Duration::from_secs(30), async || node.totals().await).await.unwrap();
        node
    }
}

fn new(text: &str) -> NewJob {
    let order = Order {
        voice: None,
        format: "wav".into(),
        sample_rate: None,
        speed: 1.0,
        seed: 7,
        options: Map::new(),
        ssml: None,
        normalise: None,
    };
    NewJob {
        id: JobId::draw(),
        owner: Some("me".into()),
        idempotency_key: None,
        digest: text.into(),
        title: None,
        order,
        book: Book::plain(text.into()),
        engines: vec!["tone".into()],
        spoken_ms: 1000,
        webhook: None,
    }
}

fn plan(texts: &[&str]) -> Plan {
    let piece = |text: &&str| Piece {
        chapter: 0,
        engine: "tone".into(),
        text: (*text).to_owned(),
        speaker: None,
        language: None,
        speed: 1.0,
        seed: 7,
        options: Map::new(),
        phonemes: Vec::new(),
        spoken_ms: 500.0,
        joint: Joint { lead_ms: 0, least_ms: 1, most_ms: 2 },
    };
    Plan { pieces: texts.iter().map(piece).collect(), rate: 24_000, skipped: 1 }
}

/// More than a message of NATS may hold.
fn take(byte: u8) -> Take {
    Take { pcm: vec![byte; 1_440_000].into(), rate: 24_000, skipped: 0 }
}

fn wanted() -> Wanted {
    Wanted { engines: vec!["tone".into()], finish: true, tell: false }
}

/// The next work, waited for.
async fn work(store: &Nats) -> Work {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        match store.claim(wanted(), LEASE).await {
            Ok(Some(work)) => return work,
            other => assert!(Instant::now() < end, "no work: {other:?}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// The same of a job of which nothing stood in line: an answer takes a moment until it counts.
async fn rescued(store: &Nats) -> Work {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        store.joined().unwrap().rescue(Duration::ZERO).await.unwrap();
        match store.claim(wanted(), LEASE).await {
            Ok(Some(work)) => return work,
            other => assert!(Instant::now() < end, "no work: {other:?}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn cut(store: &Nats, texts: &[&str]) -> JobId {
    let Work::Cut { lease, .. } = work(store).await else { panic!("nothing to cut") };
    store.plan(&lease, plan(texts)).await.unwrap();
    lease.job
}

async fn speak(store: &Nats) -> (Lease, String) {
    match work(store).await {
        Work::Speak { lease, piece, .. } => (lease, piece.text),
        other => panic!("no segment: {other:?}"),
    }
}

async fn made(store: &Nats, job: NewJob) -> Job {
    match store.create(job).await.unwrap() {
        Created::New(job) => *job,
        other => panic!("not new: {other:?}"),
    }
}
