//! Between two nodes, across one that is gone, and across a restart of the server.

use super::*;

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
