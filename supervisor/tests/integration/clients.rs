//! Programs of others, unchanged, each in an environment of its own, against a server of the test's.

use std::{
    env,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use ishowtts::environments::{Environments, Progress};
use tokio::{process::Command, time::timeout};

use crate::harness::{Server, interpreter, soon, supervisor};

const KEY: &str = "ishowtts_a-key-of-this-test";

struct Quiet;

impl Progress for Quiet {
    fn step(&self, _: &str, _: &str) {}

    fn notice(&self, _: &str) {}
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../python/tests_clients")
}

/// The interpreter of a client's environment, made of its lock.
pub(crate) async fn environment(client: &str) -> PathBuf {
    let named = env::var("ISHOWTTS_TEST_PYTHON").ok();
    let state = Path::new(env!("CARGO_TARGET_TMPDIR")).join("state");
    let environments = Environments::new(&state, named.as_deref()).await.unwrap();
    let lock = std::fs::read_to_string(folder().join(format!("{client}.txt"))).unwrap();
    environments.ensure_lock(&format!("client-{client}"), &lock, &Quiet).await.unwrap()
}

async fn server() -> Server {
    supervisor().key("client", KEY).start().await.ready().await
}

/// A client's program, in a place of its own and without the user's settings for proxies and the like.
pub(crate) fn program(python: &Path, server: &Server) -> Command {
    let mut command = Command::new(python);
    command
        .current_dir(server.dir.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_PROXY", "127.0.0.1")
        .env("ISHOWTTS_URL", &server.url)
        .env("ISHOWTTS_KEY", KEY)
        .kill_on_drop(true);
    command
}

fn succeeded(output: &Output) {
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn the_official_openai_client_speaks() {
    let python = environment("openai").await;
    let server = server().await;
    let mut pytest = program(&python, &server);
    pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c"]).arg(folder().join("pytest.ini"));
    let output = soon("the end of the client", pytest.arg(folder().join("test_openai.py")).output()).await;
    succeeded(&output.unwrap());
}

#[tokio::test]
async fn schemathesis_finds_no_violation_of_the_description() {
    let python = environment("schemathesis").await;
    let server = server().await;
    let mut schemathesis = program(&python, &server);
    schemathesis.env("PYTHONPATH", folder());
    schemathesis.args(["-m", "schemathesis.cli", "--config-file"]).arg(folder().join("schemathesis.toml"));
    schemathesis.args(["run", &format!("{}/openapi.json", server.url), "--max-time", "30"]);
    schemathesis.args(["--header", &format!("Authorization: Bearer {KEY}")]);
    let output = timeout(Duration::from_mins(2), schemathesis.output()).await.expect("it keeps to its time");
    let output = output.unwrap();
    succeeded(&output);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("No issues found"), "{told}");
    assert_eq!(
        server.worker(0).await["last_error"],
        serde_json::Value::Null,
        "nothing of it hurt the worker"
    );
}

#[tokio::test]
async fn the_official_wyoming_client_speaks_as_home_assistant_does() {
    let python = environment("wyoming").await;
    // The protocol knows no keys, and asks for none where HTTP does.
    let server = server().await;
    let mut pytest = program(&python, &server);
    pytest.env("ISHOWTTS_WYOMING", format!("tcp://{}", server.wyoming().await));
    // It is not ours to mend what it uses of Python that will not be there for ever.
    pytest.args(["-m", "pytest", "-q", "-W", "default::DeprecationWarning", "-p", "no:cacheprovider", "-c"]);
    pytest.arg(folder().join("pytest.ini")).arg(folder().join("test_wyoming.py"));
    succeeded(&soon("the end of the client", pytest.output()).await.unwrap());
}

#[tokio::test]
async fn the_console_works_in_a_browser() {
    let python = environment("console").await;
    // An engine that takes voices in, beside one that sounds.
    let builder = supervisor().named("f5").script("ready").key("client", KEY);
    let builder = builder.engine("python", interpreter().await).engine("device", "cpu");
    let server = builder.config("[engines.tone]\nenabled = true\n").start().await.ready().await;
    let mut pytest = program(&python, &server);
    pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c"]).arg(folder().join("pytest.ini"));
    pytest.arg(folder().join("test_console.py"));
    let output = timeout(Duration::from_mins(4), pytest.output()).await.expect("it keeps to its time");
    succeeded(&output.unwrap());
}
