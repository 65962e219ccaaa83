//! Voices that are sent to one machine are spoken with by all.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Nats;
use crate::{
    harness::{Server, eventually},
    voices::{code, delete, form, imitator, send, wav},
};

impl Nats {
    /// A machine whose engine imitates recordings.
    async fn imitator(&self) -> Server {
        imitator().await.config(&self.section(&self.address)).start().await.ready().await.joined().await
    }
}

/// Waits until a voice is in a state; `null`: it is gone.
async fn voice_is(node: &Server, id: &str, state: Value) {
    eventually("the voice is there, or gone", async || {
        let answer = node.ask(Method::GET, &format!("/api/voices/{id}"), &[], None).await;
        (answer.json()["state"] == state).then_some(())
    })
    .await;
}

async fn speaks(node: &Server, id: &str) {
    let spoken = node.speak(json!({ "text": "normal", "voice_id": id })).await;
    assert_eq!((spoken.status, spoken.header("x-voice")), (200, id));
}

#[tokio::test]
async fn a_voice_that_is_sent_to_one_machine_is_everybodys_until_it_is_removed_on_another() {
    let Some(nats) = Nats::start() else { return };
    let (a, b) = tokio::join!(nats.imitator(), nats.imitator());
    let sent = send(&a, form("mine", wav(3.0, 9_000.0), &[("tags", "warm")])).await;
    assert_eq!(sent.0, 201, "{}", sent.1);
    let begun = Instant::now();
    eventually("it has come", async || {
        (b.ask(Method::GET, "/api/voices/mine", &[], None).await.status == 200).then_some(())
    })
    .await;
    println!("on the other machine after {} ms", begun.elapsed().as_millis());
    voice_is(&b, "mine", json!("ready")).await;
    println!("spoken with there after {} ms", begun.elapsed().as_millis());
    speaks(&b, "mine").await;
    speaks(&a, "mine").await;
    let (here, there) = (a.get("/api/voices/mine").await, b.get("/api/voices/mine").await);
    assert_eq!(here, there);
    let again = send(&b, form("mine", wav(2.0, 9_000.0), &[])).await;
    assert_eq!(code(&again), (409, "voice_exists", "id"));
    // One that comes later has it too.
    let c = nats.imitator().await;
    voice_is(&c, "mine", json!("ready")).await;
    speaks(&c, "mine").await;
    // Removed while one of them is away.
    c.signal("SIGSTOP");
    assert_eq!(delete(&b, "mine").await.0, 200);
    voice_is(&a, "mine", Value::Null).await;
    let c = c.again().await;
    voice_is(&c, "mine", Value::Null).await;
    eventually("nothing is left of it", async || {
        let folder = |node: &Server| node.dir.path().join("state/voices/f5/mine");
        [&a, &b, &c].iter().all(|node| !folder(node).exists()).then_some(())
    })
    .await;
    let again = send(&c, form("mine", wav(2.0, 9_000.0), &[])).await;
    assert_eq!(again.0, 201, "{}", again.1);
    voice_is(&a, "mine", json!("ready")).await;
}

#[tokio::test]
async fn voices_of_a_machine_alone_are_shared_when_it_joins_and_stay_while_nats_is_away() {
    let Some(mut nats) = Nats::start() else { return };
    let alone = imitator().await.config("# nothing is shared\n").start().await.ready().await;
    assert_eq!(send(&alone, form("old", wav(3.0, 9_000.0), &[])).await.0, 201);
    speaks(&alone, "old").await;
    alone.rewrite("# nothing is shared\n", &nats.section("127.0.0.1"));
    let (joins, other) = tokio::join!(alone.again(), nats.imitator());
    voice_is(&other, "old", json!("ready")).await;
    speaks(&other, "old").await;
    nats.kill().await;
    eventually("it is noticed", async || {
        (other.get("/api/status").await["cluster"]["connected"] == false).then_some(())
    })
    .await;
    speaks(&other, "old").await;
    let sent = send(&other, form("new", wav(3.0, 9_000.0), &[])).await;
    assert_eq!(code(&sent), (503, "cluster_unavailable", ""));
    assert_eq!(code(&delete(&other, "old").await), (503, "cluster_unavailable", ""));
    // It comes back without anything that it kept, and has it all from the machines.
    nats.lose_everything();
    nats.run();
    voice_is(&joins, "old", json!("ready")).await;
    let late = nats.imitator().await;
    voice_is(&late, "old", json!("ready")).await;
    speaks(&joins, "old").await;
}
