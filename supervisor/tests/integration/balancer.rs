//! Several servers behind an ordinary balancer: nginx, with the configuration that we ship.

use std::{fs, net::TcpListener, process::Stdio};

use futures_util::{SinkExt, StreamExt, future::join_all};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::harness::{Server, eventually, pcm, soon, supervisor, tone};

const SHIPPED: &str = include_str!("../../../config/nginx.conf");

/// nginx before these servers, ended on drop.
struct Balancer {
    _child: Child,
    _dir: TempDir,
    address: String,
}

impl Balancer {
    async fn before(servers: &[&Server]) -> Self {
        let dir = TempDir::new().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut config = SHIPPED.replace("listen 8080", &format!("listen {free}"));
        config = config.replace("/run/ishowtts-nginx.pid", &dir.path().join("pid").to_string_lossy());
        for (written, server) in ["10.0.0.11", "10.0.0.12", "10.0.0.13"].iter().zip(servers) {
            config = config.replace(&format!("{written}:27121"), &server.address);
        }
        let lines = config.lines().filter(|line| !line.contains("server 10."));
        let config = format!("daemon off;\nmaster_process off;\n{}", lines.collect::<Vec<_>>().join("\n"));
        // Where it would write otherwise belongs to the system's own.
        let places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let places = places.map(|kind| format!("{kind}_temp_path {}/{kind};", dir.path().display())).concat();
        let config = config.replace("http {", &format!("http {{\n    access_log off;\n    {places}"));
        let file = dir.path().join("nginx.conf");
        fs::write(&file, config).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&file).arg("-p").arg(dir.path()).arg("-e").arg(dir.path().join("errors"));
        let child = command.stdin(Stdio::null()).kill_on_drop(true).spawn();
        let child = child.expect("this test needs nginx: apt-get install nginx");
        let address = free.to_string();
        eventually("the balancer answers", async || {
            reqwest::get(format!("http://{address}/healthz"))
                .await
                .ok()
                .filter(|answer| answer.status() == 200)
        })
        .await;
        Self { _child: child, _dir: dir, address }
    }

    fn post(&self, body: &Value) -> reqwest::RequestBuilder {
        // A connection of its own, as clients have them.
        reqwest::Client::new().post(format!("http://{}/api/tts", self.address)).json(body)
    }

    async fn speak(&self, text: &str) -> (u16, Vec<u8>) {
        let answer = self.post(&json!({ "text": text, "format": "pcm" })).send();
        let answer = soon("an answer", answer).await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
    }
}

async fn node() -> Server {
    supervisor().engine("rtf", 0.05).start().await.ready().await
}

async fn served(server: &Server) -> f64 {
    server.metric("ishowtts_requests_total{engine=\"tone\",outcome=\"ok\",surface=\"api\"}").await
}

