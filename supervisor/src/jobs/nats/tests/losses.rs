//! What servers lose when they are killed, or do not tell.

use super::*;

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
