//! A changed configuration, brought into force without dropping a request. A file that is wrong changes nothing.
//!
//! [`mod@diff`] decides, without touching anything, what has changed and what becomes of it; [`Reloader`] reads the file
//! and does it.

mod diff;
mod recordings;

use std::{error::Error, fmt, net::SocketAddr, sync::Arc};

use serde::{Deserialize, Serialize};
use tokio::{sync::Mutex, task::spawn_blocking};

pub use diff::{EngineChange, EngineFate, diff};
pub use recordings::Recordings;

use crate::{
    config::{self, Config, Overrides},
    schedule::Scheduler,
    surface::{InForce, Live, make_room},
    telemetry,
};

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
            lines.push(format!("needs a restart: {}", self.needs_restart.join(", ")));
        }
        lines.extend(self.engines.iter().map(ToString::to_string));
        f.write_str(&lines.join("\n"))
    }
}

/// What holds and what is waited for.
#[derive(Debug)]
struct Known {
    /// What the server was started with: what cannot be changed holds as it was then.
    started: (Config, Recordings),
    /// What was read last and found right.
    last: Config,
}

/// Brings changed configurations into force, one at a time.
#[derive(Debug)]
pub struct Reloader {
    overrides: Overrides,
    /// The command line's level, which wins.
    level: Option<String>,
    /// Where the server listens, whatever the file says by now.
    address: SocketAddr,
    live: InForce,
    scheduler: Arc<Scheduler>,
    known: Mutex<Known>,
}

impl Reloader {
    /// For a server that was started with `config`.
    pub fn new(
        config: Config,
        overrides: Overrides,
        level: Option<String>,
        address: SocketAddr,
        live: InForce,
        scheduler: Arc<Scheduler>,
    ) -> Self {
        let (recordings, last) = (Recordings::of(&config), config.clone());
        let known = Known { started: (config, recordings), last };
        Self { overrides, level, address, live, scheduler, known: Mutex::new(known) }
    }

    /// Reads the file again. If it is right, what can be applied is in force when this returns; else nothing is.
    pub async fn reload(&self) -> Result<Outcome, Box<dyn Error + Send + Sync>> {
        let mut known = self.known.lock().await;
        let overrides = self.overrides.clone();
        // Files are read, and names looked up.
        let read = spawn_blocking(move || {
            let config = config::load(&overrides)?;
            let recordings = Recordings::of(&config);
            Ok::<_, config::Problems>((config, recordings))
        });
        let (config, recordings) = read.await??;
        config.server.may_listen(self.address, config.auth.keys.is_some())?;
        let outcome = diff(&known.started, &known.last, (&config, &recordings));
        self.apply(&known.started.0, &config)?;
        known.last = config;
        Ok(outcome)
    }

    fn apply(&self, started: &Config, config: &Config) -> Result<(), String> {
        // The one step that may fail, so the first.
        if self.level.is_none() {
            telemetry::change(config.log_level.as_deref().unwrap_or(telemetry::USUAL))?;
        }
        let mut live = Live::of(config);
        if started.tls.is_some() != config.tls.is_some() {
            // Half of our clients would speak to us in a way that we do not understand.
            live.tls.clone_from(&self.live.now().tls);
        }
        live.limits.stream_buffer = started.limits.stream_buffer;
        make_room(live.limits.max_connections);
        self.scheduler.limit(&live.limits);
        self.live.replace(live);
        Ok(())
    }

    /// How long running requests may take to end, by the file that was read last.
    pub async fn grace(&self) -> std::time::Duration {
        self.known.lock().await.last.server.grace
    }
}
