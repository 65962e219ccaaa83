//! What a service manager sees: messages on its socket, and listeners that it holds and hands over.

use std::{
    net::{SocketAddr, TcpListener},
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    path::Path,
    process::Stdio,
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
};

use crate::harness::{Server, eventually, ishowtts, pcm, soon, tone};

/// A manager that notes what it is told.
struct Manager {
    socket: UnixDatagram,
    told: String,
}

impl Manager {
    fn new(dir: &Path) -> Self {
        let socket = UnixDatagram::bind(dir.join("notify")).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, told: String::new() }
    }

    /// Forgets what it was told so far.
    fn forget(&mut self) {
        while self.socket.recv(&mut [0; 4096]).is_ok() {}
        self.told.clear();
    }

    /// Waits until it was told something since it last was waited for, and forgets what came before.
    async fn told(&mut self, what: &str) {
        eventually(what, async || {
            let mut buffer = [0; 4096];
            while let Ok(length) = self.socket.recv(&mut buffer) {
                self.told.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
                self.told.push('\n');
            }
            let (_, rest) = self.told.split_once(what)?;
            self.told = rest.into();
            Some(())
        })
        .await;
    }
}

/// A server with a manager.
fn managed(dir: &TempDir, config: &str) -> Command {
    std::fs::write(dir.path().join("ishowtts.toml"), config).unwrap();
    let mut command = ishowtts(dir.path());
    command.env("NOTIFY_SOCKET", dir.path().join("notify"));
    command
}

const TONE: &str = "[engines.tone]\nenabled = true\n[voices.walter]\nengines = { en = \"tone\" }\n\
                    [defaults]\nvoices = { en = \"walter\" }\n";

#[tokio::test]
async fn the_service_manager_is_kept_informed_from_start_to_end() {
    let dir = TempDir::new().unwrap();
    let mut manager = Manager::new(dir.path());
    let broken = "[engines.piper]\nenabled = true\npython = \"/bin/false\"\n";
    let command = managed(&dir, &format!("{TONE}{broken}"));
    let mut server = Server::launch(dir, command, "Listening").await;
    manager.told("EXTEND_TIMEOUT_USEC=60000000").await;
    manager.told("READY=1").await;
    manager.told("STATUS=1 engine ready (tone); piper failed: ").await;
    server.signal("SIGHUP");
    manager.told("RELOADING=1").await;
    manager.told("MONOTONIC_USEC=").await;
    manager.told("READY=1").await;
    server.signal("SIGTERM");
    manager.told("STOPPING=1").await;
    manager.told("STATUS=Draining: 0 requests are still running").await;
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn the_status_line_follows_a_worker_that_is_lost() {
    let dir = TempDir::new().unwrap();
    let mut manager = Manager::new(dir.path());
    let command = managed(&dir, TONE);
    let server = Server::launch(dir, command, "Listening").await;
    manager.told("STATUS=1 engine ready (tone)").await;
    // It does not come up again: what it is started from is gone.
    let code = server.dir.path().join("state/worker-code");
    std::fs::rename(&code, server.dir.path().join("gone")).unwrap();
    let pid = server.worker(0).await["pid"].as_u64().unwrap();
    crate::harness::kill(u32::try_from(pid).unwrap(), "SIGKILL");
    manager.told("STATUS=No engine ready; tone failed: it exited with code 1").await;
}

#[tokio::test]
async fn the_watchdog_is_fed_while_the_scheduler_answers_and_not_by_a_process_that_is_stopped() {
    let dir = TempDir::new().unwrap();
    let mut manager = Manager::new(dir.path());
    let mut command = managed(&dir, TONE);
    command.env("WATCHDOG_USEC", "300000");
    let server = Server::launch(dir, command, "Listening").await;
    manager.told("READY=1").await;
    for _ in 0..3 {
        manager.told("WATCHDOG=1").await;
    }
    assert_eq!(server.speak(json!({ "text": "hi" })).await.status, 200);
    manager.told("WATCHDOG=1").await;
    server.signal("SIGSTOP");
    let stat = format!("/proc/{}/stat", server.pid());
    eventually("it stands still", async || {
        std::fs::read_to_string(&stat).unwrap().contains(") T ").then_some(())
    })
    .await;
    manager.forget();
    let silence = tokio::time::timeout(Duration::from_millis(500), manager.told("WATCHDOG=1")).await;
    assert!(silence.is_err(), "nobody pings for it");
    server.signal("SIGCONT");
    manager.told("WATCHDOG=1").await;
}

/// The same listener for one server after another, as a socket unit has it.
fn hand_over(command: &mut Command, listener: &TcpListener) {
    let listener = OwnedFd::from(listener.try_clone().unwrap());
    // As its standard input, no other process gets it.
    command.stdin(Stdio::from(listener)).env("LISTEN_FDS", "1").env("LISTEN_FDS_FIRST_FD", "0");
}

fn socket() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test]
async fn an_inherited_listener_is_served_and_outlives_a_restart_without_a_refusal() {
    let (listener, address) = socket();
    let dir = TempDir::new().unwrap();
    let mut first = managed(&dir, TONE);
    hand_over(&mut first, &listener);
    let mut first = Server::launch(dir, first, "Listening").await.ready().await;
    assert_eq!(first.address, address.to_string());
    first.logged("as the service manager has it, not on 127.0.0.1:0").await;

    // A request that runs, on a connection that stays; then the end begins.
    let client = reqwest::Client::new();
    let url = format!("http://{address}/api/tts");
    let text = "this takes a second or so to be spoken";
    let body = json!({ "text": text, "format": "pcm", "engine_options": { "rtf": 0.5 } });
    let running = tokio::spawn(client.post(&url).json(&body).send());
    first.worker_is("busy").await;
    first.signal("SIGTERM");
    first.logged("Draining").await;
    // Who comes now is not refused and not answered, but waits for the next server.
    let waiting = tokio::spawn(
        reqwest::Client::new().post(&url).json(&json!({ "text": "hello", "format": "pcm" })).send(),
    );
    let answer = running.await.unwrap().unwrap();
    assert_eq!(answer.headers()["connection"], "close", "the client is not to come back here");
    assert_eq!(pcm(&answer.bytes().await.unwrap()), tone::of(text));
    assert_eq!(first.ended().await.code(), Some(0));
    assert!(!waiting.is_finished());

    let dir = TempDir::new().unwrap();
    let mut second = managed(&dir, TONE);
    hand_over(&mut second, &listener);
    let _second = Server::launch(dir, second, "Listening").await;
    let answer = waiting.await.unwrap().unwrap();
    assert_eq!(pcm(&answer.bytes().await.unwrap()), tone::of("hello"));
}