#[tokio::test]
async fn whoever_has_no_room_is_passed_over_and_all_are_used() {
    let (one, other) = (node().await, node().await);
    let full = supervisor().config("[limits]\nmax_requests = 1\n").start().await.ready().await;
    let held = full
        .post(&json!({ "text": "Long. ".repeat(40), "stream": true, "engine_options": { "rtf": 1.0 } }))
        .send()
        .await
        .unwrap();
    let balancer = Balancer::before(&[&full, &one, &other]).await;
    let texts: Vec<_> = (0..24).map(|number| format!("Number {number}.")).collect();
    for (text, (status, audio)) in
        texts.iter().zip(join_all(texts.iter().map(|text| balancer.speak(text))).await)
    {
        assert_eq!(status, 200);
        assert_eq!(pcm(&audio), tone::of(text), "{text}");
    }
    assert!(served(&one).await > 3.0 && served(&other).await > 3.0);
    assert_eq!(served(&full).await, 0.0, "it had no room");
    assert_eq!(held.status(), 200);

    // Where nobody has room, a client hears what the server said, and when to come back.
    let alone = Balancer::before(&[&full]).await;
    let answer = alone.post(&json!({ "text": "Me too." })).send().await.unwrap();
    assert_eq!(answer.status(), 429);
    assert!(answer.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn a_server_that_ends_or_is_killed_loses_nobody_a_request() {
    let (mut ends, mut dies, stays) = (node().await, node().await, node().await);
    let balancer = Balancer::before(&[&ends, &dies, &stays]).await;
    let crowd = async |round: usize| {
        let texts: Vec<_> = (0..12).map(|at| format!("Round {round}, number {at} of many.")).collect();
        for (text, (status, audio)) in
            texts.iter().zip(join_all(texts.iter().map(|text| balancer.speak(text))).await)
        {
            assert_eq!((status, pcm(&audio)), (200, tone::of(text)), "{text}");
        }
    };
    crowd(0).await;
    assert_eq!(ends.status_of("/readyz").await.0, 200);
    let ending = async {
        eventually("it has something to do", async || {
            (ends.get("/api/status").await["requests_in_flight"] != 0).then_some(())
        })
        .await;
        ends.signal("SIGTERM");
    };
    tokio::join!(crowd(1), ending);
    crowd(2).await;
    assert_eq!(ends.ended().await.code(), Some(0));
    let dying = async {
        eventually("it has something to do", async || {
            (dies.get("/api/status").await["requests_in_flight"] != 0).then_some(())
        })
        .await;
        dies.signal("SIGKILL");
    };
    tokio::join!(crowd(3), dying);
    dies.ended().await;
    crowd(4).await;
}

#[tokio::test]
async fn audio_comes_through_as_it_is_made_and_so_does_text() {
    let server = supervisor().start().await.ready().await;
    let balancer = Balancer::before(&[&server]).await;
    let text = "This takes a few seconds to be spoken.";
    let answer = balancer
        .post(&json!({ "text": text, "format": "pcm", "stream": true, "engine_options": { "rtf": 0.5 } }))
        .send()
        .await
        .unwrap();
    let mut audio = answer.bytes_stream();
    let mut heard = soon("the first audio", audio.next()).await.unwrap().unwrap().to_vec();
    assert_eq!(server.worker(0).await["state"], "busy", "it came before the rest was made");
    while let Some(more) = soon("more audio", audio.next()).await {
        heard.extend(more.unwrap());
    }
    assert_eq!(pcm(&heard), tone::of(text));

    let path =
        format!("ws://{}/v1/text-to-speech/walter/stream-input?output_format=pcm_24000", balancer.address);
    let (mut socket, _) = soon("the handshake", connect_async(path)).await.unwrap();
    for message in [json!({ "text": "Hello there. " }), json!({ "text": "" })] {
        socket.send(Message::text(message.to_string())).await.unwrap();
    }
    let mut is_over = false;
    while let Some(Ok(Message::Text(text))) = soon("a message", socket.next()).await {
        is_over |= serde_json::from_str::<Value>(&text).unwrap()["isFinal"] == true;
    }
    assert!(is_over, "all of it came");
}

#[tokio::test]
async fn a_balancer_is_told_how_busy_a_server_is_and_that_it_ends() {
    let server = supervisor().start().await.ready().await;
    let load = async || {
        let answer = reqwest::get(format!("{}/readyz", server.url)).await.unwrap();
        let load: f64 = answer.headers()["x-load"].to_str().unwrap().parse().unwrap();
        (answer.status().as_u16(), load)
    };
    assert_eq!(load().await, (200, 0.0));
    let text = "This takes a few seconds to be spoken.";
    let body = json!({ "text": text, "stream": true, "engine_options": { "rtf": 0.5 } });
    let running = server.post(&body).send().await.unwrap();
    eventually("the load is told", async || (load().await.1 > 0.0).then_some(())).await;
    server.signal("SIGTERM");
    server.logged("Draining").await;
    assert_eq!(load().await.0, 503);
    assert_eq!(server.get("/readyz").await["missing"]["server"], "draining");
    assert_eq!(running.status(), 200);
}
