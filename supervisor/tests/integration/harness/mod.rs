//! A server of the test's own: fresh directory, free port, killed on drop.

pub(crate) mod collector;
pub(crate) mod second;
pub(crate) mod tone;

use std::{
    collections::BTreeMap,
    fs,
    future::Future,
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

/// Nothing here takes that long, not even on a machine with other things to do; a wait that does has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until something is true.
pub(crate) async fn eventually<F, R>(what: &str, mut look: F) -> R
where
    F: AsyncFnMut() -> Option<R>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "never came true: {what}");
        sleep(Duration::from_millis(15)).await;
    }
}

/// Waits for something that must come.
pub(crate) async fn soon<R>(what: &str, future: impl Future<Output = R>) -> R {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("never came: {what}"))
}

/// Writes a server's configuration and starts it.
pub(crate) struct Builder {
    name: String,
    engine: BTreeMap<String, Value>,
    env: BTreeMap<String, Value>,
    more: String,
    tools: Option<PathBuf>,
    /// Written into the folder that the configuration stands in.
    files: Vec<(String, String)>,
    wrapper: Vec<String>,
}

/// A server with one engine, `tone`, and the voice `walter` that speaks everything by it.
pub(crate) fn supervisor() -> Builder {
    Builder {
        name: "tone".into(),
        engine: BTreeMap::new(),
        env: BTreeMap::new(),
        more: String::new(),
        tools: None,
        files: Vec::new(),
        wrapper: Vec::new(),
    }
}

impl Builder {
    /// A key of the engine.
    pub(crate) fn engine(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.engine.insert(key.into(), value.into());
        self
    }

    /// The engine has this name instead of `tone`, and the voice `walter` with it.
    pub(crate) fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    pub(crate) fn workers(self, count: u32) -> Self {
        self.engine("replicas", count)
    }

    /// The scripted worker takes the place of the real one, its lives beginning like this.
    pub(crate) fn script(mut self, starts: &str) -> Self {
        let fake = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/fake");
        self.env.insert("PYTHONPATH".into(), fake.to_string_lossy().into());
        self.env.insert("FAKE_START".into(), starts.into());
        self
    }

    /// A variable of the workers.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Further tables of the configuration.
    pub(crate) fn config(mut self, more: &str) -> Self {
        self.more.push_str(more);
        self
    }

    /// A file beside the configuration.
    pub(crate) fn file(mut self, name: &str, text: impl Into<String>) -> Self {
        self.files.push((name.into(), text.into()));
        self
    }

    /// Keys are asked for: this one, under this name.
    pub(crate) fn key(self, name: &str, key: &str) -> Self {
        let line = format!("{name} sha256:{}\n", ishowtts::auth::Digest::of(key.as_bytes()));
        self.file("keys", line).config("[auth]\nkeys_file = \"keys\"\n")
    }

    /// Programs in this directory are found before all others.
    pub(crate) fn tools(mut self, dir: &Path) -> Self {
        self.tools = Some(dir.to_owned());
        self
    }

    /// It begins its life in this control group.
    pub(crate) fn inside(mut self, group: &Path) -> Self {
        let script = "echo $$ > \"$0/cgroup.procs\" && exec \"$@\"";
        self.wrapper = ["sh", "-c", script, &group.to_string_lossy()].map(str::to_owned).into();
        self
    }

    /// Its state directory is a disk of its own, with so many MiB.
    pub(crate) fn on_a_small_disk(mut self, size_mb: u32) -> Self {
        let script = format!(
            "mkdir \"$(dirname \"$3\")/state\" && mount -t tmpfs -o size={size_mb}m none \"$(dirname \"$3\")/state\" && exec \"$@\""
        );
        self.wrapper = ["unshare", "-rm", "sh", "-c", &script, "sh"].map(str::to_owned).into();
        self
    }

    /// Its disk takes no file of more than 600 KiB; some shells count in half of them.
    pub(crate) fn with_small_files_alone(mut self) -> Self {
        // A process that does not ask otherwise is ended by the signal that comes with the error.
        let script = "trap '' XFSZ && ulimit -f 600 && exec \"$@\"";
        self.wrapper = ["sh", "-c", script, "sh"].map(str::to_owned).into();
        self
    }

    /// Variables of the server itself.
    pub(crate) fn variables(mut self, variables: &[&str]) -> Self {
        self.wrapper = std::iter::once("env").chain(variables.iter().copied()).map(str::to_owned).collect();
        self
    }

    /// It runs in this network namespace.
    pub(crate) fn in_namespace(mut self, name: &str) -> Self {
        self.wrapper = ["ip", "netns", "exec", name].map(str::to_owned).into();
        self
    }

