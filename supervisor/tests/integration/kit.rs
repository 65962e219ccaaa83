//! The kit for Prometheus and Grafana: every name in it is one that the server tells, and all that it tells can be seen.
//! `.ci/dashboard.py` has a real Prometheus answer its queries.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use ishowtts::{
    gpu::{Reading, Readings},
    metrics::Metrics,
};
use regex::Regex;
use serde_json::{Value, json};

use crate::harness::supervisor;

/// What users scrape, by contract.
const CONTRACT: [&str; 29] = [
    "ishowtts_elapsed_ms",
    "ishowtts_rtf",
    "ishowtts_ttfa_ms",
    "ishowtts_queue_wait_ms",
    "ishowtts_stream_underrun_ms",
    "ishowtts_requests_total",
    "ishowtts_audio_seconds_total",
    "ishowtts_admission_rejected_total",
    "ishowtts_load",
    "ishowtts_queue_segments",
    "ishowtts_worker_state",
    "ishowtts_worker_restarts_total",
    "ishowtts_worker_rss_bytes",
    "ishowtts_worker_device_memory_bytes",
    "ishowtts_worker_recompiles_total",
    "ishowtts_gpu_clock_hertz",
    "ishowtts_gpu_load",
    "ishowtts_gpu_temperature_celsius",
    "ishowtts_gpu_power_watts",
    "ishowtts_gpu_memory_used_bytes",
    "ishowtts_gpu_memory_total_bytes",
    "ishowtts_cache_hits_total",
    "ishowtts_cache_misses_total",
    "ishowtts_cache_bytes",
    "ishowtts_cache_entries",
    "ishowtts_cache_evictions_total",
    "ishowtts_segment_retries_total",
    "ishowtts_segments_quarantined_total",
    "ishowtts_build_info",
];

fn kit(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../config").join(file)).unwrap()
}

fn matches(pattern: &str, text: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).unwrap();
    pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// The queries of the dashboard, by their panels.
fn queries() -> BTreeMap<String, String> {
    let dashboard: Value = serde_json::from_str(&kit("grafana/ishowtts.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let queries = panels.iter().filter_map(|panel| {
        let targets = panel["targets"].as_array()?;
        let queries: Vec<&str> = targets.iter().map(|target| target["expr"].as_str().unwrap()).collect();
        Some((panel["title"].as_str().unwrap().to_owned(), queries.join("\n")))
    });
    queries.collect()
}

/// Every family that there is: of a server that has worked a little, and of GPUs.
async fn families() -> BTreeSet<String> {
    let server = supervisor().start().await.ready().await;
    server.speak(json!({ "text": "Everything is counted.", "stream": true })).await;
    let told = server.get("/metrics").await;
    let card = Reading {
        clock_hz: Some(1),
        load: Some(0.5),
        temperature_c: Some(40.0),
        power_w: Some(10.0),
        memory_used: Some(1),
        memory_total: Some(2),
        ..Reading::default()
    };
    let metrics = Metrics::new().unwrap();
    metrics.observe_gpus(&Readings::from([("cuda:0".into(), card)]));
    let gpus = String::from_utf8(metrics.render().unwrap().1).unwrap();
    matches(r"(?m)^# TYPE (\w+) ", &format!("{}{gpus}", told.as_str().unwrap()))
}

/// The families that a text of queries names, without what Prometheus adds to the name of a histogram.
fn named(text: &str, families: &BTreeSet<String>) -> BTreeSet<String> {
    let family = |name: String| {
        let stem = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        stem.filter(|stem| families.contains(*stem)).map_or(name.clone(), str::to_owned)
    };
    matches(r"\b(ishowtts_[a-z_]+)", text).into_iter().map(family).collect()
}

#[tokio::test]
async fn every_name_in_the_kit_is_a_family_that_there_is_and_every_family_is_on_the_dashboard() {
    let families = families().await;
    for family in CONTRACT {
        assert!(families.contains(family), "{family} is not told");
    }
    let (records, alerts) = (kit("prometheus/records.yml"), kit("prometheus/alerts.yml"));
    let recorded = matches(r"(?m)record: (\S+)$", &records);
    let dashboard = queries().into_values().collect::<Vec<_>>().join("\n");
    let test = kit("prometheus/tests.yml");
    // What is recorded has colons in its name.
    let recorded_name = Regex::new(r"\b([a-z]+:ishowtts_[a-z_]+:\w+)").unwrap();
    for (file, text) in
        [("records", &records), ("alerts", &alerts), ("dashboard", &dashboard), ("tests", &test)]
    {
        let rules = matches(recorded_name.as_str(), text);
        let unknown: Vec<_> = rules.difference(&recorded).collect();
        assert!(unknown.is_empty(), "{file}: nobody records {unknown:?}");
        let bare = recorded_name.replace_all(text, "");
        let names = named(&bare, &families);
        let unknown: Vec<_> = names.difference(&families).collect();
        assert!(unknown.is_empty(), "{file}: no family is called {unknown:?}");
    }
    let shown = named(&dashboard, &families);
    let hidden: Vec<_> = families.difference(&shown).collect();
    assert!(hidden.is_empty(), "on no panel: {hidden:?}");
}

#[test]
fn every_alert_is_tested_and_explained() {
    let alerts = matches(r"(?m)alert: (\w+)$", &kit("prometheus/alerts.yml"));
    let tested = matches(r"(?m)alertname: (\w+)$", &kit("prometheus/tests.yml"));
    assert_eq!(alerts, tested);
    let docs =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/observability.md")).unwrap();
    for alert in alerts {
        assert!(docs.contains(&format!("| `{alert}` |")), "{alert} is not in docs/observability.md");
    }
}
