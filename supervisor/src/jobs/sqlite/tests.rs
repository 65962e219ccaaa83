//! The store's promises, kept across being closed and opened again.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Map;
use tempfile::TempDir;

use super::*;
use crate::jobs::{Joint, Order, Piece, Scope};

const LEASE: Duration = Duration::from_mins(1);

fn order() -> Order {
    Order {
        voice: None,
        format: "wav".into(),
        sample_rate: None,
        speed: 1.0,
        seed: 7,
        options: Map::new(),
        ssml: None,
        normalise: None,
    }
}

fn new(text: &str) -> NewJob {
    NewJob {
        id: JobId::draw(),
        owner: Some("me".into()),
        idempotency_key: None,
        digest: text.into(),
        title: None,
        order: order(),
        book: Book::plain(text.into()),
        engines: vec!["tone".into()],
        spoken_ms: 1000,
        webhook: None,
    }
}

fn piece(text: &str) -> Piece {
    Piece {
        chapter: 0,
        engine: "tone".into(),
        text: text.into(),
        speaker: None,
        language: None,
        speed: 1.0,
        seed: 7,
        options: Map::new(),
        phonemes: Vec::new(),
        spoken_ms: 500.0,
        joint: Joint { lead_ms: 0, least_ms: 1, most_ms: 2 },
    }
}

fn plan(texts: &[&str]) -> Plan {
    Plan { pieces: texts.iter().map(|text| piece(text)).collect(), rate: 24_000, skipped: 1 }
}

fn take(byte: u8) -> Take {
    Take { pcm: Bytes::from(vec![byte; 48_000]), rate: 24_000, skipped: 0 }
}

fn wanted() -> Wanted {
    Wanted { engines: vec!["tone".into()], finish: true, tell: false }
}

fn open(dir: &TempDir) -> Sqlite {
    Sqlite::open(&dir.path().join("jobs"), 0).unwrap()
}

async fn cut(store: &Sqlite, texts: &[&str]) -> JobId {
    let Some(Work::Cut { lease, .. }) = store.claim(wanted(), LEASE).await.unwrap() else {
        panic!("nothing to cut")
    };
    store.plan(&lease, plan(texts)).await.unwrap();
    lease.job
}

async fn speak(store: &Sqlite) -> (Lease, Piece) {
    match store.claim(wanted(), LEASE).await.unwrap() {
        Some(Work::Speak { lease, piece, .. }) => (lease, *piece),
        other => panic!("no segment: {other:?}"),
    }
}

async fn made(store: &Sqlite, job: NewJob) -> Job {
    match store.create(job).await.unwrap() {
        Created::New(job) => *job,
        other => panic!("not new: {other:?}"),
    }
}

#[tokio::test]
async fn a_job_goes_from_its_text_to_its_audio_and_is_there_after_each_step() {
    let dir = TempDir::new().unwrap();
    let mut store = open(&dir);
    let job = made(&store, new("one two")).await;
    assert_eq!((job.state, job.characters, job.spoken_ms), (JobState::Queued, 7, 1000));
    drop(store);
    store = open(&dir);
    let id = cut(&store, &["one", "two"]).await;
    assert_eq!(id, job.id);
    drop(store);
    store = open(&dir);
    let ((first, one), (second, two)) = (speak(&store).await, speak(&store).await);
    assert_eq!((one, two), (piece("one"), piece("two")));
    assert!(store.claim(wanted(), LEASE).await.unwrap().is_none(), "both are given out");
    assert_eq!(store.put(&second, take(2)).await.unwrap(), Stored::Now { last: false });
    drop((first, store));
    store = open(&dir);
    let (first, one) = speak(&store).await;
    assert_eq!(one, piece("one"), "what was stored is not given out again");
    assert_eq!(store.put(&first, take(1)).await.unwrap(), Stored::Now { last: true });
    assert_eq!(store.put(&first, take(9)).await.unwrap(), Stored::Before);
    let kept = store.take(&id, 0).await.unwrap().unwrap();
    assert_eq!((kept.take, kept.joint), (take(1), piece("").joint));
    assert_eq!(store.take(&id, 1).await.unwrap().unwrap().take, take(2));
    let known = store.job(&id).await.unwrap().unwrap();
    assert_eq!((known.segments, known.segments_stored, known.audio_ms), (2, 2, 2000));
    assert_eq!((known.spoken_ms, known.spoken_stored_ms, known.skipped), (1000, 1000, 1));
    let Some(Work::Finish { lease, .. }) = store.claim(wanted(), LEASE).await.unwrap() else { panic!() };
    let file = store.drafts().join("x");
    fs::write(&file, "audio").unwrap();
    store
        .finish(&lease, Finished { file, bytes: 5, audio_ms: 2100, samples: 50_400, chapters: Vec::new() })
        .await
        .unwrap();
    drop(store);
    store = open(&dir);
    let done = store.job(&id).await.unwrap().unwrap();
    assert_eq!((done.state, done.audio_bytes, done.audio_ms), (JobState::Done, 5, 2100));
    assert_eq!(done.samples, 50_400);
    assert_eq!(fs::read(store.audio(&id).await.unwrap().unwrap()).unwrap(), b"audio");
    assert!(store.claim(wanted(), LEASE).await.unwrap().is_none());
    assert_eq!(fs::read_dir(dir.path().join("jobs/segments")).unwrap().count(), 0);
}