    /// It runs as on a kernel without Landlock.
    pub(crate) fn on_an_older_kernel(mut self) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/fake/older_kernel.py");
        self.wrapper = vec!["python3".into(), script.to_string_lossy().into()];
        self
    }

    pub(crate) async fn start(self) -> Server {
        self.launch("Listening").await
    }

    /// Does not wait until the environments are there.
    pub(crate) async fn start_setting_up(self) -> Server {
        self.launch("Starting").await
    }

    async fn launch(mut self, line: &str) -> Server {
        let dir = TempDir::new().unwrap();
        for (name, text) in &self.files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        // The one place that the scripted worker may write to, with the sandbox around it.
        let notes = dir.path().join("notes/lines");
        fs::create_dir(dir.path().join("notes")).unwrap();
        self.env.insert("FAKE_NOTES".into(), notes.to_string_lossy().into());
        self.engine.entry("write".into()).or_insert_with(|| serde_json::json!(["./notes"]));
        let pairs = |map: &BTreeMap<String, Value>| {
            map.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>()
        };
        let engine = pairs(&self.engine).join("\n");
        let env = pairs(&self.env).join(", ");
        let config = format!(
            "[engines.{name}]\nenabled = true\n{engine}\nenv = {{ {env} }}\n\
             [voices.walter]\nengines = {{ en = \"{name}\", zh = \"{name}\" }}\n\
             [defaults]\nvoices = {{ en = \"walter\", zh = \"walter\" }}\n{}",
            self.more,
            name = self.name,
        );
        fs::write(dir.path().join("ishowtts.toml"), config).unwrap();
        let mut command = ishowtts(dir.path());
        if let [program, args @ ..] = &self.wrapper[..] {
            let mut wrapped = Command::new(program);
            wrapped.args(args).arg(command.as_std().get_program()).args(command.as_std().get_args());
            wrapped.env_remove("RUNTIME_DIRECTORY").env("XDG_RUNTIME_DIR", dir.path()).kill_on_drop(true);
            command = wrapped;
        }
        command.env("NOTIFY_SOCKET", dir.path().join("nobody")).env("HIDDEN_TOKEN", "secret");
        if let Some(tools) = self.tools {
            let path = std::env::var("PATH").unwrap();
            command.env("PATH", format!("{}:{path}", tools.display()));
        }
        Server::launch(dir, command, line).await
    }
}

/// The command that runs our binary with a test's own directories.
pub(crate) fn ishowtts(dir: &Path) -> Command {
    ishowtts_in(dir, &dir.join("state"))
}

/// The same with a state directory of its own.
pub(crate) fn ishowtts_in(dir: &Path, state_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ishowtts"));
    command.arg("--config").arg(dir.join("ishowtts.toml")).arg("--state-dir").arg(state_dir);
    command
        .env_remove("RUNTIME_DIRECTORY")
        .env("XDG_RUNTIME_DIR", dir)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// A running server.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) url: String,
    pub(crate) address: String,
    pub(crate) dir: TempDir,
    logs: Arc<Mutex<Vec<Value>>>,
}

