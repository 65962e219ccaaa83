//! What several machines are worth, in figures.
//!
//! `cargo test -p ishowtts --test integration cluster::measure -- --ignored --nocapture --test-threads 1`. The one with
//! network namespaces needs root.

use std::time::Duration;

use serde_json::json;
use tokio::{process::Command, time::Instant};

use super::Nats;
use crate::{
    harness::{Server, eventually},
    jobs::sentences,
};

/// How long a job takes, from its first segment to its last.
async fn spoken(node: &Server, text: &str, rtf: f64) -> Duration {
    let body = json!({ "text": text, "format": "pcm", "engine_options": { "rtf": rtf } });
    let id = node.submit(body).await;
    let stored = async |share: f64| {
        loop {
            let job = node.job(&id).await;
            if job["progress"]["share"].as_f64().unwrap() >= share {
                return Instant::now();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let begun = stored(0.000_1).await;
    let ended = stored(0.999_9).await;
    node.job_is(&id, "done").await;
    ended - begun
}

#[tokio::test]
#[ignore = "measures"]
async fn three_machines_speak_nearly_three_times_as_fast() {
    let Some(nats) = Nats::start() else { return };
    let node = async || nats.node().start().await.ready().await.joined().await;
    let (text, rtf) = (sentences(320), 0.05);
    let first = node().await;
    let alone = spoken(&first, &text, rtf).await;
    let (_second, _third) = tokio::join!(node(), node());
    let together = spoken(&first, &text, rtf).await;
    let work = text.chars().count() as f64 * 0.08 * rtf;
    let times = alone.as_secs_f64() / together.as_secs_f64();
    println!(
        "{work:.1} s of work: one machine {:.2} s ({:.1} % busy), three {:.2} s: {times:.2} times as fast",
        alone.as_secs_f64(),
        work / alone.as_secs_f64() * 100.0,
        together.as_secs_f64()
    );
    assert!(times >= 2.7, "{times:.2}");
}

/// A network namespace that reaches ours by one cable; gone on drop.
struct Namespace {
    name: String,
    ours: String,
}

async fn ip(words: &str) {
    let output = Command::new("ip").args(words.split(' ')).output().await.unwrap();
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Namespace {
    /// Ours is 10.211.NUMBER.1, its own 10.211.NUMBER.2.
    async fn new(number: u8) -> Self {
        let name = format!("ishowtts-{}-{number}", std::process::id());
        let (ours, theirs) = (format!("ist{number}a"), format!("ist{number}b"));
        ip(&format!("netns add {name}")).await;
        ip(&format!("link add {ours} type veth peer name {theirs} netns {name}")).await;
        ip(&format!("addr add 10.211.{number}.1/24 dev {ours}")).await;
        ip(&format!("link set {ours} up")).await;
        ip(&format!("-n {name} addr add 10.211.{number}.2/24 dev {theirs}")).await;
        ip(&format!("-n {name} link set {theirs} up")).await;
        ip(&format!("-n {name} link set lo up")).await;
        Self { name, ours }
    }

    /// Pulls the cable, or plugs it in again.
    async fn cable(&self, is_in: bool) {
        ip(&format!("link set {} {}", self.ours, if is_in { "up" } else { "down" })).await;
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let gone = std::thread::spawn({
            let name = self.name.clone();
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async { Command::new("ip").args(["netns", "del", &name]).status().await })
            }
        });
        drop(gone.join());
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_machine_that_is_cut_from_the_network_loses_nothing() {
    let Some(nats) = Nats::start_everywhere() else { return };
    let (near, far) = (Namespace::new(1).await, Namespace::new(2).await);
    let a = nats.node_at("127.0.0.1").start().await.ready().await.joined().await;
    let inside = async |space: &Namespace, number: u8| {
        let node = nats.node_at(&format!("10.211.{number}.1")).in_namespace(&space.name).start().await;
        node.logged("Jobs are shared by way of NATS").await;
        node
    };
    let (b, c) = (inside(&near, 1).await, inside(&far, 2).await);
    let text = sentences(200);
    let body = |rtf: f64| json!({ "text": text, "format": "pcm", "engine_options": { "rtf": rtf } });
    let id = a.submit(body(0.05)).await;
    let count = |node: &Server| node.spoken().iter().filter(|spoken| text.contains(spoken.as_str())).count();
    eventually("all speak", async || (count(&a) > 2 && count(&b) > 2 && count(&c) > 2).then_some(())).await;
    let cut = Instant::now();
    far.cable(false).await;
    let before = count(&c);
    c.logged("are away").await;
    println!("noticed after {:.1} s", cut.elapsed().as_secs_f64());
    let stored = async || a.job(&id).await["progress"]["segments_stored"].as_u64().unwrap();
    let then = stored().await;
    eventually("the others go on", async || (stored().await > then + 4).then_some(())).await;
    far.cable(true).await;
    c.logged("are reached").await;
    let job = a.job_is(&id, "done").await;
    let reference = a.submit(body(0.0)).await;
    a.job_is(&reference, "done").await;
    let audio = a.job_audio(&id, &[]).await;
    assert!(audio.bytes() == a.job_audio(&reference, &[]).await.bytes(), "the same to the byte");
    let once = usize::try_from(job["progress"]["segments"].as_u64().unwrap()).unwrap();
    let all: usize = [&a, &b, &c].into_iter().map(count).sum::<usize>() - once;
    println!(
        "{once} segments; one of three cut with {before} spoken: {} spoken twice",
        all.saturating_sub(once)
    );
    assert!(all <= once + 8, "{all} syntheses of {once} segments");
}
