//! A changed configuration, brought into force without dropping a request. A file that is wrong changes nothing.
//!
//! [`mod@diff`] decides, without touching anything, what has changed and what becomes of it; [`Reloader`] reads the file
//! and does it.

mod diff;
mod engines;
mod reasons;
mod recordings;
mod voices;

use std::{error::Error, fmt, net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{sync::Mutex, task::spawn_blocking, time::timeout};

pub use diff::{EngineChange, EngineFate, Side, diff};
pub use engines::Engines;
pub use recordings::Recordings;

use self::reasons::reason;

use crate::{
    config::{self, Config, Overrides},
    surface::{InForce, Live, make_room},
    telemetry,
};

/// How long the file, the recordings that it names and the addresses in it may take to be read. A folder of another machine
/// that went away answers never, and must not keep what comes later waiting.
const READING: Duration = Duration::from_mins(1);

/// What a reload came to. Keys stand as in the file: `limits.max_text_chars`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// In force from now on.
    pub applied: Vec<String>,
    /// In force when the server is started again.
    pub needs_restart: Vec<String>,
    /// Engines whose workers have to be replaced before their changes are in force.
    pub engines: Vec<EngineChange>,
}

impl Outcome {
    /// Whether something that was to be done at once was not.
    pub fn has_failed(&self) -> bool {
        self.engines.iter().any(|change| change.failure.is_some())
    }

    /// Whether the file says what is in force already.
    pub fn is_nothing(&self) -> bool {
        self.applied.is_empty() && self.needs_restart.is_empty() && self.engines.is_empty()
    }
}

/// In lines, for people.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_nothing() {
            return f.write_str("nothing has changed");
        }
        let mut lines = Vec::new();
        if !self.applied.is_empty() {
            lines.push(format!("applied: {}", self.applied.join(", ")));
        }
        if !self.needs_restart.is_empty() {
            let told = |key: &String| format!("{key} ({})", reason(key));
            let keys: Vec<String> = self.needs_restart.iter().map(told).collect();
            lines.push(format!("needs a restart: {}", keys.join(", ")));
        }
        lines.extend(self.engines.iter().map(ToString::to_string));
        f.write_str(&lines.join("\n"))
    }
}

/// Where the server is reached from furthest away.
#[derive(Clone, Copy, Debug)]
pub struct Reachable {
    /// HTTP.
    pub http: SocketAddr,
    /// Wyoming, if it is served.
    pub wyoming: Option<SocketAddr>,
}

impl Reachable {
    /// Whether a configuration allows for it.
    pub fn check(&self, config: &Config) -> Result<(), String> {
        config.server.may_listen(self.http, config.auth.keys.is_some())?;
        self.wyoming.map_or(Ok(()), |address| config.wyoming.may_listen(address))
    }
}

/// What holds and what is waited for.
#[derive(Debug)]
struct Known {
    /// What the server was started with: what cannot be changed holds as it was then.
    started: Config,
    /// What was read last and found right; of an engine whose workers could not be replaced, what they were started with.
    last: (Config, Recordings),
}

/// Brings changed configurations into force, one at a time.
#[derive(Debug)]
pub struct Reloader {
    overrides: Overrides,
    /// The command line's level, which wins.
    level: Option<String>,
    /// Where the server listens, whatever the file says by now.
    reachable: Reachable,
    live: InForce,
    engines: Engines,
    known: Mutex<Known>,
}

impl Reloader {
    /// For a server that was started with `config`.
    pub fn new(
        config: Config,
        overrides: Overrides,
        level: Option<String>,
        reachable: Reachable,
        live: InForce,
        engines: Engines,
    ) -> Self {
        let last = (config.clone(), Recordings::of(&config));
        let known = Known { started: config, last };
        Self { overrides, level, reachable, live, engines, known: Mutex::new(known) }
    }