impl Server {
    /// Runs the command as a server, and waits until its log says so.
    pub(crate) async fn launch(dir: TempDir, mut command: Command, message: &str) -> Self {
        command.args(["--listen", "127.0.0.1:0", "--wyoming-listen", "127.0.0.1:0", "--log-json"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let logs = Arc::new(Mutex::new(Vec::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let kept = Arc::clone(&logs);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                kept.lock().unwrap().push(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
        });
        let find = async || {
            let logs = logs.lock().unwrap();
            let line = logs.iter().find(|line| line["message"] == message)?;
            Some(line["address"].as_str().unwrap().to_owned())
        };
        let address = eventually("the server listens", find).await;
        Self { child, url: format!("http://{address}"), address, dir, logs }
    }

    /// Changes the configuration as it stands in the file; it is not read before somebody says so.
    pub(crate) fn rewrite(&self, old: &str, new: &str) {
        let file = self.dir.path().join("ishowtts.toml");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(old), "{old:?} is in {text}");
        fs::write(file, text.replacen(old, new, 1)).unwrap();
    }

    /// Runs a command beside the server, with its directories.
    pub(crate) async fn command(&self, args: &[&str]) -> Output {
        soon("the end of the command", ishowtts(self.dir.path()).args(args).output()).await.unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it was not waited for yet")
    }

    /// Waits for a line of log.
    pub(crate) async fn logged(&self, message: &str) -> Value {
        eventually(message, async || {
            let logs = self.logs.lock().unwrap();
            logs.iter().find(|line| line["message"].as_str().is_some_and(|m| m.contains(message))).cloned()
        })
        .await
    }

    /// Where it serves Wyoming.
    pub(crate) async fn wyoming(&self) -> String {
        self.logged("Listening for Wyoming").await["address"].as_str().unwrap().to_owned()
    }

    /// Everything that was logged so far.
    pub(crate) fn log_text(&self) -> String {
        self.logs.lock().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    /// Waits until every worker is warm.
    pub(crate) async fn ready(self) -> Self {
        eventually("the server is ready", async || {
            let ready = reqwest::get(format!("{}/readyz", self.url)).await.unwrap();
            ready.status().is_success().then_some(())
        })
        .await;
        self
    }

    pub(crate) fn post(&self, body: &Value) -> reqwest::RequestBuilder {
        reqwest::Client::new().post(format!("{}/api/tts", self.url)).json(body)
    }

    /// Posts a text and reads the whole answer.
    pub(crate) async fn speak(&self, body: Value) -> Answer {
        soon("the answer", async {
            let response = self.post(&body).send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = response.bytes().await.map_err(|error| error.to_string());
            Answer { status, headers, body }
        })
        .await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let response = reqwest::get(format!("{}{path}", self.url)).await.unwrap();
        let text = response.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    /// Status and body of an answer.
    pub(crate) async fn status_of(&self, path: &str) -> (u16, Value) {
        let response = reqwest::get(format!("{}{path}", self.url)).await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// The value of a metric, its labels written as Prometheus writes them; 0 if it was never counted.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let metrics = self.get("/metrics").await;
        let line =
            metrics.as_str().unwrap().lines().find_map(|line| line.strip_prefix(&format!("{series} ")));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    pub(crate) async fn worker(&self, index: usize) -> Value {
        self.get("/api/status").await["engines"]["tone"]["workers"][index].clone()
    }

    /// Waits until a worker is in a state.
    pub(crate) async fn worker_is(&self, state: &str) -> Value {
        eventually(state, async || {
            let worker = self.worker(0).await;
            (worker["state"] == state).then_some(worker)
        })
        .await
    }

    /// Waits until the scripted worker has noted something.
    pub(crate) async fn noted(&self, note: &str) {
        eventually(note, async || self.notes().iter().any(|line| line.starts_with(note)).then_some(())).await;
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        let notes = fs::read_to_string(self.dir.path().join("notes/lines")).unwrap_or_default();
        notes.lines().map(str::to_owned).collect()
    }

    /// Lets a slow start go on.
    pub(crate) fn go(&self) {
        fs::write(self.dir.path().join("notes/lines.go"), "").unwrap();
    }

    /// Waits until no request is being worked on.
    pub(crate) async fn quiet(&self) {
        eventually("nothing is in flight", async || {
            (self.get("/api/status").await["requests_in_flight"] == 0).then_some(())
        })
        .await;
    }

    pub(crate) fn signal(&self, signal: &str) {
        kill(self.pid(), signal);
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        soon("the end of the server", self.child.wait()).await.unwrap()
    }
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    /// An error when it ended without its final chunk.
    pub(crate) body: Result<bytes::Bytes, String>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.body.as_ref().expect("the answer is complete")
    }

    /// Code of an error, and its parameter.
    pub(crate) fn error(&self) -> (u16, String, Option<String>) {
        let body: Value = serde_json::from_slice(self.bytes()).expect("errors are JSON");
        let error = &body["error"];
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
        assert!(error["type"].is_string(), "{body}");
        let param = error["param"].as_str().map(str::to_owned);
        (self.status, error["code"].as_str().unwrap().to_owned(), param)
    }

    /// The samples of a WAVE answer with exact sizes.
    pub(crate) fn wav(&self) -> Vec<i16> {
        let bytes = self.bytes();
        assert_eq!(&bytes[..4], b"RIFF", "{}", String::from_utf8_lossy(&bytes[..bytes.len().min(300)]));
        let size = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!((size(4), size(40)), (bytes.len() - 8, bytes.len() - 44), "sizes are exact");
        pcm(&bytes[44..])
    }
}

pub(crate) fn pcm(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

pub(crate) fn kill(pid: u32, name: &str) {
    let signal: nix::sys::signal::Signal = name.parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
}

/// Python by its own name: what is found on the path may be a script that starts others.
pub(crate) async fn interpreter() -> String {
    let asked =
        Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().await.unwrap();
    String::from_utf8(asked.stdout).unwrap().trim().to_owned()
}

/// Whether a process is there, a zombie counting too.
pub(crate) fn exists(pid: u64) -> bool {
    PathBuf::from(format!("/proc/{pid}")).exists()
}

/// The processes whose parent is `pid`, zombies among them.
pub(crate) fn children(pid: u32) -> Vec<u64> {
    let stat = |entry: fs::DirEntry| {
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (head, tail) = stat.rsplit_once(')')?;
        let parent: u32 = tail.split_whitespace().nth(1)?.parse().ok()?;
        (parent == pid).then(|| head.split(' ').next()?.parse().ok())?
    };
    fs::read_dir("/proc").unwrap().filter_map(|entry| stat(entry.ok()?)).collect()
}
