//! `examples/live_chat.py`, the program that reads a chat aloud.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    process::Command,
};

use crate::harness::{Server, soon, supervisor};

/// Bytes of a character's speech: 80 ms at 24 kHz, two bytes a sample.
const CHARACTER: u64 = 2 * 1920;
const HEADER: u64 = 44;

fn example(server: &Server) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/live_chat.py");
    let mut command = Command::new(std::env::var("ISHOWTTS_TEST_PYTHON").unwrap_or("python3".into()));
    command.arg(path).args(["--server", &server.url]);
    command.stdin(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.env("NO_PROXY", "127.0.0.1").env_remove("ISHOWTTS_API_KEY");
    command
}

/// Runs it over these lines, and gives what it told.
async fn over(mut command: Command, lines: &str) -> String {
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(lines.as_bytes()).await.unwrap();
    drop(input);
    let output = soon("the end of the example", child.wait_with_output()).await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    told
}

/// Characters of speech in a file.
fn length(folder: &Path, number: u32) -> u64 {
    let file = folder.join(format!("{number:04}.wav"));
    (file.metadata().unwrap_or_else(|error| panic!("{}: {error}", file.display())).len() - HEADER) / CHARACTER
}

fn characters(text: &str) -> u64 {
    text.chars().count() as u64
}

#[tokio::test]
async fn lines_are_spoken_in_order_whichever_their_language() {
    let server = supervisor().start().await.ready().await;
    let folder: PathBuf = server.dir.path().join("said");
    let mut command = example(&server);
    command.arg("--save").arg(&folder);
    let lines =
        "ann: hello there\n小明: 晚上好，主播\n🎉🎉🎉\nsee https://example.org/x now\n哈哈哈哈哈哈哈哈\n";
    let told = over(command, lines).await;
    let said = ["ann says: hello there", "小明 说：晚上好，主播", "see link now", "哈哈哈"];
    for (number, said) in (1..).zip(said) {
        assert_eq!(length(&folder, number), characters(said), "{said}");
    }
    assert!(!folder.join("0005.wav").exists(), "{told}");
    assert!(told.contains("skipped  🎉🎉🎉"), "{told}");
}

#[tokio::test]
async fn a_player_gets_the_audio_as_a_stream() {
    let server = supervisor().start().await.ready().await;
    let heard = server.dir.path().join("heard");
    let mut command = example(&server);
    command.args(["--player", &format!("tee -a {}", heard.display())]).stdout(Stdio::null());
    over(command, "one\ntwo\n").await;
    let size = heard.metadata().unwrap().len();
    assert_eq!(size, 2 * (HEADER + 3 * CHARACTER));
}

#[tokio::test]
async fn what_would_come_too_late_is_dropped() {
    // The first line takes so long that all others arrive meanwhile, and only the last two of them have room.
    let server = supervisor().engine("fixed_ms", 1500).start().await.ready().await;
    let folder = server.dir.path().join("said");
    let mut command = example(&server);
    command.arg("--save").arg(&folder).args(["--waiting", "2"]);
    let told = over(command, "a1\nb2\nc3\nd4\ne5\nf6\n").await;
    let saying: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("saying   ")).collect();
    let dropped: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("dropped  ")).collect();
    assert_eq!((saying.last(), saying.len() + dropped.len()), (Some(&"f6"), 6), "{told}");
    assert!(dropped.len() >= 3, "{told}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_and_ends_nothing() {
    let server = supervisor().start().await.ready().await;
    let mut command = example(&server);
    // The last address counts; nobody listens there.
    command.args(["--server", "http://127.0.0.1:1", "--save"]).arg(server.dir.path().join("said"));
    let told = over(command, "hello\n").await;
    assert!(told.contains("failed   hello"), "{told}");
}

#[tokio::test]
async fn a_channel_of_twitch_is_read_without_an_account() {
    let server = supervisor().start().await.ready().await;
    let chat = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = server.dir.path().join("said");
    let mut command = example(&server);
    command.args(["--twitch", "SomeBody", "--irc", &format!("tcp://{}", chat.local_addr().unwrap())]);
    command.arg("--save").arg(&folder);
    let child = command.spawn().unwrap();

    let (connection, _) = soon("its connection", chat.accept()).await.unwrap();
    let (read, mut write) = connection.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut line = async || soon("a line of it", lines.next_line()).await.unwrap().unwrap();
    assert!(line().await.starts_with("NICK justinfan"));
    assert_eq!(line().await, "JOIN #somebody");
    write.write_all(b":tmi.twitch.tv 001 justinfan :Welcome\r\nPING :tmi.twitch.tv\r\n").await.unwrap();
    assert_eq!(line().await, "PONG :tmi.twitch.tv");
    let written = ":ann!ann@ann.tmi.twitch.tv PRIVMSG #somebody :what a game: 太好了\r\n";
    write.write_all(written.as_bytes()).await.unwrap();
    drop((write, lines));

    let output = soon("the end of the example", child.wait_with_output()).await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("saying   ann: what a game: 太好了"), "{told}");
    assert_eq!(length(&folder, 1), characters("ann 说：what a game: 太好了"));
}
