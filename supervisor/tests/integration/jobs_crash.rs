//! Jobs outlive everything that speaks them: workers and supervisors are killed, and the audio is what it would have been.
//!
//! The short form belongs to every run. The long form kills ten times on the way through 100,000 characters:
//! `cargo test -p ishowtts --test integration jobs_crash -- --ignored --nocapture`.

#![expect(clippy::print_stdout, reason = "figures are for whoever asks for them")]

use std::{collections::HashSet, fs, path::Path};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    harness::{Server, eventually, ishowtts, kill, supervisor},
    jobs::sentences,
};

/// Kills a server as a power cut does, and starts it again once it is gone. `between` looks at what is left of it.
pub(crate) async fn killed<T>(server: Server, between: impl FnOnce(&Path) -> T) -> (Server, T) {
    server.signal("SIGKILL");
    let Server { mut child, dir, .. } = server;
    child.wait().await.unwrap();
    let seen = between(dir.path());
    let command = ishowtts(dir.path());
    (Server::launch(dir, command, "Listening").await, seen)
}

/// Texts of the segments that are stored.
fn stored(dir: &Path) -> HashSet<String> {
    let database = Connection::open(dir.join("state/jobs/jobs.sqlite")).unwrap();
    let mut pieces = database.prepare("SELECT piece FROM pieces WHERE place IS NOT NULL").unwrap();
    let texts = pieces.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let text =
        |piece: String| serde_json::from_str::<Value>(&piece).unwrap()["text"].as_str().unwrap().to_owned();
    texts.map(|piece| text(piece.unwrap())).collect()
}

