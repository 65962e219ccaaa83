//! Audio that cannot be right reaches nobody.

use serde_json::json;

use crate::harness::supervisor;

#[tokio::test]
async fn what_cannot_be_right_is_made_again() {
    let server = supervisor().script("ready").env("FAKE_DIFFERS", "1").start().await.ready().await;
    for text in ["zeros", "clipped", "lies", "garbled", "babble"] {
        let answer = server.speak(json!({ "text": format!("{text} 1"), "format": "pcm" })).await;
        assert_eq!(answer.status, 200, "{text}: {:?}", answer.body);
        assert_eq!(answer.bytes().len(), 4800, "{text}");
        assert_eq!(answer.bytes()[1], 16, "{text}: the second try is heard, and nothing of the first");
    }
    assert_eq!(server.metric("ishowtts_segment_retries_total{engine=\"tone\"}").await, 5.0);
    let restarts = |reason| format!("ishowtts_worker_restarts_total{{engine=\"tone\",reason=\"{reason}\"}}");
    assert_eq!(
        server.metric(&restarts("violation")).await,
        1.0,
        "only who lies about its length is replaced"
    );
    assert_eq!(server.metric(&restarts("probe")).await, 0.0);
}

#[tokio::test]
async fn what_comes_out_wrong_each_time_is_an_error_of_that_request() {
    let server = supervisor().script("ready").env("FAKE_DIFFERS", "1").start().await.ready().await;
    for text in ["zeros", "clipped", "garbled"] {
        let answer = server.speak(json!({ "text": text })).await;
        assert_eq!(answer.error(), (502, "garbled_audio".into(), None), "{text}");
    }
    assert_eq!(server.speak(json!({ "text": "normal" })).await.status, 200);
    assert_eq!(server.worker(0).await["restarts"], 0, "it was the text, not the worker");
}

#[tokio::test]
async fn a_length_that_comes_out_twice_is_believed() {
    let server = supervisor().script("ready").env("FAKE_DIFFERS", "1").start().await.ready().await;
    let answer = server.speak(json!({ "text": "babble", "format": "pcm" })).await;
    assert_eq!(answer.bytes().len(), 100 * 4800);
}
