//! The configuration: the file as written ([`raw`]) becomes typed values ([`Config`]), or every problem in it
//! is told at once, with its file, line and key, before anything is bound.

mod access;
mod auth;
mod cache;
mod cloning;
mod cluster;
mod device;
mod engine;
mod gpu;
mod jobs;
mod locate;
mod log;
mod mixture;
mod openai;
mod pronunciation;
mod raw;
mod sandbox;
mod server;
mod telemetry;
mod tls;
mod validate;
mod voice;
mod webhook;
mod wyoming;

use std::{collections::BTreeMap, fmt, path::PathBuf};

pub use access::Cors;
pub use auth::Auth;
pub use cache::Cache;
pub use cloning::Cloning;
pub use cluster::Cluster;
pub use device::Device;
pub use engine::{Engine, Python, VISIBLE_GPUS};
pub use gpu::Gpu;
pub use jobs::Jobs;
pub use locate::{Overrides, keys_file, load, parse};
pub use log::Log;
pub use mixture::{Share, is_mixture, mixers, mixes, mixture, shares};
pub use openai::OpenAi;
pub use pronunciation::{Pronunciation, Pronunciations, takes_phonemes};
pub use sandbox::{Cgroup, Openings, Sandbox};
pub use server::{Limits, Server};
pub use telemetry::Telemetry;
pub use tls::Tls;
pub use voice::{Clone, Route, Voice, is_name as is_voice_name};
pub use webhook::{WebhookHost, WebhookSecrets};
pub use wyoming::Wyoming;

/// The configuration file that the binary carries, in force when no other is found.
pub const DEFAULT: &str = include_str!("../../../config/ishowtts.toml");

/// What the server does, in types.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it was read from; `None` for the embedded default.
    pub file: Option<PathBuf>,
    /// Addresses and directories.
    pub server: Server,
    /// Certificate and key, if HTTPS is served.
    pub tls: Option<Tls>,
    /// Who may ask.
    pub auth: Auth,
    /// How Wyoming is served.
    pub wyoming: Wyoming,
    /// Pages of other origins that may use the server.
    pub cors: Cors,
    /// How much is told, and how, unless the command line says it.
    pub log: Log,
    /// Where requests are traced.
    pub telemetry: Telemetry,
    /// What a request may ask for.
    pub limits: Limits,
    /// Finished audio that is kept.
    pub cache: Cache,
    /// Long texts that are spoken when there is time.
    pub jobs: Jobs,
    /// Where several machines share jobs and voices, if they do.
    pub cluster: Option<Cluster>,
    /// How GPUs are watched.
    pub gpu: Gpu,
    /// How workers are confined.
    pub sandbox: Sandbox,
    /// The voice for each language that is used when a request names none.
    pub default_voices: BTreeMap<String, String>,
    /// Devices that the file says something of, by name.
    pub devices: BTreeMap<String, Device>,
    /// Every engine in the file, by name.
    pub engines: BTreeMap<String, Engine>,
    /// Every voice in the file, by name.
    pub voices: BTreeMap<String, Voice>,
    /// How words are said, by language.
    pub pronunciation: Pronunciations,
    /// What `OpenAI`'s names mean.
    pub openai: OpenAi,
}

impl Config {
    /// The engines that are switched on.
    pub fn enabled_engines(&self) -> impl Iterator<Item = (&String, &Engine)> {
        self.engines.iter().filter(|(_, engine)| engine.enabled)
    }
}

/// So many of the things that are wrong are told: after them it is another kind of file, or one mistake made often.
const TOLD: usize = 100;

/// Everything that is wrong with a configuration. Shown, it is the first hundred things and how many more there are.
#[derive(Debug)]
pub struct Problems {
    /// Where it was read from.
    pub file: String,
    /// In the order of the file.
    pub list: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line in the file, from 1; 0 when it is about the whole.
    pub line: usize,
    /// The key, in full.
    pub key: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, plural) = (self.list.len(), if self.list.len() == 1 { "" } else { "s" });
        write!(f, "{count} problem{plural} in {}", self.file)?;
        for Problem { line, key, message } in self.list.iter().take(TOLD) {
            write!(f, "\n  ")?;
            if *line > 0 {
                write!(f, "line {line}: ")?;
            }
            if !key.is_empty() {
                write!(f, "{key}: ")?;
            }
            write!(f, "{message}")?;
        }
        match count.saturating_sub(TOLD) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more: mend these first"),
        }
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod documented;
#[cfg(test)]
mod tests;
