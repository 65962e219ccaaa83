//! The way to a running server for whoever may run as its user: a Unix socket in its private directory, by which
//! `ishowtts reload` hears what came of it. Keys are not asked for, since whoever gets there can read them anyway.

use std::{
    env, fs,
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::mpsc::{self, error::TrySendError},
    task::JoinSet,
    time::timeout,
};

use crate::reload::Outcome;

/// How the names of our runtime directories begin; the process id follows.
pub const RUNTIME_PREFIX: &str = "ishowtts-";
/// What the socket is called.
const SOCKET: &str = "control";
/// Where a service of our own unit has its runtime directory.
const SERVICE: &str = "/run/ishowtts";
/// What may be asked for.
const RELOAD: &str = "reload";
/// How long whoever connected may take to say what they want.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest answer that is read.
const LONGEST: u64 = 1 << 20;

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was done.
    Done(Outcome),
    /// Nothing was, and why.
    Refused(String),
}

/// Callers that wait for their turn; further ones are told to come again.
const MOST_WAITING: usize = 16;

/// Listens for commands.
#[derive(Debug)]
pub struct Control {
    callers: mpsc::Receiver<Caller>,
    /// Listens until this is dropped.
    _listening: JoinSet<()>,
}

/// Somebody who waits for an answer.
#[derive(Debug)]
pub struct Caller(UnixStream);

impl Control {
    /// Listens in the server's private directory.
    pub fn listen(dir: &Path) -> io::Result<Self> {
        let path = dir.join(SOCKET);
        let listener = UnixListener::bind(&path).map_err(|error| {
            io::Error::new(error.kind(), format!("could not bind control socket {}: {error}", path.display()))
        })?;
        let (sender, callers) = mpsc::channel(MOST_WAITING);
        let mut listening = JoinSet::new();
        listening.spawn(accept(listener, sender));
        Ok(Self { callers, _listening: listening })
    }

    /// The next one who wants the configuration to be read again. Safe to cancel: nobody is lost.
    pub async fn next(&mut self) -> Caller {
        match self.callers.recv().await {
            Some(caller) => caller,
            // Nobody listens any more, so nobody comes.
            None => std::future::pending().await,
        }
    }
}

/// Hears what those who come want. Whoever says nothing keeps nobody else waiting.
async fn accept(listener: UnixListener, callers: mpsc::Sender<Caller>) {
    let mut heard = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if heard.len() < MOST_WAITING => {
                    let callers = callers.clone();
                    heard.spawn(async move { drop(timeout(PATIENCE, hear(stream, callers)).await) });
                }
                Ok((stream, _)) => drop(stream),
                Err(error) => {
                    tracing::warn!(%error, "Could not accept a command");
                    tokio::time::sleep(PATIENCE).await;
                }
            },
            Some(_) = heard.join_next() => {}
        }
    }
}

/// Hears what somebody wants. Whoever wants something else than what there is, is told so.
async fn hear(stream: UnixStream, callers: mpsc::Sender<Caller>) {
    let mut lines = BufReader::new(stream.take(64));
    let mut line = String::new();
    if lines.read_line(&mut line).await.is_err() {
        return;
    }
    let caller = Caller(lines.into_inner().into_inner());
    if line.trim() != RELOAD {
        return caller.answer(&Answer::Refused("there is no such command".into())).await;
    }
    if let Err(TrySendError::Full(caller) | TrySendError::Closed(caller)) = callers.try_send(caller) {
        let why = format!(
            "{MOST_WAITING} others wait for a reload already; try again when they have heard of theirs"
        );
        caller.answer(&Answer::Refused(why)).await;
    }
}

impl Caller {
    /// Tells what came of it. Somebody who has gone misses it.
    pub async fn answer(mut self, answer: &Answer) {
        let text = serde_json::to_vec(answer).unwrap_or_default();
        drop(timeout(PATIENCE, self.0.write_all(&text)).await);
    }
}

/// Has a running server read its configuration again: the one with this process id, or the only one there is. Nobody waits
/// longer than `patience` for what came of it.
pub async fn reload(pid: Option<u32>, patience: Duration) -> Result<Outcome, String> {
    let socket = find(pid)?;
    let failed = |error: &io::Error| format!("could not ask the server at {}: {error}", socket.display());
    let answer = async {
        let mut stream = UnixStream::connect(&socket).await?;
        stream.write_all(format!("{RELOAD}\n").as_bytes()).await?;
        let mut text = Vec::new();
        stream.take(LONGEST).read_to_end(&mut text).await?;
        serde_json::from_slice(&text).map_err(|_unread| {
            io::Error::new(ErrorKind::UnexpectedEof, "it ended, or is of another version; its log tells more")
        })
    };
    let answer = timeout(patience, answer).await.map_err(|_late| {
        format!(
            "the server did not answer within {} s; it may still be reading, or bringing up workers: what comes of it stands in \
             its log, and a longer --wait-s waits longer",
            patience.as_secs()
        )
    })?;
    match answer.map_err(|error| failed(&error))? {
        Answer::Done(outcome) => Ok(outcome),
        Answer::Refused(why) => Err(why),
    }
}

/// Where runtime directories may be, the surest place first.
fn places() -> Vec<PathBuf> {
    let given = |name| env::var_os(name).map(PathBuf::from);
    let mut places: Vec<_> =
        [given("RUNTIME_DIRECTORY"), given("XDG_RUNTIME_DIR")].into_iter().flatten().collect();
    places.extend([SERVICE.into(), env::temp_dir()]);
    places
}

fn find(pid: Option<u32>) -> Result<PathBuf, String> {
    for place in places() {
        let mut found = servers(&place);
        found.retain(|(server, _)| pid.is_none_or(|pid| pid == *server));
        match found.as_slice() {
            [] => {}
            [(_, socket)] => return Ok(socket.clone()),
            several => {
                let pids: Vec<String> = several.iter().map(|(pid, _)| pid.to_string()).collect();
                return Err(format!("several servers run here; name one with --pid: {}", pids.join(", ")));
            }
        }
    }
    let looked: Vec<String> = places().iter().map(|place| place.display().to_string()).collect();
    Err(format!(
        "found no running server of this user in {}; one that is still being set up cannot be asked yet",
        looked.join(", ")
    ))
}

/// Servers of ours with a runtime directory in `place`, and their sockets. Root may ask everybody's.
fn servers(place: &Path) -> Vec<(u32, PathBuf)> {
    let us = nix::unistd::geteuid();
    let server = |entry: fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid: u32 = name.strip_prefix(RUNTIME_PREFIX)?.split_once('-')?.0.parse().ok()?;
        let is_ours = us.is_root() || entry.metadata().is_ok_and(|found| found.uid() == us.as_raw());
        let socket = entry.path().join(SOCKET);
        let runs = Path::new("/proc").join(pid.to_string()).exists();
        (is_ours && runs && socket.exists()).then_some((pid, socket))
    };
    fs::read_dir(place).into_iter().flatten().flatten().filter_map(server).collect()
}
