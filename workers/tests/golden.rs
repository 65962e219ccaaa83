//! The wire is frozen here: every message has a line in `golden/`, which the Python tests read too.

#![expect(clippy::unwrap_used, reason = "a frozen file that does not parse is the failure")]

use std::collections::BTreeSet;

use bytes::BytesMut;
use ishowtts_workers::protocol::{FromWorker, ToWorker, decode, encode};
use serde_json::Value;

fn kinds(lines: &str) -> BTreeSet<String> {
    let kind = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        value["type"].as_str().unwrap().to_owned()
    };
    lines.lines().map(kind).collect()
}

#[test]
fn every_line_to_a_worker_is_written_as_frozen() {
    let golden = include_str!("golden/to_worker.jsonl");
    for line in golden.lines() {
        let message: ToWorker = serde_json::from_str(line).unwrap();
        let mut written = BytesMut::new();
        encode(&message, &mut written).unwrap();
        assert_eq!(std::str::from_utf8(&written).unwrap(), format!("{line}\n"));
    }
    let all = ["load", "synthesize", "cancel", "pause", "resume", "ping", "shutdown"];
    assert_eq!(kinds(golden), all.map(String::from).into());
}

#[test]
fn every_line_from_a_worker_is_read_as_frozen() {
    let golden = include_str!("golden/from_worker.jsonl");
    for line in golden.lines() {
        let message: FromWorker = decode(line.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&message).unwrap(), line);
    }
    let all = ["hello", "progress", "ready", "audio", "done", "error", "cancelled", "paused", "pong", "bye"];
    assert_eq!(kinds(golden), all.map(String::from).into());
}
