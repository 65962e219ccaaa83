//! Programs that the documentation shows, each run as it stands there, against a server of the test's.

use std::{fs, path::Path};

use regex::Regex;

use crate::{
    clients::{environment, program},
    harness::{soon, supervisor},
};

/// Blocks of Python, and those that a shell is told to write.
fn programs(page: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = fs::read_to_string(path).unwrap();
    let block = Regex::new(r"(?s)```python\n(.*?)```|<<'PY'\n(.*?)\nPY\n").unwrap();
    let found = block.captures_iter(&text).map(|found| found.get(1).or(found.get(2)).unwrap().as_str());
    found.map(str::to_owned).collect()
}

/// Frameworks that are too large to be installed for a test.
const BY_HAND: [&str; 2] = ["livekit", "pipecat"];

#[tokio::test]
async fn the_programs_of_the_pages_for_clients_run() {
    let server = supervisor().start().await.ready().await;
    let address = server.url.trim_start_matches("http://");
    let mut run = 0;
    for page in ["voice-agents.md", "openai.md", "api.md"] {
        for text in programs(page) {
            if BY_HAND.iter().any(|name| text.contains(name)) {
                continue;
            }
            let client = if text.contains("import openai") || text.contains("from openai") {
                "openai"
            } else {
                "elevenlabs"
            };
            let python = environment(client).await;
            let text = text.replace("localhost:27121", address).replace("127.0.0.1:27121", address);
            let output = soon(page, program(&python, &server).args(["-c", &text]).output()).await.unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{page}: {told}\n{text}");
            run += 1;
        }
    }
    assert!(run >= 6, "only {run} were found");
}
