//! The store's promises against a real server: between two nodes, across one that is gone, and across a restart of it.

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

#[tokio::test]
async fn a_job_is_made_on_one_node_spoken_by_two_and_read_on_any() {
    let Some(mut server) = Server::start() else { return };
    let (one, two) = (server.node("one").await, server.node("two").await);
    let job = made(&one, new("one two")).await;
    assert_eq!((job.state, job.characters, job.spoken_ms), (JobState::Queued, 7, 1000));
    let id = cut(&two, &["one", "two"]).await;
    assert_eq!(id, job.id);
    let ((first, a), (second, b)) = (speak(&one).await, speak(&two).await);
    assert_eq!((a.as_str(), b.as_str()), ("one", "two"));
    assert_eq!(one.put(&first, take(1)).await.unwrap(), Stored::Now { last: false });
    server.restart().await;
    assert_eq!(two.put(&second, take(2)).await.unwrap(), Stored::Now { last: true });
    assert_eq!(one.take(&id, 1).await.unwrap().unwrap().take, take(2));
    let known = one.job(&id).await.unwrap().unwrap();
    assert_eq!((known.segments, known.segments_stored, known.audio_ms), (2, 2, 60_000));
    assert_eq!((known.spoken_ms, known.spoken_stored_ms, known.skipped), (1000, 1000, 1));
    let Work::Finish { lease, .. } = work(&one).await else { panic!("nothing to finish") };
    let file = one.drafts().join("x");
    fs::write(&file, "audio").unwrap();
    one.finish(&lease, Finished { file, bytes: 5, audio_ms: 2100, samples: 50_400, chapters: Vec::new() })
        .await
        .unwrap();
    for node in [&one, &two] {
        let done = node.job(&id).await.unwrap().unwrap();
        assert_eq!((done.state, done.audio_bytes, done.audio_ms), (JobState::Done, 5, 2100));
        assert_eq!(fs::read(node.audio(&id).await.unwrap().unwrap()).unwrap(), b"audio");
        assert!(node.claim(wanted(), LEASE).await.unwrap().is_none());
        assert!(node.take(&id, 0).await.unwrap().is_some(), "another node may be reading along");
    }
    let mut record = one.joined().unwrap().mirror.get(&id).unwrap();
    record.job.ended_ms = Some(0);
    one.joined().unwrap().mirror.learn(&id, mirror::FOR_GOOD, Some(record));
    let keep = Retention { age: Duration::from_hours(24 * 36_500), bytes: u64::MAX };
    assert_eq!(one.sweep(keep).await.unwrap(), []);
    assert!(two.take(&id, 0).await.unwrap().is_none(), "only the whole is kept");
    assert_eq!(two.job(&id).await.unwrap().unwrap().state, JobState::Done);
}

#[tokio::test]
async fn what_a_silent_node_held_comes_to_another_one_and_nothing_that_is_stored_does() {
    let Some(server) = Server::start() else { return };
    let one = server.node("one").await;
    made(&one, new("a b")).await;
    let id = cut(&one, &["a", "b"]).await;
    let ((first, _), (second, _)) = (speak(&one).await, speak(&one).await);
    assert_eq!(one.put(&first, take(1)).await.unwrap(), Stored::Now { last: false });
    // Nobody keeps alive what it held.
    drop(one);
    let two = server.node("two").await;
    let (again, text) = speak(&two).await;
    assert_eq!((again.index, text.as_str()), (second.index, "b"));
    // While one that lives keeps what it has for longer than it may be silent.
    sleep(2 * SILENCE).await;
    let three = server.node("three").await;
    assert!(three.claim(wanted(), LEASE).await.unwrap().is_none());
    two.renew(&again, LEASE).await.unwrap();
    assert_eq!(two.put(&again, take(2)).await.unwrap(), Stored::Now { last: true });
    assert_eq!(two.take(&id, 0).await.unwrap().unwrap().take, take(1));
}

