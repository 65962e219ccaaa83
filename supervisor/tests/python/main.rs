//! The Python tests, run by `cargo test` with the rest: the package's own in an environment with the tools, each
//! real engine's in the environment that it really runs in.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../torch/mod.rs"]
mod torch;

use std::{
    env,
    path::{Path, PathBuf},
};

use ishowtts::{
    config::Python,
    environments::{Environments, Progress},
};
use tokio::process::Command;

struct Quiet;

impl Progress for Quiet {
    fn step(&self, _: &str, _: &str) {}

    fn notice(&self, _: &str) {}
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../python")
}

async fn environments() -> Environments {
    let named = env::var("ISHOWTTS_TEST_PYTHON").ok();
    Environments::new(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("state"), named.as_deref()).await.unwrap()
}

/// The environment with pytest in it.
async fn tools(environments: &Environments) -> PathBuf {
    let lock = std::fs::read_to_string(root().join("requirements-dev.txt")).unwrap();
    environments.ensure_lock("development", &lock, &Quiet).await.unwrap()
}

async fn pytest(python: &Path, search: Option<&Path>, tests: &str) {
    let mut command = Command::new(python);
    command.current_dir(root()).args(["-m", "pytest", "-p", "no:cacheprovider", tests]);
    command
        .env("ISHOWTTS", env!("CARGO_BIN_EXE_ishowtts"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("HYPOTHESIS_STORAGE_DIRECTORY", env!("CARGO_TARGET_TMPDIR"));
    if let Some(search) = search {
        command.env("PYTHONPATH", search);
    }
    let output = command.output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn the_packages_own_tests_pass() {
    let environments = environments().await;
    pytest(&tools(&environments).await, None, "tests").await;
}

#[tokio::test]
async fn the_clients_of_others_work_with_the_server() {
    let environments = environments().await;
    let lock = std::fs::read_to_string(root().join("tests_clients/elevenlabs.txt")).unwrap();
    let python = environments.ensure_lock("elevenlabs-client", &lock, &Quiet).await.unwrap();
    pytest(&python, None, "tests_clients/test_elevenlabs.py").await;
}

#[tokio::test]
async fn the_real_engines_tests_pass_in_their_own_environments() {
    let environments = environments().await;
    let tools = tools(&environments).await;
    let version = environments.python().version();
    let packages = tools.ancestors().nth(2).unwrap().join(format!("lib/python{version}/site-packages"));
    for engine in ["piper", "fastspeech2", "kokoro"] {
        let python = environments.ensure(engine, &Python::default(), &Quiet).await.unwrap();
        pytest(&python, Some(&packages), &format!("tests_engines/test_{engine}.py")).await;
    }
}

#[tokio::test]
async fn the_tests_of_engines_for_a_gpu_pass_on_the_cpu() {
    let environments = environments().await;
    let tools = tools(&environments).await;
    let version = environments.python().version();
    let packages = tools.ancestors().nth(2).unwrap().join(format!("lib/python{version}/site-packages"));
    let f5 = root().join("tests_engines/f5-reference.txt");
    let indextts = root().join("src/ishowtts_worker/engines/indextts/requirements.txt");
    for (name, lock, tests) in [
        ("f5-reference", f5, &["test_numerals", "test_f5", "test_f5_exact"][..]),
        ("indextts-reference", indextts, &["test_indextts_decode", "test_indextts", "test_indextts2"]),
    ] {
        let python = torch::on_the_cpu(&environments, name, &lock).await;
        for test in tests {
            pytest(&python, Some(&packages), &format!("tests_engines/{test}.py")).await;
        }
    }
}
