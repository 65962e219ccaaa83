//! The commands beside `serve`.

use std::{fs, process::Output};

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use crate::harness::{ishowtts, pcm, soon, supervisor, tone};

const TONE: &str = "[engines.tone]\nenabled = true\n[voices.walter]\nengines = { en = \"tone\", zh = \"tone\" }\n\
                    [defaults]\nvoices = { en = \"walter\", zh = \"walter\" }\n";

fn home(config: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("ishowtts.toml"), config).unwrap();
    dir
}

async fn run(dir: &TempDir, args: &[&str]) -> Output {
    soon("the end of the command", ishowtts(dir.path()).args(args).output()).await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn say_speaks_into_a_file_or_a_pipe_without_a_server() {
    let dir = home(TONE);
    let file = dir.path().join("hello.wav");
    let output = run(&dir, &["say", "Hello", "-o", file.to_str().unwrap()]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "quiet in a pipe: {}",
        text(&output.stderr)
    );
    let written = fs::read(&file).unwrap();
    assert_eq!(pcm(&written[44..]), tone::of("Hello"));
    let piped = run(&dir, &["say", "Hello"]).await;
    assert_eq!(piped.stdout, written);
    let bare = dir.path().join("hello.pcm");
    run(&dir, &["say", "Hello", "-o", bare.to_str().unwrap(), "--speed", "1"]).await;
    assert_eq!(fs::read(bare).unwrap(), written[44..]);
}

#[tokio::test]
async fn say_reads_standard_input() {
    let dir = home(TONE);
    let mut command = ishowtts(dir.path());
    command.args(["say", "-"]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all("你好".as_bytes()).await.unwrap();
    let output = soon("speech", child.wait_with_output()).await.unwrap();
    assert_eq!(pcm(&output.stdout[44..]), tone::of("你好"));
}

#[tokio::test]
async fn say_and_voices_use_a_running_server() {
    let server = supervisor().start().await.ready().await;
    let dir = home(TONE);
    let spoken = run(&dir, &["say", "Hello", "--server", &server.url]).await;
    assert_eq!(pcm(&spoken.stdout[44..]), tone::of("Hello"), "{}", text(&spoken.stderr));
    let voices = run(&dir, &["voices", "--server", &server.url]).await;
    assert!(text(&voices.stdout).contains("tone:tone"), "{}", text(&voices.stdout));
    let refused = run(&dir, &["say", "Hello", "--voice", "nobody", "--server", &server.url]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("there is no voice"), "{}", text(&refused.stderr));
}

#[tokio::test]
async fn what_say_cannot_do_it_tells_in_one_line() {
    let dir = home(TONE);
    for (args, told) in [
        (vec!["say", "…"], "nothing to speak"),
        (vec!["say", "hi", "--voice", "nobody"], "there is no voice"),
        (vec!["say", "hi", "--speed", "9"], "--speed"),
        (vec!["say", "hi", "-o", "/nowhere/at/all.wav"], "/nowhere/at/all.wav"),
    ] {
        let output = run(&dir, &args).await;
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let stderr = text(&output.stderr);
        assert!(stderr.contains(told) && stderr.lines().count() == 1, "{args:?}: {stderr}");
    }
}

#[tokio::test]
async fn voices_check_config_and_doctor_tell_what_is_there() {
    let dir = home(TONE);
    assert!(text(&run(&dir, &["voices"]).await.stdout).contains("walter"));
    assert!(text(&run(&dir, &["check-config"]).await.stdout).contains("engine tone: on"));
    let doctor = run(&dir, &["--listen", "127.0.0.1:0", "doctor"]).await;
    assert!(doctor.status.success(), "{}", text(&doctor.stdout));
    assert!(text(&doctor.stdout).contains("Nothing is missing."));
    let setup = run(&dir, &["setup", "--engine", "tone"]).await;
    assert!(setup.status.success());
    let unknown = run(&dir, &["setup", "--engine", "nope"]).await;
    assert!(text(&unknown.stderr).contains("there is no engine \"nope\""));
}

#[tokio::test]
async fn doctor_names_the_command_that_mends_a_missing_environment() {
    let dir = home("[engines.piper]\nenabled = true\n");
    let doctor = run(&dir, &["--listen", "127.0.0.1:0", "doctor"]).await;
    assert_eq!(doctor.status.code(), Some(1));
    assert!(text(&doctor.stdout).contains("setup --engine piper"), "{}", text(&doctor.stdout));
}

#[tokio::test]
async fn a_bad_file_is_told_whole_before_anything_is_bound() {
    let dir = home("[server]\nlisten = 5\n[engines.tone]\nenabled = true\nreplicas = 0\n[extra]\n");
    for command in ["serve", "check-config", "doctor"] {
        let output = run(&dir, &[command]).await;
        assert_eq!(output.status.code(), Some(2));
        let told = text(&output.stderr);
        for problem in ["line 2: server.listen", "line 5: engines.tone.replicas", "line 6: extra"] {
            assert!(told.contains(problem), "{told}");
        }
    }
}

#[tokio::test]
async fn a_taken_port_is_told_at_once() {
    let server = supervisor().start().await;
    let dir = home(TONE);
    let output = run(&dir, &["--listen", &server.address]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("could not listen on"), "{}", text(&output.stderr));
}

#[tokio::test]
async fn the_version_names_the_commit() {
    let dir = home(TONE);
    let version = text(&run(&dir, &["--version"]).await.stdout);
    assert!(version.starts_with(concat!("ishowtts ", env!("CARGO_PKG_VERSION"), " (")), "{version}");
}
