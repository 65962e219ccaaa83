//! What Prometheus scrapes.

use serde_json::json;

use crate::harness::supervisor;

#[tokio::test]
async fn a_request_is_counted_and_logged_once_with_its_figures() {
    let server = supervisor().start().await.ready().await;
    server.speak(json!({ "text": "0123456789", "stream": true })).await;
    for family in ["elapsed_ms", "rtf", "ttfa_ms", "queue_wait_ms", "stream_underrun_ms"] {
        assert_eq!(
            server.metric(&format!("ishowtts_{family}_count{{engine=\"tone\"}}")).await,
            1.0,
            "{family}"
        );
    }
    assert_eq!(server.metric("ishowtts_audio_seconds_total{engine=\"tone\"}").await, 0.8);
    let requests = "ishowtts_requests_total{engine=\"tone\",outcome=\"ok\",surface=\"api\"}";
    assert_eq!(server.metric(requests).await, 1.0);
    let line = server.logged("Request finished").await;
    assert_eq!(
        (&line["engine"], &line["voice"], &line["audio_ms"]),
        (&json!("tone"), &json!("walter"), &json!(800.0))
    );
    for field in ["elapsed_ms", "rtf", "ttfa_ms"] {
        assert!(line[field].is_number(), "{line}");
    }
    assert!(line["request_id"].is_string());
}

#[tokio::test]
async fn the_families_have_the_names_and_labels_that_users_scrape() {
    let server = supervisor().start().await.ready().await;
    server.speak(json!({ "text": "" })).await;
    let metrics = server.get("/metrics").await;
    let metrics = metrics.as_str().unwrap();
    for series in [
        "ishowtts_worker_state{engine=\"tone\",replica=\"0\",state=\"ready\"} 1",
        "ishowtts_worker_state{engine=\"tone\",replica=\"0\",state=\"failed\"} 0",
        "ishowtts_worker_recompiles_total{engine=\"tone\",replica=\"0\"} 0",
        "ishowtts_requests_total{engine=\"none\",outcome=\"invalid\",surface=\"api\"} 1",
        "ishowtts_queue_segments{class=\"interactive\"} 0",
        "ishowtts_queue_segments{class=\"batch\"} 0",
    ] {
        assert!(metrics.contains(series), "{series}\n{metrics}");
    }
    for family in
        ["ishowtts_worker_rss_bytes{", "ishowtts_worker_device_memory_bytes{", "ishowtts_build_info{"]
    {
        assert!(metrics.contains(family), "{family}");
    }
    let rss = server.metric("ishowtts_worker_rss_bytes{engine=\"tone\",replica=\"0\"}").await;
    assert!(rss > 1e6, "{rss}");
}
