//! What a worker is: what to run, with which limits, and how patient to be with it.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::sandbox::Confinement;

/// Everything that is needed to start one worker, again and again.
#[derive(Clone, Debug)]
pub struct WorkerSpec {
    /// Name of the engine, as in the configuration and on the wire.
    pub engine: String,
    /// Which of the engine's workers this is, from 0.
    pub replica: u32,
    /// Device to compute on: `cpu`, `cuda:1`, `none`.
    pub device: String,
    /// What the worker is told to compute on: of several GPUs it sees its own alone, which then is `cuda:0`.
    pub seen_as: String,
    /// Threads that the engine may compute with.
    pub threads: u32,
    /// The engine's own settings, handed over in `load`.
    pub settings: Map<String, Value>,
    /// Voices made from a recording, handed over in `load`.
    pub voices: Vec<VoiceSample>,
    /// Our own binary, which becomes the worker through `worker-exec`.
    pub launcher: PathBuf,
    /// The program to become: a Python interpreter.
    pub program: PathBuf,
    /// Its arguments. `--socket`, `--engine` and `--replica` are added at each launch.
    pub args: Vec<OsString>,
    /// Variables that are set on top of the supervisor's own.
    pub env: BTreeMap<String, String>,
    /// Directory to start in.
    pub working_dir: PathBuf,
    /// Private directory for the worker's socket.
    pub socket_dir: PathBuf,
    /// What `worker-exec` confines it to.
    pub limits: ExecLimits,
    /// What it may reach.
    pub confinement: Confinement,
    /// How long to wait for what.
    pub patience: Patience,
    /// When another one takes its place.
    pub upkeep: Upkeep,
    /// Longest audio of one synthesis, in bytes; more is a violation.
    pub max_audio_bytes: usize,
}

impl WorkerSpec {
    /// `piper/0`: how logs name the worker.
    pub fn name(&self) -> String {
        format!("{}/{}", self.engine, self.replica)
    }
}

/// A voice made from a recording, as the engine gets to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoiceSample {
    /// Name of the voice.
    pub id: String,
    /// Language spoken in the recording.
    pub language: String,
    /// The recording.
    pub reference: PathBuf,
    /// What is said in it.
    pub transcript: String,
}

/// What `worker-exec` sets before it becomes the worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecLimits {
    /// CPUs that the worker may run on; empty means all.
    pub cpus: Vec<usize>,
    /// Nice value to add.
    pub nice: i32,
    /// Most address space, in MiB.
    pub memory_mb: Option<u64>,
}

/// When a worker that works is replaced all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Upkeep {
    /// After so many syntheses.
    pub max_segments: Option<u64>,
    /// When its resident memory has grown by this share of what it was when it became ready, and by 64 MiB at least.
    pub rss_growth: Option<f64>,
    /// When its resident memory is more than this, in bytes.
    pub rss_bytes: Option<u64>,
    /// When its memory on the device is more than this, in bytes.
    pub device_bytes: Option<u64>,
}

/// How long to wait before a worker counts as lost.
#[derive(Clone, Debug)]
pub struct Patience {
    /// From launch to `hello`.
    pub hello: Duration,
    /// Longest silence between two `progress` lines while loading and warming up.
    pub startup_silence: Duration,
    /// While it starts, it may do nothing at all for so long: say nothing, compute nothing, read nothing.
    pub startup_stillness: Duration,
    /// Longest silence of a worker that has something to speak.
    pub stall: Duration,
    /// An idle worker is asked for a sign of life this often, and has as long to answer.
    pub ping: Duration,
    /// After asking, and again after SIGTERM.
    pub stop: Duration,
    /// First delay before another try; doubled by each further failure.
    pub backoff_first: Duration,
    /// Longest delay before another try.
    pub backoff_most: Duration,
    /// Failed starts in a row after which the worker is given up.
    pub startup_failures: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            // Python and its heavier packages come up in 1 to 5 s, tens of seconds on a busy board.
            hello: Duration::from_mins(1),
            // Loading a large model from a slow disk takes a minute or two.
            startup_silence: Duration::from_mins(3),
            // Whatever a start waits for, a disk, a compiler, another process's lock, shows in that time.
            startup_stillness: Duration::from_secs(30),
            stall: Duration::from_secs(30),
            ping: Duration::from_secs(10),
            stop: Duration::from_secs(3),
            backoff_first: Duration::from_millis(250),
            backoff_most: Duration::from_secs(30),
            startup_failures: 5,
        }
    }
}