#[tokio::test]
async fn the_first_audio_of_a_segment_stays() {
    let Some(server) = Server::start() else { return };
    let (one, two) = (server.node("one").await, server.node("two").await);
    made(&one, new("a")).await;
    let id = cut(&one, &["a"]).await;
    let Some(Work::Speak { lease: first, .. }) = one.claim(wanted(), Duration::ZERO).await.unwrap() else {
        panic!("no segment")
    };
    let (second, _) = speak(&two).await;
    assert!(matches!(one.renew(&first, LEASE).await, Err(StoreError::Lost)));
    // Late, but audio is audio.
    assert_eq!(one.put(&first, take(1)).await.unwrap(), Stored::Now { last: true });
    assert_eq!(two.put(&second, take(2)).await.unwrap(), Stored::Before);
    assert_eq!(two.take(&id, 0).await.unwrap().unwrap().take, take(1));
    assert_eq!(one.job(&id).await.unwrap().unwrap().segments_stored, 1);
}

#[tokio::test]
async fn work_that_was_given_back_comes_again_and_its_failure_is_counted() {
    let Some(server) = Server::start() else { return };
    let (one, two) = (server.node("one").await, server.node("two").await);
    made(&one, new("a")).await;
    let id = cut(&one, &["a"]).await;
    let (lease, _) = speak(&one).await;
    let why = JobError { code: "worker_lost".into(), message: "it ended".into() };
    one.release(&lease, Duration::ZERO, Some(why.clone()), true).await.unwrap();
    assert_eq!(two.job(&id).await.unwrap().unwrap().error, Some(why));
    let Work::Speak { lease, tries, .. } = work(&two).await else { panic!("no segment") };
    assert_eq!(tries, 1);
    two.put(&lease, take(1)).await.unwrap();
    assert_eq!(one.job(&id).await.unwrap().unwrap().error, None);
}

#[tokio::test]
async fn the_same_key_is_the_same_job_on_any_node() {
    let Some(server) = Server::start() else { return };
    let (one, two) = (server.node("one").await, server.node("two").await);
    let keyed = |text, owner: Option<&str>| NewJob {
        idempotency_key: Some("k".into()),
        owner: owner.map(str::to_owned),
        ..new(text)
    };
    let job = made(&one, keyed("a", Some("me"))).await;
    assert_eq!(two.create(keyed("a", Some("me"))).await.unwrap(), Created::Before(Box::new(job.clone())));
    assert_eq!(two.create(keyed("b", Some("me"))).await.unwrap(), Created::Conflict(job.id));
    made(&two, keyed("b", Some("another"))).await;
}