/// Texts that workers were asked to speak so far.
fn spoken(dir: &Path) -> Vec<String> {
    let notes = fs::read_to_string(dir.join("notes/lines")).unwrap_or_default();
    // A worker that was killed may have left half a line.
    notes.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Speaks a book twice, once undisturbed and once while things are killed at random, and compares.
async fn outlives((characters, format): (usize, &str), kills: u32, rtf: f64, seed: u64) {
    let config = "[limits]\nprobe_s = 0\n";
    let mut server = supervisor().noting().workers(2).config(config).start().await.ready().await;
    let text = sentences(characters / 44);
    assert!(text.len() >= characters * 9 / 10);
    let book = |rtf: f64| json!({ "text": text, "format": format, "engine_options": { "rtf": rtf } });
    let undisturbed = server.submit(book(0.0)).await;
    server.job_is(&undisturbed, "done").await;
    let expected = server.job_audio(&undisturbed, &[]).await.bytes().to_vec();

    let id = server.submit(book(rtf)).await;
    let segments = server.job_is(&id, "running").await["progress"]["segments"].as_u64().unwrap();
    let mut random = StdRng::seed_from_u64(seed);
    let mut again = 0;
    for number in 0..kills {
        let goal = segments * u64::from(number + 1) / u64::from(kills + 1) + random.random_range(0..3);
        eventually("it goes on", async || {
            let job = server.job(&id).await;
            (job["progress"]["segments_stored"].as_u64().unwrap() >= goal || job["state"] == "done")
                .then_some(())
        })
        .await;
        if number % 3 == 0 {
            let worker = server.worker(random.random_range(0..2)).await;
            if let Some(pid) = worker["pid"].as_u64() {
                kill(pid.try_into().unwrap(), "SIGKILL");
            }
            continue;
        }
        let (restarted, (stored, before)) = killed(server, |dir| (stored(dir), spoken(dir).len())).await;
        server = restarted;
        assert!(!stored.is_empty());
        eventually("somebody speaks again", async || {
            (spoken(server.dir.path()).len() > before || server.job(&id).await["state"] == "done")
                .then_some(())
        })
        .await;
        let after = spoken(server.dir.path()).split_off(before);
        let twice: Vec<_> = after.iter().filter(|text| stored.contains(*text)).collect();
        assert!(twice.is_empty(), "it was stored: {twice:?}");
        again += after.len();
    }
    let job = server.job_is(&id, "done").await;
    let audio = server.job_audio(&id, &[]).await;
    assert!(audio.bytes() == expected, "{} bytes, not {}: {job}", audio.bytes().len(), expected.len());
    // What was spoken beyond once is what was under way when something was killed: of two workers, two each and their
    // successors.
    let all = spoken(server.dir.path()).into_iter().filter(|spoken| text.contains(spoken.as_str())).count();
    let once = usize::try_from(segments).unwrap() * 2;
    assert!(
        (once..=once + usize::try_from(kills).unwrap() * 4).contains(&all),
        "{all} syntheses, {segments} segments"
    );
    println!(
        "{segments} segments, {kills} kills, {again} seen after them, {} syntheses too many",
        all - once
    );
}

#[tokio::test]
async fn a_book_is_the_same_however_often_its_speakers_are_killed() {
    outlives((6000, "flac"), 4, 0.01, 7).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn a_long_book_is_the_same_however_often_its_speakers_are_killed() {
    let seed = rand::random();
    println!("seed {seed}");
    outlives((100_000, "wav"), 10, 0.01, seed).await;
}

#[tokio::test]
async fn finished_audio_and_what_waits_are_there_after_a_kill() {
    let server = supervisor().start().await.ready().await;
    let done = server.submit(json!({ "text": "Done before." })).await;
    server.job_is(&done, "done").await;
    let audio = server.job_audio(&done, &[]).await.bytes().to_vec();
    let slow = json!({ "fixed_ms": 3_000_000 });
    let first = server.submit(json!({ "text": "It is being spoken.", "engine_options": slow })).await;
    let waits = server.submit(json!({ "text": "It waits." })).await;
    server.job_is(&first, "running").await;
    let (server, ()) = killed(server, |_| ()).await;
    let server = server.ready().await;
    assert!(server.job_audio(&done, &[]).await.bytes() == audio);
    assert_eq!(server.job(&first).await["state"], "running");
    let answer = server.ask(reqwest::Method::DELETE, &format!("/api/jobs/{first}"), &[], None).await;
    assert_eq!(answer.status, 200);
    server.job_is(&waits, "done").await;
}

#[tokio::test]
async fn a_server_that_is_told_to_end_stores_what_is_under_way() {
    let mut server = supervisor().noting().start().await.ready().await;
    let slow = json!({ "rtf": 0.04 });
    let id = server.submit(json!({ "text": sentences(100), "format": "pcm", "engine_options": slow })).await;
    server.job_is(&id, "running").await;
    eventually("something is stored", async || {
        (server.job(&id).await["progress"]["segments_stored"].as_u64().unwrap() > 2).then_some(())
    })
    .await;
    server.signal("SIGTERM");
    assert!(server.ended().await.success());
    let Server { dir, .. } = server;
    let (kept, asked) = (stored(dir.path()), spoken(dir.path()));
    let lost: Vec<_> =
        asked.iter().filter(|text| text.contains("sentence") && !kept.contains(*text)).collect();
    assert!(lost.is_empty(), "{lost:?}");
    let command = ishowtts(dir.path());
    let server = Server::launch(dir, command, "Listening").await;
    assert_eq!(server.job(&id).await["state"], "running");
}

#[tokio::test]
async fn what_is_over_goes_when_its_room_is_over() {
    let server = supervisor().config("[jobs]\nkeep_mb = 1000\n").start().await.ready().await;
    let id = server.submit(json!({ "text": "Gone soon." })).await;
    server.job_is(&id, "done").await;
    server.rewrite("keep_mb = 1000", "keep_mb = 0");
    let (server, ()) = killed(server, |_| ()).await;
    eventually("it is removed", async || {
        (server.ask(reqwest::Method::GET, &format!("/api/jobs/{id}"), &[], None).await.status == 404)
            .then_some(())
    })
    .await;
    // The file goes right behind its row: whoever looked between the two would find it.
    eventually("so is its audio", async || {
        (fs::read_dir(server.dir.path().join("state/jobs/audio")).unwrap().count() == 0).then_some(())
    })
    .await;
}