#[tokio::test]
async fn what_an_earlier_version_made_goes_on_and_what_a_later_one_made_is_left_alone() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("jobs");
    fs::create_dir(&folder).unwrap();
    let database = Connection::open(folder.join("jobs.sqlite")).unwrap();
    database.execute_batch(STEPS[0]).unwrap();
    database.pragma_update(None, "user_version", 1).unwrap();
    let account = serde_json::to_string(&rows::Account::of(&new("one"))).unwrap();
    let id = JobId::draw();
    let row =
        "INSERT INTO jobs (id, digest, account, engines, state, created_ms, characters, spoken_ms, bytes)
               VALUES (?1, '', ?2, '[]', 'done', 1, 3, 4, 5)";
    database.execute(row, [id.as_str(), &account]).unwrap();
    drop(database);
    let store = open(&dir);
    assert_eq!(store.job(&id).await.unwrap().unwrap().samples, 0);
    drop(store);
    let store = open(&dir);
    drop(store);
    let database = Connection::open(folder.join("jobs.sqlite")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    let told = Sqlite::open(&folder, 0).unwrap_err().to_string();
    assert!(told.contains("layout 99"), "{told}");
}

#[tokio::test]
async fn the_same_key_is_the_same_job_and_another_request_under_it_is_a_conflict() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let keyed = |text, owner: Option<&str>| NewJob {
        idempotency_key: Some("k".into()),
        owner: owner.map(str::to_owned),
        ..new(text)
    };
    for owner in [None, Some("me")] {
        let job = made(&store, keyed("a", owner)).await;
        assert_eq!(store.create(keyed("a", owner)).await.unwrap(), Created::Before(Box::new(job.clone())));
        assert_eq!(store.create(keyed("b", owner)).await.unwrap(), Created::Conflict(job.id));
    }
    made(&store, keyed("b", Some("another"))).await;
}

#[tokio::test]
async fn what_was_cancelled_is_nobodys_work_any_more() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    made(&store, new("a b")).await;
    let id = cut(&store, &["a", "b"]).await;
    let ((first, _), (second, _)) = (speak(&store).await, speak(&store).await);
    store.put(&first, take(1)).await.unwrap();
    assert_eq!(store.cancel(&id).await.unwrap().unwrap().state, JobState::Cancelled);
    assert!(matches!(store.renew(&second, LEASE).await, Err(StoreError::Lost)));
    assert!(matches!(store.put(&second, take(1)).await, Err(StoreError::Lost)));
    let error = JobError { code: "x".into(), message: "y".into() };
    assert_eq!(
        store.fail(&id, error).await.unwrap().unwrap().state,
        JobState::Cancelled,
        "it stays as it is"
    );
    assert!(store.claim(wanted(), LEASE).await.unwrap().is_none());
    assert!(store.remove(&id).await.unwrap());
    assert!(!store.remove(&id).await.unwrap());
    assert_eq!(store.totals().await.unwrap(), Totals::default());
}

#[tokio::test]
async fn work_that_was_given_back_comes_again_in_its_order() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    made(&store, new("a b")).await;
    let id = cut(&store, &["a", "b"]).await;
    let (first, _) = speak(&store).await;
    let why = JobError { code: "worker_lost".into(), message: "it ended".into() };
    store.release(&first, Duration::ZERO, Some(why.clone()), true).await.unwrap();
    assert_eq!(store.job(&id).await.unwrap().unwrap().error, Some(why));
    let Some(Work::Speak { lease, piece: again, tries }) = store.claim(wanted(), LEASE).await.unwrap() else {
        panic!()
    };
    assert_eq!((again.text.as_str(), tries), ("a", 1));
    store.put(&lease, take(1)).await.unwrap();
    assert_eq!(store.job(&id).await.unwrap().unwrap().error, None, "it goes on");
    // A lease that ran out is somebody else's.
    let Some(Work::Speak { lease, .. }) = store.claim(wanted(), Duration::ZERO).await.unwrap() else {
        panic!()
    };
    let (other, piece) = speak(&store).await;
    assert_eq!(piece.text, "b");
    assert!(matches!(store.renew(&lease, LEASE).await, Err(StoreError::Lost)));
    store.renew(&other, LEASE).await.unwrap();
    // But audio is audio.
    assert_eq!(store.put(&lease, take(2)).await.unwrap(), Stored::Now { last: true });
    assert_eq!(store.put(&other, take(3)).await.unwrap(), Stored::Before);
    assert_eq!(store.take(&id, 1).await.unwrap().unwrap().take, take(2));
}

