//! Jobs that are taken back or removed.

use super::*;

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