#[tokio::test]
async fn on_an_inherited_listener_a_connection_that_is_kept_alive_is_served_once_more_while_draining() {
    let (listener, address) = socket();
    let dir = TempDir::new().unwrap();
    let mut server = managed(&dir, TONE);
    hand_over(&mut server, &listener);
    let mut server = Server::launch(dir, server, "Listening").await.ready().await;
    let kept = reqwest::Client::new();
    let post = |text: &str, rtf: f64| {
        let body = json!({ "text": text, "format": "pcm", "engine_options": { "rtf": rtf } });
        kept.post(format!("http://{address}/api/tts")).json(&body).send()
    };
    let answer = post("one", 0.0).await.unwrap();
    assert!(!answer.headers().contains_key("connection"));
    assert_eq!(pcm(&answer.bytes().await.unwrap()), tone::of("one"));
    // Somebody else keeps the server from ending.
    let other = reqwest::Client::new();
    let body = json!({ "text": "a good while for the other one", "format": "pcm", "engine_options": { "rtf": 0.5 } });
    let running = tokio::spawn(other.post(format!("http://{address}/api/tts")).json(&body).send());
    server.worker_is("busy").await;
    server.signal("SIGTERM");
    server.logged("Draining").await;
    let answer = post("two", 0.0).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["connection"], "close");
    assert_eq!(pcm(&answer.bytes().await.unwrap()), tone::of("two"));
    assert_eq!(running.await.unwrap().unwrap().status(), 200);
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn an_inherited_listener_for_wyoming_is_served_and_outlives_a_restart() {
    let (listener, address) = socket();
    let start = async || {
        let dir = TempDir::new().unwrap();
        let mut command = managed(&dir, TONE);
        hand_over(&mut command, &listener);
        command.env("LISTEN_FDNAMES", "wyoming");
        Server::launch(dir, command, "Listening").await.ready().await
    };
    let ask = async || {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        socket.write_all(b"{\"type\":\"ping\"}\n").await.unwrap();
        socket
    };
    let hear = async |mut socket: tokio::net::TcpStream| {
        let mut heard = [0; 14];
        soon("an answer", socket.read_exact(&mut heard)).await.unwrap();
        assert_eq!(&heard, b"{\"type\":\"pong\"");
    };
    let mut first = start().await;
    assert_eq!(first.wyoming().await, address.to_string());
    first.logged("make `listen` under [wyoming] and the socket unit the same").await;
    hear(ask().await).await;
    first.signal("SIGTERM");
    assert_eq!(first.ended().await.code(), Some(0));
    // Who comes now is neither refused nor answered, but waits for the next server.
    let waiting = ask().await;
    let _second = start().await;
    hear(waiting).await;
}

#[tokio::test]
async fn a_listener_that_nothing_answers_on_is_named_in_the_log() {
    let (listener, address) = socket();
    let dir = TempDir::new().unwrap();
    let mut command = managed(&dir, TONE);
    hand_over(&mut command, &listener);
    command.env("LISTEN_FDNAMES", "telnet");
    let server = Server::launch(dir, command, "Listening").await;
    let told = server.logged("nothing of ours answers").await;
    assert_eq!((&told["name"], &told["address"]), (&json!("telnet"), &json!(address.to_string())));
    assert_ne!(server.address, address.to_string(), "HTTP has a listener of its own");
}

#[tokio::test]
async fn a_listener_for_other_machines_needs_a_word_in_the_configuration() {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let dir = TempDir::new().unwrap();
    let mut command = managed(&dir, TONE);
    hand_over(&mut command, &listener);
    command.args(["--listen", "127.0.0.1:0"]);
    let ended = tokio::time::timeout(Duration::from_mins(1), command.output()).await.unwrap().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(told.contains("which other machines can reach") && told.contains("listen = "), "{told}");
}