#[tokio::test]
async fn a_full_disk_takes_no_job_and_loses_none() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    made(&store, new("a")).await;
    let id = cut(&store, &["a"]).await;
    drop(store);
    let store = Sqlite::open(&dir.path().join("jobs"), u64::MAX / (1 << 21)).unwrap();
    assert!(matches!(store.create(new("b")).await, Err(StoreError::Full { .. })));
    let (lease, _) = speak(&store).await;
    assert!(matches!(store.put(&lease, take(1)).await, Err(StoreError::Full { .. })));
    assert!(matches!(store.room().await, Err(StoreError::Full { .. })));
    drop(store);
    let store = open(&dir);
    assert_eq!(store.totals().await.unwrap().open(), 1);
    let (lease, _) = speak(&store).await;
    assert_eq!(store.put(&lease, take(1)).await.unwrap(), Stored::Now { last: true });
    assert_eq!(store.take(&id, 0).await.unwrap().unwrap().take, take(1));
}

#[tokio::test]
async fn a_database_without_room_says_that_the_disk_is_full() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let job = made(&store, new("a")).await;
    let limit = |desk: &mut Desk| Ok(desk.connection.pragma_update(None, "max_page_count", 1)?);
    store.changes.ask("limit", limit).await.unwrap();
    let refused = store.create(new(&"b".repeat(1 << 20))).await;
    assert!(matches!(refused, Err(StoreError::Full { .. })), "{refused:?}");
    assert_eq!(store.job(&job.id).await.unwrap().unwrap(), job);
}

#[tokio::test]
async fn what_is_over_goes_by_age_and_by_size_and_nothing_else_does() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let mut done = Vec::new();
    for _ in 0..3 {
        made(&store, new("a")).await;
        let id = cut(&store, &["a"]).await;
        let (lease, _) = speak(&store).await;
        store.put(&lease, take(1)).await.unwrap();
        let Some(Work::Finish { lease, .. }) = store.claim(wanted(), LEASE).await.unwrap() else { panic!() };
        let file = store.drafts().join("x");
        fs::write(&file, vec![0; 1000]).unwrap();
        store
            .finish(&lease, Finished { file, bytes: 1000, audio_ms: 1, samples: 24, chapters: Vec::new() })
            .await
            .unwrap();
        done.push(id);
    }
    let open = made(&store, new("still to be spoken")).await;
    let day = Duration::from_hours(24);
    let keep = |age, bytes| Retention { age, bytes };
    assert_eq!(store.sweep(keep(day, 1 << 30)).await.unwrap(), []);
    assert_eq!(store.sweep(keep(day, 2500)).await.unwrap(), done[..1]);
    assert_eq!(store.sweep(keep(day, 0)).await.unwrap(), done[1..]);
    assert!(store.audio(&done[2]).await.unwrap().is_none());
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(store.sweep(keep(Duration::ZERO, 0)).await.unwrap(), []);
    assert_eq!(
        store.list(Query { scope: Scope::All, state: None, before: None, limit: 10 }).await.unwrap(),
        [open]
    );
}

#[tokio::test]
async fn jobs_are_listed_by_page_and_by_whose_they_are() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let mut ids = Vec::new();
    for owner in [Some("me"), None, Some("another")] {
        ids.push(made(&store, NewJob { owner: owner.map(str::to_owned), ..new("a") }).await.id);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let list = async |scope, before: Option<&JobId>, limit| {
        let query = Query { scope, state: None, before: before.cloned(), limit };
        store.list(query).await.unwrap().into_iter().map(|job| job.id).collect::<Vec<_>>()
    };
    assert_eq!(list(Scope::All, None, 2).await, [ids[2].clone(), ids[1].clone()]);
    assert_eq!(list(Scope::All, Some(&ids[1]), 2).await, ids[..1]);
    assert_eq!(list(Scope::Key("me".into()), None, 9).await, [ids[1].clone(), ids[0].clone()]);
    assert_eq!(store.ahead(&ids[2]).await.unwrap(), 2000);
    let query = Query { scope: Scope::All, state: Some(JobState::Done), before: None, limit: 9 };
    assert_eq!(store.list(query).await.unwrap(), []);
}

#[test]
fn a_folder_belongs_to_one_server() {
    let dir = TempDir::new().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let _store = open(&dir);
        let second = Sqlite::open(&dir.path().join("jobs"), 0).unwrap_err().to_string();
        assert!(second.contains("another server uses this folder"), "{second}");
    });
}
