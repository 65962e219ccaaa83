//! `[engines.NAME]`: the keys that all engines share, and the engine's own, which its worker checks.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{
    device::devices,
    raw::{Notes, Table},
    sandbox::{Openings, openings},
    server::absolute,
};

/// The variable by which CUDA is told which GPUs it may see.
pub const VISIBLE_GPUS: &str = "CUDA_VISIBLE_DEVICES";

/// What runs an engine's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Python {
    /// This interpreter, as it is: no environment is made.
    Own(PathBuf),
    /// An environment that is made of the engine's lock.
    Made {
        /// It sees the system's packages, and takes torch and what belongs to it from there.
        system_site_packages: bool,
    },
}

impl Default for Python {
    fn default() -> Self {
        Self::Made { system_site_packages: false }
    }
}

/// One engine and how it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Engine {
    /// Whether it is used at all.
    pub enabled: bool,
    /// Devices that its workers are spread over: at least one, all of one kind.
    pub devices: Vec<String>,
    /// How many workers, on all its devices together. Unless the file says it, one for each.
    pub replicas: u32,
    /// Threads that each worker computes with.
    pub threads: u32,
    /// Whether the server counts as ready only with it.
    pub required: bool,
    /// Variables for its workers.
    pub env: BTreeMap<String, String>,
    /// CPUs that its workers may use; empty means all.
    pub cpus: Vec<usize>,
    /// Nice value to add.
    pub nice: i32,
    /// How many more workers are kept warm, to take the place of one that is lost.
    pub spares: u32,
    /// Most resident memory of a worker, in MiB; one that holds more is replaced.
    pub memory_mb: Option<u64>,
    /// Most memory of a worker on its device, in MiB.
    pub device_memory_mb: Option<u64>,
    /// A worker is replaced after so many segments.
    pub max_segments: Option<u64>,
    /// A worker is replaced when its memory has grown by this share of what it held when it was ready.
    pub rss_growth: Option<f64>,
    /// Whether a worker is replaced by one that is warm before it goes. Unset: if there is room on its device.
    pub warm_restart: Option<bool>,
    /// How long a worker may make no progress on a segment, in seconds.
    pub stall_s: u32,
    /// How long a worker that is starting may do nothing at all, in seconds.
    pub start_patience_s: u32,
    /// Whether its audio may be kept to answer the same request again. Unset: only if the engine says that it
    /// gives the same samples each time; true: even though they differ from run to run; false: never.
    pub cache: Option<bool>,
    /// Whether numbers, dates, units and abbreviations reach it as words, in languages that we have words for.
    pub normalise: bool,
    /// What runs its code.
    pub python: Python,
    /// What its workers may do beyond what every worker may.
    pub openings: Openings,
    /// What the engine adds of its own.
    pub settings: Map<String, Value>,
}

impl Engine {
    /// Whether its workers compute on GPUs.
    pub fn is_on_gpu(&self) -> bool {
        self.devices.iter().any(|device| device.starts_with("cuda:"))
    }
}

/// Engines that bring a way of their own to read numbers, made for their models; and `tone`, which reads nothing.
const READ_NUMBERS: [&str; 3] = ["f5", "indextts", "tone"];

pub(super) fn engine(name: &str, table: &Table<'_>, notes: &Notes, base: &Path) -> Engine {
    let devices = devices(name, table, notes);
    let cpus = table.integers("cpus");
    let env_table = table.table("env");
    let env = env_table.strings().into_iter();
    let env = env.map(|(name, found)| {
        if name == VISIBLE_GPUS && devices.len() > 1 {
            found.problem(notes, "would have every worker see the same GPUs; `devices` tells which it uses");
        }
        (name, found.value)
    });
    let env = env.collect();
    let enabled = table.boolean("enabled", false);
    let engine = Engine {
        enabled,
        replicas: table.count("replicas", 1, 256, devices.len().try_into().unwrap_or(1)),
        devices,
        threads: table.count("threads", 1, 1024, 1),
        required: table.boolean("required", true),
        env,
        cpus,
        nice: table.integer("nice", -20..20).and_then(|nice| nice.try_into().ok()).unwrap_or(0),
        spares: table.count("spares", 0, 16, 0),
        memory_mb: table.integer("memory_mb", 64..1 << 30).and_then(|mb| mb.try_into().ok()),
        device_memory_mb: table.integer("device_memory_mb", 64..1 << 30).and_then(|mb| mb.try_into().ok()),
        max_segments: table.integer("max_segments", 1..1 << 40).and_then(|most| most.try_into().ok()),
        rss_growth: Some(table.fraction("rss_growth", 100.0).unwrap_or(2.0)).filter(|share| *share > 0.0),
        warm_restart: table.choice("warm_restart"),
        stall_s: table.count("stall_s", 1, 3600, 30),
        start_patience_s: table.count("start_patience_s", 1, 3600, 30),
        cache: table.choice("cache"),
        normalise: table.boolean("normalise", !READ_NUMBERS.contains(&name)),
        python: python(table, notes, base, enabled),
        openings: openings(table, base),
        settings: Map::new(),
    };
    Engine {
        settings: table.rest().into_iter().map(|(key, value)| (key, from_here(value, base))).collect(),
        ..engine
    }
}

fn python(table: &Table<'_>, notes: &Notes, base: &Path, enabled: bool) -> Python {
    let named = table.string("python");
    let system_site_packages = table.boolean("system_site_packages", false);
    let Some(named) = named else { return Python::Made { system_site_packages } };
    if system_site_packages {
        named.problem(
            notes,
            "leaves nothing to `system_site_packages`: no environment is made; give one of both",
        );
    }
    let path = absolute(base.join(&named.value));
    if enabled && !path.is_file() {
        named.problem(notes, format!("there is no interpreter {}", path.display()));
    }
    Python::Own(path)
}

/// A setting that starts with `./` or `../` is a path, seen from the file that it stands in.
fn from_here(value: Value, base: &Path) -> Value {
    match value {
        Value::String(text) if text.starts_with("./") || text.starts_with("../") => {
            Value::String(absolute(base.join(text)).to_string_lossy().into_owned())
        }
        other => other,
    }
}