    /// Reads the file again. If it is right, what can be applied is in force when this returns, other workers of engines
    /// included; else nothing is.
    pub async fn reload(&self) -> Result<Outcome, Box<dyn Error + Send + Sync>> {
        let mut known = self.known.lock().await;
        let overrides = self.overrides.clone();
        // Files are read, and names looked up.
        let read = spawn_blocking(move || {
            let config = config::load(&overrides)?;
            let recordings = Recordings::of(&config);
            Ok::<_, config::Problems>((config, recordings))
        });
        let read = timeout(READING, read).await.map_err(|_late| {
            format!(
                "it could not be read within {} s: is the disk of it or of a recording away?",
                READING.as_secs()
            )
        })?;
        let (config, recordings) = read??;
        self.reachable.check(&config)?;
        let mut outcome = diff(&known.started, (&known.last.0, &known.last.1), (&config, &recordings));
        if !outcome.engines.is_empty() {
            // A voice that imitates a recording is there when the workers are that know it.
            self.apply(&known.started, &without_new_imitations(&config, &known.last.0))?;
        }
        for change in &mut outcome.engines {
            change.failure = self.engines.bring(&config, &known.last.0, change).await.err();
        }
        let (mut config, mut recordings) = (config, recordings);
        for change in &outcome.engines {
            if change.failure.is_some() {
                keep(&change.engine, &known.last.0, &mut config, &mut recordings);
            } else if matches!(change.what, EngineFate::Started | EngineFate::Stopped) {
                note_start(&change.engine, &config, &mut known.started);
            }
        }
        self.apply(&known.started, &config)?;
        known.last = (config, recordings);
        Ok(outcome)
    }

    /// Has workers know the voices that were sent to us since, and no more those that were removed: engine after engine,
    /// other workers before those that serve go.
    pub async fn settle_voices(&self) {
        let known = self.known.lock().await;
        self.engines.settle_voices(&known.last.0).await;
    }

    fn apply(&self, started: &Config, config: &Config) -> Result<(), String> {
        // The one step that may fail, so the first.
        if self.level.is_none() {
            telemetry::change(config.log.level.as_deref().unwrap_or(telemetry::USUAL))?;
        }
        let mut live = Live::of(config, self.engines.shelf());
        if started.tls.is_some() != config.tls.is_some() {
            // Half of our clients would speak to us in a way that we do not understand.
            live.tls.clone_from(&self.live.now().tls);
        }
        live.limits.stream_buffer = started.limits.stream_buffer;
        make_room(live.limits.max_connections + live.wyoming.max_connections);
        self.engines.adopt(config, &live.limits);
        self.live.replace(live);
        Ok(())
    }

    /// How long running requests may take to end, by the file that was read last.
    pub async fn grace(&self) -> Duration {
        self.known.lock().await.last.0.server.grace
    }
}

/// Without voices that imitate a recording and did not before.
fn without_new_imitations(config: &Config, last: &Config) -> Config {
    let imitates =
        |config: &Config, id: &String| config.voices.get(id).is_some_and(|voice| voice.clone.is_some());
    let mut config = config.clone();
    let new: Vec<String> =
        config.voices.keys().filter(|id| imitates(&config, id) && !imitates(last, id)).cloned().collect();
    for id in new {
        config.voices.remove(&id);
    }
    config
}

/// What an engine that was switched on or off is told apart from from now on. What is read at the start alone stays.
fn note_start(name: &str, config: &Config, started: &mut Config) {
    let first = started.engines.get(name);
    let (now, cache) = (config.engines.get(name).or(first).cloned(), first.and_then(|engine| engine.cache));
    if let Some(now) = now {
        let enabled = config.engines.get(name).is_some_and(|engine| engine.enabled);
        started.engines.insert(name.to_owned(), config::Engine { enabled, cache, ..now });
    }
}

/// Has the next reload find again what was not done for an engine now.
fn keep(engine: &str, last: &Config, config: &mut Config, recordings: &mut Recordings) {
    match last.engines.get(engine) {
        Some(kept) => drop(config.engines.insert(engine.to_owned(), kept.clone())),
        None => drop(config.engines.remove(engine)),
    }
    let speaks = |voice: &&config::Voice| voice.routes.values().any(|route| route.engine == engine);
    for clone in config.voices.values().filter(speaks).filter_map(|voice| voice.clone.as_ref()) {
        recordings.0.remove(&clone.reference);
    }
}
