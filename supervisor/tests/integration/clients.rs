//! What the official clients of the protocols that we speak make of us: each in a locked environment of its own.

use std::path::Path;

use ishowtts::environments::{Environments, Progress};
use tokio::process::Command;

use crate::harness::supervisor;

struct Quiet;

impl Progress for Quiet {
    fn step(&self, _: &str, _: &str) {}

    fn notice(&self, _: &str) {}
}

/// Runs the tests of one client against a server, whose address they find in a variable. What a client does that will
/// not do for ever is its own affair.
async fn passes(client: &str, variable: &str, address: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../python");
    let named = std::env::var("ISHOWTTS_TEST_PYTHON").ok();
    let state = Path::new(env!("CARGO_TARGET_TMPDIR")).join("state");
    let environments = Environments::new(&state, named.as_deref()).await.unwrap();
    let lock = |path: String| std::fs::read_to_string(root.join(path)).unwrap();
    let tools = environments.ensure_lock("development", &lock("requirements-dev.txt".into()), &Quiet).await;
    let lock = lock(format!("tests_clients/{client}.txt"));
    let python = environments.ensure_lock(&format!("client-{client}"), &lock, &Quiet).await.unwrap();
    let version = environments.python().version();
    let tools = tools.unwrap().ancestors().nth(2).unwrap().join(format!("lib/python{version}/site-packages"));
    let mut command = Command::new(python);
    command.current_dir(&root).args([
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-W",
        "default::DeprecationWarning",
    ]);
    command.arg(format!("tests_clients/test_{client}.py"));
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONPATH", tools).env(variable, address);
    let output = command.output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn the_official_client_of_wyoming_works_as_it_is() {
    let server = supervisor().start().await.ready().await;
    let address = format!("tcp://{}", server.wyoming().await);
    passes("wyoming", "ISHOWTTS_WYOMING", &address).await;
}
