//! Whatever is killed, the audio is what it would have been, and what is stored is not spoken again.
//!
//! The short form belongs to every run. The long form kills ten times on the way through 100,000 characters:
//! `cargo test -p ishowtts --test integration cluster::crash -- --ignored --nocapture`.

use std::{collections::HashSet, time::Duration};

use futures_util::StreamExt;
use ishowtts::{
    cluster::{Link, Reads},
    config::Cluster,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::Nats;
use crate::{
    harness::{Server, eventually, kill},
    jobs::sentences,
};

impl Nats {
    /// Texts of a job's segments that are stored there.
    async fn stored(&self, id: &str) -> HashSet<String> {
        let cluster = Cluster {
            servers: vec![self.url()],
            credentials: None,
            name: "ishowtts".into(),
            replicas: 1,
            silence: Duration::from_secs(2),
        };
        let link = Link::open(&cluster).await.unwrap();
        eventually("NATS answers", async || link.is_up().then_some(())).await;
        let record = link.bucket("jobs", Reads::Leader).await.unwrap().get(id).await.unwrap().unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        let Some(plan) = record["plan"].as_str() else { return HashSet::new() };
        let mut text = String::new();
        let texts = link.objects("texts").await.unwrap();
        texts.get(plan).await.unwrap().unwrap().read_to_string(&mut text).await.unwrap();
        let pieces: Vec<Value> = serde_json::from_str(&text).unwrap();
        let keys = link.bucket("takes", Reads::Anyone).await.unwrap().keys().await.unwrap();
        let keys: Vec<_> = keys.map(Result::unwrap).collect().await;
        // The head of a segment, JOB.INDEX, beside its parts.
        let heads =
            keys.iter().filter_map(|key| key.strip_prefix(id)?.strip_prefix('.')?.parse::<usize>().ok());
        heads.map(|index| pieces[index]["text"].as_str().unwrap().to_owned()).collect()
    }
}

/// Speaks a book twice, once undisturbed on one machine and once on three while things are killed at random, and compares.
async fn outlives((characters, format): (usize, &str), kills: u32, rtf: f64, seed: u64) {
    let Some(mut nats) = Nats::start() else { return };
    let first = nats.node().start().await.ready().await.joined().await;
    let text = sentences(characters / 44);
    let book = |rtf: f64| json!({ "text": text, "format": format, "engine_options": { "rtf": rtf } });
    let undisturbed = first.submit(book(0.0)).await;
    first.job_is(&undisturbed, "done").await;
    let expected = first.job_audio(&undisturbed, &[]).await.bytes().to_vec();

    let node = async || nats.node().start().await.ready().await.joined().await;
    let (second, third) = tokio::join!(node(), node());
    let mut nodes = vec![first, second, third];
    let id = nodes[0].submit(book(rtf)).await;
    let segments = nodes[1].job_is(&id, "running").await["progress"]["segments"].as_u64().unwrap();
    // Workers that start speak something of their own.
    let of_book = |node: &Server| {
        node.spoken().into_iter().filter(|spoken| text.contains(spoken.as_str())).collect::<Vec<_>>()
    };
    let spoken = |nodes: &[Server]| nodes.iter().map(|node| of_book(node).len()).collect::<Vec<_>>();
    let mut random = StdRng::seed_from_u64(seed);
    let mut kinds = [0; 3];
    for number in 0..kills {
        let goal = segments * u64::from(number + 1) / u64::from(kills + 1) + random.random_range(0..3);
        let witness = random.random_range(0..3);
        eventually("it goes on", async || {
            let job = nodes[witness].job(&id).await;
            (job["progress"]["segments_stored"].as_u64().unwrap_or(0) >= goal || job["state"] == "done")
                .then_some(())
        })
        .await;
        let victim = random.random_range(0..3);
        let kind = number as usize % 3;
        kinds[kind] += 1;
        let (stored, before);
        match kind {
            // A whole machine. What it had under way comes to the others.
            0 => {
                nodes[victim].signal("SIGKILL");
                stored = nats.stored(&id).await;
                before = spoken(&nodes);
                let node = nodes.remove(victim).again().await.joined().await;
                nodes.insert(victim, node);
            }
            1 => {
                nats.kill().await;
                nats.run();
                stored = nats.stored(&id).await;
                before = spoken(&nodes);
            }
            _ => {
                let worker = nodes[victim].worker(0).await;
                stored = nats.stored(&id).await;
                before = spoken(&nodes);
                if let Some(pid) = worker["pid"].as_u64() {
                    kill(pid.try_into().unwrap(), "SIGKILL");
                }
            }
        }
        assert!(!stored.is_empty());
        eventually("somebody speaks again", async || {
            let after: usize = spoken(&nodes).iter().sum();
            (after > before.iter().sum::<usize>() + 3 || nodes[0].job(&id).await["state"] == "done")
                .then_some(())
        })
        .await;
        for (node, before) in nodes.iter().zip(before) {
            let twice: Vec<_> =
                of_book(node).split_off(before).into_iter().filter(|text| stored.contains(text)).collect();
            assert!(twice.is_empty(), "it was stored: {twice:?}");
        }
    }
    let job = nodes[0].job_is(&id, "done").await;
    for node in &nodes {
        let audio = node.job_audio(&id, &[]).await;
        assert!(audio.bytes() == expected, "{} bytes, not {}: {job}", audio.bytes().len(), expected.len());
    }
    let once = usize::try_from(segments).unwrap();
    let all: usize = spoken(&nodes).iter().sum::<usize>() - once;
    println!(
        "{segments} segments; killed {} machines, NATS {} times, {} workers; {} syntheses too many",
        kinds[0],
        kinds[1],
        kinds[2],
        all.saturating_sub(once)
    );
    // What was under way on a machine or a worker, or was thought to be on a machine that was gone.
    assert!(all <= once + kills as usize * 8, "{all} syntheses of {segments} segments");
}

#[tokio::test]
async fn a_book_is_the_same_however_often_its_speakers_are_killed() {
    outlives((9000, "pcm"), 3, 0.02, 7).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn a_long_book_is_the_same_however_often_its_speakers_are_killed() {
    let seed = rand::random();
    println!("seed {seed}");
    outlives((100_000, "wav"), 10, 0.02, seed).await;
}
