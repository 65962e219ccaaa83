//! How the log is written: lines, JSON, and entries of systemd's journal.

use std::{collections::BTreeMap, fs, path::Path, process::Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::UnixDatagram,
    process::{Child, ChildStderr, Command},
};

use crate::harness::{ishowtts, soon};

const CONFIG: &str = "[engines.tone]\nenabled = true\n[voices.walter]\nengines = { en = \"tone\", zh = \"tone\" }\n\
                      [defaults]\nvoices = { en = \"walter\", zh = \"walter\" }\n";

/// Puts a folder where the journal has its socket, for this process and nobody else, and says that stderr is the
/// journal's if `$1` is `yes`.
const SCRIPT: &str = "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && \
    mount --bind \"$0\" /run/systemd/journal || exit 99; \
    [ \"$1\" = yes ] && export JOURNAL_STREAM=\"$(stat -L -c %d:%i /proc/self/fd/2)\" || \
    export JOURNAL_STREAM=1:2; shift; exec \"$@\"";

fn home(log: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("ishowtts.toml"), format!("{CONFIG}{log}")).unwrap();
    dir
}

fn serve(mut command: Command) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    (child, lines)
}

fn server(dir: &Path, more: &[&str]) -> Command {
    let mut command = ishowtts(dir);
    command.args(["--listen", "127.0.0.1:0", "--wyoming-listen", ""]).args(more);
    command
}

/// A server beside a journal that the test reads.
fn beside_a_journal(dir: &TempDir, is_its_own: bool) -> (UnixDatagram, Child, Lines<BufReader<ChildStderr>>) {
    let journal = dir.path().join("journal");
    fs::create_dir(&journal).unwrap();
    let socket = UnixDatagram::bind(journal.join("socket")).unwrap();
    let server = server(dir.path(), &[]);
    let mut command = Command::new("unshare");
    // Root has its own way; others are root in a user namespace.
    if !nix::unistd::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "sh", "-c", SCRIPT]).arg(&journal).arg(if is_its_own { "yes" } else { "no" });
    command.arg(server.as_std().get_program()).args(server.as_std().get_args());
    command.env_remove("RUNTIME_DIRECTORY").env("XDG_RUNTIME_DIR", dir.path()).stdin(Stdio::null());
    let (child, lines) = serve(command);
    (socket, child, lines)
}

/// The fields of an entry, by the journal's native protocol.
fn fields(mut entry: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    while !entry.is_empty() {
        let end = entry.iter().position(|&byte| byte == b'\n').unwrap();
        let line = String::from_utf8(entry[..end].to_vec()).unwrap();
        entry = &entry[end + 1..];
        if let Some((name, value)) = line.split_once('=') {
            fields.insert(name.into(), value.into());
        } else {
            let length = u64::from_le_bytes(entry[..8].try_into().unwrap()) as usize;
            fields.insert(line, String::from_utf8(entry[8..8 + length].to_vec()).unwrap());
            entry = &entry[8 + length + 1..];
        }
    }
    fields
}

/// Waits for an entry with this message.
async fn entry(journal: &UnixDatagram, message: &str) -> BTreeMap<String, String> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = soon("an entry", journal.recv(&mut buffer)).await.unwrap();
        let found = fields(&buffer[..length]);
        if found.get("MESSAGE").is_some_and(|told| told == message) {
            return found;
        }
    }
}

/// Waits for a line with these words.
async fn line(lines: &mut Lines<BufReader<ChildStderr>>, words: &str) -> String {
    loop {
        let line = soon("a line", lines.next_line()).await.unwrap().expect("the log goes on");
        if line.contains(words) {
            return line;
        }
    }
}

#[tokio::test]
async fn where_stderr_is_the_journals_each_value_is_a_field_of_its_entry() {
    let dir = home("");
    let (journal, _child, _lines) = beside_a_journal(&dir, true);
    let listening = entry(&journal, "Listening").await;
    let address = &listening["ISHOWTTS_ADDRESS"];
    let worker = entry(&journal, "The worker is ready").await;
    assert_eq!(worker["ISHOWTTS_WORKER"], "tone/0", "{worker:?}");
    let speak = reqwest::Client::new().post(format!("http://{address}/api/tts"));
    let body = serde_json::json!({ "text": "Into the journal.\nIn two lines." });
    let answer = soon("the answer", speak.json(&body).send()).await.unwrap();
    let finished = entry(&journal, "Request finished").await;
    assert_eq!(finished["ISHOWTTS_REQUEST_ID"], answer.headers()["x-request-id"].to_str().unwrap());
    for (name, value) in [
        ("ISHOWTTS_ENGINE", "tone"),
        ("ISHOWTTS_VOICE", "walter"),
        ("ISHOWTTS_OUTCOME", "ok"),
        ("PRIORITY", "6"),
        ("SYSLOG_IDENTIFIER", "ishowtts"),
    ] {
        assert_eq!(finished[name], value, "{finished:?}");
    }
    assert!(finished["ISHOWTTS_ELAPSED_MS"].parse::<f64>().unwrap() > 0.0);
}

#[tokio::test]
async fn a_stderr_that_is_somebody_elses_gets_lines() {
    // The variable names a stream that is not ours any more: a script gave us another.
    let dir = home("");
    let (_journal, _child, mut lines) = beside_a_journal(&dir, false);
    let told = line(&mut lines, "Listening").await;
    assert!(told.contains("INFO") && told.contains("address=\"127.0.0.1:"), "{told}");
}

#[tokio::test]
async fn the_configuration_says_how_the_log_is_written() {
    let dir = home("[log]\nformat = \"json\"\n");
    let (_child, mut lines) = serve(server(dir.path(), &[]));
    let told: Value = serde_json::from_str(&line(&mut lines, "Listening").await).unwrap();
    assert!(told["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{told}");

    let dir = home("[log]\nformat = \"text\"\nlevel = \"debug\"\n");
    let (_child, mut lines) = serve(server(dir.path(), &[]));
    let told = line(&mut lines, "Listening").await;
    assert!(!told.starts_with('{') && !told.contains('\u{1b}'), "{told}");

    // The command line wins.
    let (_child, mut lines) = serve(server(dir.path(), &["--log-json"]));
    let told: Value = serde_json::from_str(&line(&mut lines, "Listening").await).unwrap();
    assert_eq!(told["level"], "INFO");
}

#[tokio::test]
async fn a_log_that_cannot_be_written_ends_the_start() {
    let dir = home("[log]\nformat = \"journald\"\n");
    let (mut child, mut lines) = serve(server(dir.path(), &[]));
    if Path::new("/run/systemd/journal/socket").exists() {
        // There is a journal: it starts.
        child.start_kill().unwrap();
        return;
    }
    let told = line(&mut lines, "journal").await;
    assert!(told.starts_with("ishowtts: could not log to the journal"), "{told}");
    assert_eq!(soon("the end", child.wait()).await.unwrap().code(), Some(2));
    let dir = home("[log]\nformat = \"xml\"\n");
    let (mut child, mut lines) = serve(server(dir.path(), &[]));
    let told = line(&mut lines, "log.format").await;
    assert!(told.contains("must be auto, text, json, journald"), "{told}");
    assert_eq!(soon("the end", child.wait()).await.unwrap().code(), Some(2));
}
