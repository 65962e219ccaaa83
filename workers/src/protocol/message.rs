//! The messages themselves. `python/src/ishowtts_worker/protocol.py` mirrors this file.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    spec::VoiceSample,
    synthesis::{Phonemes, SynthesisId},
};

/// Version of the wire; both sides must name the same one.
pub const PROTOCOL_VERSION: u32 = 1;

/// What the supervisor says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToWorker {
    /// Become ready: load the model, warm it up, prove that it speaks.
    Load {
        /// [`PROTOCOL_VERSION`].
        protocol: u32,
        /// Name of the engine.
        engine: String,
        /// Which of the engine's workers this is.
        replica: u32,
        /// Device to compute on.
        device: String,
        /// Threads to compute with.
        threads: u32,
        /// The engine's own settings.
        settings: Map<String, Value>,
        /// Voices made from recordings.
        voices: Vec<VoiceSample>,
    },
    /// Speak.
    Synthesize {
        /// Names this synthesis from here on.
        id: SynthesisId,
        /// What to speak.
        text: String,
        /// One of the engine's voices, or its default.
        voice: Option<String>,
        /// Language of the text, where known.
        language: Option<String>,
        /// Speaking rate; 2.0 takes half the time.
        speed: f64,
        /// Seed of whatever is drawn at random.
        seed: u64,
        /// Settings for this synthesis alone.
        options: Map<String, Value>,
        /// The next line joins the same launch (batches).
        more: bool,
        /// Words of the text whose sounds are given; an engine that takes no phonemes reads the text as it is.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        phonemes: Vec<Phonemes>,
    },
    /// Stop this one at the next chunk.
    Cancel {
        /// Which one.
        id: SynthesisId,
    },
    /// Free the device at the next step.
    Pause,
    /// Go on.
    Resume,
    /// Answer with `pong`.
    Ping {
        /// Comes back in the answer.
        nonce: u64,
    },
    /// Say `bye` and exit.
    Shutdown {
        /// After this many milliseconds a signal follows.
        grace_ms: u64,
    },
}

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromWorker {
    /// The first line.
    Hello(Hello),
    /// Still getting ready.
    Progress {
        /// `loading` or `warming`.
        stage: String,
        /// 0 to 1.
        fraction: f64,
    },
    /// Loaded, warm, and heard speaking.
    Ready(Ready),
    /// `payload_bytes` of PCM follow.
    Audio {
        /// Whose audio.
        id: SynthesisId,
        /// How many bytes follow the newline.
        payload_bytes: usize,
    },
    /// Everything was sent.
    Done {
        /// Which one.
        id: SynthesisId,
        /// Samples sent.
        samples: u64,
        /// Where the time went.
        timings: Timings,
        /// Characters that could not be read and were left out.
        #[serde(default)]
        skipped: u64,
    },
    /// One synthesis failed, or (without id) the worker itself.
    Error {
        /// Which one, if it is about one.
        id: Option<SynthesisId>,
        /// Stable code.
        code: String,
        /// What failed, for a person.
        message: String,
        /// The setting or option at fault.
        #[serde(default)]
        param: Option<String>,
        /// The process cannot go on.
        fatal: bool,
    },
    /// It ended because of `cancel`.
    Cancelled {
        /// Which one.
        id: SynthesisId,
    },
    /// The device is free.
    Paused,
    /// Answer to `ping`.
    Pong {
        /// As in the `ping`.
        nonce: u64,
        /// Resident memory of the process.
        rss_bytes: u64,
        /// Memory held on the device.
        device_bytes: u64,
        /// Compilations and captures since `ready`.
        #[serde(default)]
        recompiles: u64,
    },
    /// The last line.
    Bye {
        /// Why it goes.
        reason: String,
    },
}

/// A worker's first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Version of the wire that it speaks.
    pub protocol: u32,
    /// The engine that it was started for.
    pub engine: String,
    /// Its process id.
    pub pid: u32,
    /// Version of the Python package.
    pub package: String,
    /// Version of Python.
    pub python: String,
}

/// What a warm worker can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ready {
    /// Samples per second of all its audio.
    pub sample_rate: u32,
    /// Built-in voices and those made from recordings; the first is the default.
    pub voices: Vec<EngineVoice>,
    /// Languages that it reads.
    pub languages: Vec<String>,
    /// Syntheses that one launch can hold.
    pub max_batch: u32,
    /// Same seed, same samples, whatever else runs.
    pub repeatable: bool,
    /// Device in use.
    pub device: String,
    /// How it computes (`onnxruntime`, `triton`, …).
    pub tier: String,
    /// The reference clause, timed after warm-up.
    pub warmup: WarmUp,
    /// Memory held.
    pub memory: Memory,
    /// What [`ToWorker::Synthesize`] may have for options; `None`: it does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<OptionInfo>>,
    /// While it computes one launch it takes the next one in, so that its device has no pause between them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ahead: bool,
}

/// An option of an engine, and what it may be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OptionInfo {
    /// Its key.
    pub name: String,
    /// `number`, `integer`, `boolean` or `text`.
    pub kind: String,
    /// The least that it may be, if it is a number.
    #[serde(default)]
    pub low: Option<f64>,
    /// The most that it may be, if it is a number.
    #[serde(default)]
    pub high: Option<f64>,
    /// A list of such values, of at least one.
    #[serde(default)]
    pub many: bool,
    /// It may be null.
    #[serde(default)]
    pub optional: bool,
}

/// A voice as its engine names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineVoice {
    /// What `synthesize` calls it.
    pub id: String,
    /// Language that it speaks.
    pub language: String,
    /// For people.
    pub name: String,
}

/// Cost of the fixed reference clause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WarmUp {
    /// Characters of the clause.
    pub characters: u32,
    /// Time it took.
    pub elapsed_ms: f64,
    /// Audio it gave.
    pub audio_ms: f64,
}

/// Memory held by a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Resident memory of the process.
    pub rss_bytes: u64,
    /// Memory held on the device.
    pub device_bytes: u64,
}

/// Where a synthesis spent its time, as the worker saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Until the first chunk was ready.
    pub first_chunk_ms: f64,
    /// Until the last one was.
    pub total_ms: f64,
}