#[tokio::test]
async fn what_was_cancelled_is_nobodys_work_and_what_was_removed_is_gone_everywhere() {
    let Some(server) = Server::start() else { return };
    let (one, two) = (server.node("one").await, server.node("two").await);
    made(&one, new("a b")).await;
    let id = cut(&one, &["a", "b"]).await;
    let (lease, _) = speak(&two).await;
    assert_eq!(one.cancel(&id).await.unwrap().unwrap().state, JobState::Cancelled);
    assert!(matches!(two.put(&lease, take(1)).await, Err(StoreError::Lost)));
    let error = JobError { code: "x".into(), message: "y".into() };
    assert_eq!(two.fail(&id, error).await.unwrap().unwrap().state, JobState::Cancelled, "it stays");
    assert!(two.claim(wanted(), LEASE).await.unwrap().is_none());
    assert!(two.remove(&id).await.unwrap());
    assert!(!one.remove(&id).await.unwrap());
    let end = Instant::now() + Duration::from_secs(20);
    while one.totals().await.unwrap() != Totals::default() {
        assert!(Instant::now() < end, "it is still told of");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn jobs_that_are_removed_side_by_side_are_told_of_nowhere_and_keep_no_other_one_waiting() {
    let Some(server) = Server::start() else { return };
    let nodes = [server.node("one").await, server.node("two").await, server.node("three").await];
    let mut ids = Vec::new();
    for _ in 0..150 {
        ids.push(made(&nodes[0], new("to be removed")).await.id);
    }
    let gone = ids.chunks(ids.len().div_ceil(4)).enumerate().map(async |(task, ids)| {
        for (number, id) in ids.iter().enumerate() {
            nodes[(task + number) % 3].cancel(id).await.unwrap();
            assert!(nodes[(task + number / 3) % 3].remove(id).await.unwrap());
        }
    });
    futures_util::future::join_all(gone).await;
    let end = Instant::now() + Duration::from_secs(20);
    for node in &nodes {
        while node.totals().await.unwrap() != Totals::default() {
            assert!(Instant::now() < end, "they are still told of: {:?}", node.totals().await);
            sleep(Duration::from_millis(20)).await;
        }
    }
    let next = made(&nodes[1], new("the next one")).await;
    assert_eq!(cut(&nodes[2], &["a"]).await, next.id);
}

#[tokio::test]
async fn a_long_job_that_is_taken_back_keeps_no_other_one_waiting() {
    let Some(server) = Server::start() else { return };
    let (one, two) = (server.node("one").await, server.node("two").await);
    for _ in 0..3 {
        made(&one, new("long")).await;
        let id = cut(&one, &["a"; 40]).await;
        let under_way = (speak(&one).await, speak(&two).await, speak(&two).await);
        two.cancel(&id).await.unwrap();
        made(&one, new("short")).await;
        let began = Instant::now();
        let next = cut(&two, &["b"]).await;
        let (lease, text) = speak(&one).await;
        assert_eq!((&lease.job, text.as_str()), (&next, "b"));
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
        one.cancel(&next).await.unwrap();
        drop(under_way);
    }
}

#[tokio::test]
async fn work_is_given_out_by_a_server_that_has_lost_count_of_it() {
    let Some(mut server) = Server::start() else { return };
    let node = server.node("one").await;
    made(&node, new("a b")).await;
    cut(&node, &["a", "b"]).await;
    speak(&node).await;
    // Not so how far it was given out.
    server.loses("test_work").await;
    insist(Duration::from_secs(30), async || node.room().await).await.unwrap();
    made(&node, new("d")).await;
    assert!(matches!(work(&node).await, Work::Cut { .. }));
}

#[tokio::test]
async fn what_a_server_has_lost_is_not_told_of_any_more() {
    let Some(mut server) = Server::start() else { return };
    let node = server.node("one").await;
    made(&node, new("lost")).await;
    made(&node, new("lost as well")).await;
    server.loses("KV_test_jobs").await;
    let end = Instant::now() + Duration::from_secs(30);
    while node.totals().await.is_ok_and(|totals| totals != Totals::default()) {
        assert!(Instant::now() < end, "they are still told of");
        sleep(Duration::from_millis(20)).await;
    }
    insist(Duration::from_secs(30), async || node.room().await).await.unwrap();
    let job = made(&node, new("kept")).await;
    let all = Query { scope: Scope::All, state: None, before: None, limit: 10 };
    assert_eq!(node.list(all).await.unwrap(), [job]);
}

#[tokio::test]
async fn a_job_of_which_something_was_lost_goes_on() {
    let Some(server) = Server::start() else { return };
    let node = server.node("one").await;
    let desk = node.joined().unwrap();
    made(&node, new("a b")).await;
    let id = cut(&node, &["a", "b"]).await;
    // One is stored and the other is not, nothing is counted, and nobody is to do anything.
    let (lease, _) = speak(&node).await;
    let joint = Joint { lead_ms: 0, least_ms: 1, most_ms: 2 };
    desk.takes.put((&id, 0), "x", &take(1), (joint, 0)).await.unwrap();
    desk.queue.end(&lease).await.unwrap();
    let (lease, _) = speak(&node).await;
    desk.rescue(Duration::ZERO).await.unwrap();
    assert!(node.claim(wanted(), LEASE).await.unwrap().is_none(), "somebody has it in hand");
    desk.queue.end(&lease).await.unwrap();

    desk.rescue(Duration::from_hours(1)).await.unwrap();
    assert!(node.claim(wanted(), LEASE).await.unwrap().is_none(), "it has changed a moment ago");
    let Work::Speak { lease, piece, .. } = rescued(&node).await else { panic!("nothing to speak") };
    assert_eq!(piece.text, "b", "what is stored is not spoken again");
    assert_eq!(node.put(&lease, take(2)).await.unwrap(), Stored::Now { last: true });

    let Work::Finish { lease, .. } = work(&node).await else { panic!("nothing to finish") };
    desk.queue.end(&lease).await.unwrap();
    let again = rescued(&node).await;
    assert!(matches!(&again, Work::Finish { job, .. } if job.id == id), "{again:?}");
}

#[tokio::test]
async fn jobs_are_listed_on_a_node_that_came_later() {
    let Some(server) = Server::start() else { return };
    let one = server.node("one").await;
    let mut ids = Vec::new();
    for owner in [Some("me"), None, Some("another")] {
        ids.push(made(&one, NewJob { owner: owner.map(str::to_owned), ..new("a") }).await.id);
        sleep(Duration::from_millis(2)).await;
    }
    let two = server.node("two").await;
    let list = async |scope, before: Option<&JobId>, limit| {
        let query = Query { scope, state: None, before: before.cloned(), limit };
        two.list(query).await.unwrap().into_iter().map(|job| job.id).collect::<Vec<_>>()
    };
    assert_eq!(list(Scope::All, None, 2).await, [ids[2].clone(), ids[1].clone()]);
    assert_eq!(list(Scope::All, Some(&ids[1]), 2).await, ids[..1]);
    assert_eq!(list(Scope::Key("me".into()), None, 9).await, [ids[1].clone(), ids[0].clone()]);
    assert_eq!(two.ahead(&ids[2]).await.unwrap(), 2000);
    let keep = Retention { age: Duration::from_hours(24), bytes: 0 };
    assert_eq!(two.sweep(keep).await.unwrap(), [], "what is open stays");
}

#[tokio::test]
async fn whoever_is_to_be_told_of_an_end_is_told_by_one_node_until_it_worked() {
    let Some(server) = Server::start() else { return };
    let (one, two) = (server.node("one").await, server.node("two").await);
    let tell = || Wanted { tell: true, ..Wanted::default() };
    let told = async |node: &Nats| {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            match node.claim(tell(), LEASE).await {
                Ok(Some(Work::Tell { lease, job })) => return (lease, job),
                other => assert!(Instant::now() < end, "nobody is to be told: {other:?}"),
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let job = made(&one, NewJob { webhook: Some("https://a.example".into()), ..new("a") }).await;
    assert_eq!(one.cancel(&job.id).await.unwrap().unwrap().state, JobState::Cancelled);
    let (lease, job) = told(&two).await;
    assert_eq!(job.telling.unwrap().tries, 0);
    assert!(one.claim(tell(), LEASE).await.unwrap().is_none());
    let soon = now_ms() + 300;
    let again =
        Telling { state: TellingState::Pending, tries: 1, next_ms: Some(soon), error: Some("down".into()) };
    two.told(&lease, again.clone()).await.unwrap();
    assert_eq!(one.job(&job.id).await.unwrap().unwrap().telling, Some(again));
    let keep = Retention { age: Duration::ZERO, bytes: 0 };
    assert_eq!(one.sweep(keep).await.unwrap(), [], "it waits to be told of");
    let (lease, job) = told(&one).await;
    assert!(now_ms() >= soon);
    let over = Telling { state: TellingState::Delivered, tries: 2, next_ms: None, error: None };
    one.told(&lease, over).await.unwrap();
    assert!(two.claim(tell(), LEASE).await.unwrap().is_none());
    let end = Instant::now() + Duration::from_secs(20);
    while two.sweep(keep).await.unwrap() != [job.id.clone()] {
        assert!(Instant::now() < end, "it is kept");
        sleep(Duration::from_millis(20)).await;
    }
}
