//! The server itself is ended under load: with a grace that nobody may notice, and without any.

use std::{
    net::TcpListener,
    os::fd::OwnedFd,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{HANG, all_ready, files, minutes};
use crate::harness::{Server, children, eventually, exists, ishowtts, pcm, tone};

const CLIENTS: u32 = 6;
const CONFIG: &str = "[engines.tone]\nenabled = true\nreplicas = 2\nrtf = 0.02\n\
                      [voices.walter]\nengines = { en = \"tone\" }\n[defaults]\nvoices = { en = \"walter\" }\n\
                      [cache]\nmemory_mb = 0\n";

/// Servers one after the other, over one listener that outlives them, in one directory.
struct House {
    listener: TcpListener,
    url: String,
}

impl House {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/api/tts", listener.local_addr().unwrap());
        Self { listener, url }
    }

    /// The next server, which takes over the listener and the directory.
    async fn next(&self, dir: TempDir) -> Server {
        let mut command = ishowtts(dir.path());
        // As its standard input, no other process gets it.
        let listener = OwnedFd::from(self.listener.try_clone().unwrap());
        command.stdin(Stdio::from(listener)).env("LISTEN_FDS", "1").env("LISTEN_FDS_FIRST_FD", "0");
        Server::launch(dir, command, "Listening").await
    }
}

/// Clients that ask one thing after the other, each with a text of its own.
struct Crowd {
    over: Arc<AtomicBool>,
    served: Arc<AtomicU32>,
    /// What went wrong, where nothing may.
    trouble: Arc<Mutex<Vec<String>>>,
    /// Changes before and after each kill of the server: whose request it hit asks again, as one does.
    kills: Arc<AtomicU32>,
    again: Arc<AtomicU32>,
}

impl Crowd {
    fn new() -> Self {
        let (served, kills, again) = (Arc::default(), Arc::default(), Arc::default());
        Self { over: Arc::default(), served, trouble: Arc::default(), kills, again }
    }

    /// Half of them keep their connections, half come anew each time; half stream.
    async fn ask(&self, url: String, client: u32) {
        let keeps = client.is_multiple_of(2);
        let builder = || reqwest::Client::builder().timeout(HANG);
        let builder = || if keeps { builder() } else { builder().pool_max_idle_per_host(0) };
        let caller = builder().build().unwrap();
        for number in 0.. {
            if self.over.load(Ordering::Relaxed) {
                break;
            }
            let text = format!("Client {client} asks for number {number}");
            let body = json!({ "text": text, "format": "pcm", "stream": client % 4 < 2 });
            let trouble = loop {
                let kills = self.kills.load(Ordering::SeqCst);
                let answer = async {
                    let answer = caller.post(&url).json(&body).send().await?;
                    Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.bytes().await?))
                };
                match answer.await {
                    Ok((200, audio)) if pcm(&audio) == tone::of(&text) => break None,
                    Ok((200, audio)) => break Some(format!("{} bytes that are not its own", audio.len())),
                    Ok((status, told)) => {
                        break Some(format!("{status}: {}", String::from_utf8_lossy(&told)));
                    }
                    Err(error) if self.kills.load(Ordering::SeqCst) != kills && !error.is_timeout() => {
                        self.again.fetch_add(1, Ordering::Relaxed);
                        sleep(Duration::from_millis(50)).await;
                    }
                    Err(error) => break Some(format!("{error:?}")),
                }
            };
            match trouble {
                None => _ = self.served.fetch_add(1, Ordering::Relaxed),
                Some(trouble) => self.trouble.lock().unwrap().push(format!("{text}: {trouble}")),
            }
        }
    }

    /// Waits for so many more answers.
    async fn reach(&self, more: u32) {
        let before = self.served.load(Ordering::Relaxed);
        eventually("they are served", async || {
            let trouble = self.trouble.lock().unwrap();
            assert!(trouble.is_empty(), "{} failed: {:?}", trouble.len(), trouble.first());
            (self.served.load(Ordering::Relaxed) >= before + more).then_some(())
        })
        .await;
    }
}

#[expect(clippy::print_stderr, reason = "the long form is run for what it tells")]
async fn chaos(is_over: impl Fn(u32) -> bool) {
    let (house, crowd) = (House::new(), Crowd::new());
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("ishowtts.toml"), CONFIG).unwrap();
    let restarts = async {
        let mut server = house.next(dir).await.ready().await;
        let mut rounds = 0;
        while !is_over(rounds) {
            rounds += 1;
            crowd.reach(20).await;
            let workers = children(server.pid());
            let is_kill = rounds.is_multiple_of(3);
            crowd.kills.fetch_add(u32::from(is_kill), Ordering::SeqCst);
            server.signal(if is_kill { "SIGKILL" } else { "SIGTERM" });
            let ended = server.ended().await;
            crowd.kills.fetch_add(u32::from(is_kill), Ordering::SeqCst);
            assert_eq!(ended.code(), (!is_kill).then_some(0));
            eventually("its workers went with it", async || {
                (!workers.iter().any(|pid| exists(*pid))).then_some(())
            })
            .await;
            let Server { dir, .. } = server;
            server = house.next(dir).await;
            crowd.reach(20).await;
        }
        crowd.over.store(true, Ordering::Relaxed);
        (server, rounds)
    };
    let clients = (0..CLIENTS).map(|client| crowd.ask(house.url.clone(), client));
    let ((server, rounds), _) = tokio::join!(restarts, futures_util::future::join_all(clients));
    let (answered, again) = (crowd.served.load(Ordering::Relaxed), crowd.again.load(Ordering::Relaxed));
    eprintln!("{rounds} ends of the server, {answered} requests served, {again} asked again after a kill");
    let trouble = crowd.trouble.lock().unwrap().clone();
    assert!(trouble.is_empty(), "{} of {answered} failed: {:?}", trouble.len(), trouble.first());

    // Nothing is left of those that were killed.
    server.quiet().await;
    all_ready(&server, 2).await;
    assert_eq!(runtimes(&server), 1, "its own");
    assert_eq!(files(&server), 1, "the socket for commands: workers took theirs");
    let scratch = std::fs::read_dir(server.dir.path().join("state/scratch")).unwrap().count();
    assert_eq!(scratch, 2, "the folders of two workers");
}

fn runtimes(server: &Server) -> usize {
    let entries = std::fs::read_dir(server.dir.path()).unwrap().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("ishowtts-")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_under_load_refuse_and_fail_nobody_and_kills_fail_nobody_who_asks_again() {
    chaos(|rounds| rounds == 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes CHAOS_MINUTES minutes"]
async fn restarts_for_many_minutes_too() {
    let began = Instant::now();
    chaos(move |_| began.elapsed() >= minutes()).await;
}
