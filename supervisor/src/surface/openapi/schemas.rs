//! Answers that are put together by hand, described.

#![expect(
    dead_code,
    reason = "these are descriptions; that they are true is tested against a running server"
)]

use std::collections::BTreeMap;

use utoipa::ToSchema;

use crate::surface::api::recent::RecentRequest;

/// `GET /api/voices`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct Voices {
    /// Those of the configuration, then the engines' own.
    voices: Vec<VoiceStanding>,
}

/// A voice, and how it stands.
#[derive(ToSchema)]
#[schema(as = Voice)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct VoiceStanding {
    /// What requests call it.
    #[schema(example = "walter")]
    id: String,
    /// For people.
    #[schema(example = "walter")]
    name: String,
    /// Languages that it speaks.
    #[schema(example = json!(["en", "zh"]))]
    languages: Vec<String>,
    /// Engine for each language.
    #[schema(example = json!({ "en": "piper", "zh": "fastspeech2" }))]
    engines: BTreeMap<String, String>,
    /// `configured`, `cloned`, or `engine` for one that an engine brings.
    #[schema(example = "configured")]
    kind: String,
    /// What whoever sent it said of it.
    #[schema(example = json!(["calm"]))]
    tags: Vec<String>,
    /// Whether it was sent to this server.
    #[schema(example = false)]
    uploaded: bool,
    /// How long its recording is, if it was sent.
    #[schema(required, example = json!(null))]
    audio_ms: Option<u64>,
    /// `ready`, `preparing` or `failed`.
    #[schema(example = "ready")]
    state: String,
    /// Why it failed.
    #[schema(required, example = json!(null))]
    reason: Option<String>,
    /// Where it can be heard.
    #[schema(example = "/api/voices/walter/preview")]
    preview: String,
}

/// The form of `POST /api/voices`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct NewVoice {
    /// What requests will call it.
    #[schema(example = "mine")]
    id: String,
    /// For people; the id if it is not told.
    #[schema(example = "My voice")]
    name: Option<String>,
    /// Language of the recording.
    #[schema(example = "en")]
    language: String,
    /// Engine that will speak with it.
    #[schema(example = "f5")]
    engine: String,
    /// What is said in the recording; engines that need none say so.
    #[schema(example = "What I say in it.")]
    transcript: Option<String>,
    /// Words to find it by, with commas between them.
    #[schema(example = "calm")]
    tags: Option<String>,
    /// The recording.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream", example = "")]
    audio: Vec<u8>,
}

/// What has been removed.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct Removed {
    /// The voice.
    #[schema(example = "mine")]
    id: String,
    /// Always true.
    #[schema(example = true)]
    removed: bool,
}

/// `POST /api/engines/{name}/restart`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct Restarting {
    /// The engine.
    #[schema(example = "piper")]
    engine: String,
    /// Always true: it has begun.
    #[schema(example = true)]
    restarting: bool,
}

/// `GET /readyz`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct Readiness {
    /// Whether every required engine can speak.
    #[schema(example = true)]
    ready: bool,
    /// For each engine that cannot, how it stands.
    #[schema(example = json!({}))]
    missing: BTreeMap<String, String>,
}

/// `GET /api/status`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::surface) struct Status {
    /// Version and commit.
    #[schema(example = "0.1.0 (1a2b3c4)")]
    version: String,
    /// Seconds since the start.
    #[schema(example = 3600)]
    uptime_s: u64,
    /// Requests that are worked on.
    #[schema(example = 2)]
    requests_in_flight: u64,
    /// How many may be.
    #[schema(example = 256)]
    max_requests: u64,
    /// Segments that wait for a worker or for room in their listener's buffer, by class.
    queue: Queue,
    /// Streams that were let in.
    #[schema(example = 2)]
    streams: u64,
    /// Bytes of audio that are promised to them.
    #[schema(example = 96_000)]
    audio_bytes: u64,
    /// Devices that work is done on, by name.
    devices: BTreeMap<String, Device>,
    /// How workers are confined.
    sandbox: Sandbox,
    /// GPUs, by name, as they were when they were asked last.
    gpus: BTreeMap<String, Gpu>,
    /// Engines of the configuration, by name.
    engines: BTreeMap<String, EngineStatus>,
    /// Where jobs and voices are shared; null without `[cluster]`.
    #[schema(required)]
    cluster: Option<ClusterStatus>,
    /// The last requests that ended, at most 50, the newest first.
    recent: Vec<RecentRequest>,
}

/// What several machines share.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct ClusterStatus {
    /// What it is called.
    #[schema(example = "ishowtts")]
    name: String,
    /// Whether a NATS server answers.
    #[schema(example = true)]
    connected: bool,
    /// Which one does.
    #[schema(required, example = "10.0.0.5:4222")]
    server: Option<String>,
    /// Why nothing comes of it, if that is known: what the servers said, or what they lack.
    #[schema(required, example = json!(null))]
    trouble: Option<String>,
}

/// Waiting segments.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct Queue {
    /// Somebody listens.
    #[schema(example = 0)]
    interactive: u64,
    /// Nobody does.
    #[schema(example = 3)]
    batch: u64,
}

/// A device.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct Device {
    /// Work that is needed to have all audio in time, over what the device can do.
    #[schema(example = 0.4)]
    load: f64,
}

/// The sandbox.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct Sandbox {
    /// Whether it is switched on.
    #[schema(example = true)]
    enabled: bool,
    /// Engines whose settings take them out of it.
    #[schema(example = json!([]))]
    unconfined: Vec<String>,
    /// What it protects with, by name.
    protections: BTreeMap<String, Protection>,
}

/// One protection.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct Protection {
    /// `enforced`, `partial` or `missing`.
    #[schema(example = "enforced")]
    state: String,
    /// What it does, or why it does not.
    #[schema(example = "Landlock")]
    details: String,
}

/// A GPU; what is not known is left out.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct Gpu {
    /// What it is called.
    #[schema(example = "NVIDIA GeForce RTX 4090", nullable = false)]
    name: Option<String>,
    /// Clock of its processors in MHz.
    #[schema(example = 2520, nullable = false)]
    clock_mhz: Option<u64>,
    /// Share of the time in which it computed, 0 to 1.
    #[schema(example = 0.35, nullable = false)]
    load: Option<f64>,
    /// Its temperature in degrees Celsius.
    #[schema(example = 51.0, nullable = false)]
    temperature_c: Option<f64>,
    /// Its power in watts; on a Jetson that of the whole module.
    #[schema(example = 120.5, nullable = false)]
    power_w: Option<f64>,
    /// Memory in use, in bytes.
    #[schema(example = 4_294_967_296_u64, nullable = false)]
    memory_used_bytes: Option<u64>,
    /// All its memory, in bytes.
    #[schema(example = 25_769_803_776_u64, nullable = false)]
    memory_total_bytes: Option<u64>,
}

/// An engine.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct EngineStatus {
    /// Whether it is switched on.
    #[schema(example = true)]
    enabled: bool,
    /// Why it cannot be used at all.
    #[schema(required, example = json!(null))]
    failure: Option<String>,
    /// Samples per second, as a ready worker said.
    #[schema(required, example = 22_050)]
    sample_rate: Option<u32>,
    /// Languages that it speaks, as a ready worker said.
    #[schema(required, example = json!(["en"]))]
    languages: Option<Vec<String>>,
    /// What it computes with, as a ready worker said.
    #[schema(required, example = "cpu")]
    tier: Option<String>,
    /// Whether the same request gives the same samples, as a ready worker said.
    #[schema(required, example = false)]
    repeatable: Option<bool>,
    /// Segments that it takes at once, as a ready worker said.
    #[schema(required, example = 1)]
    max_batch: Option<u32>,
    /// What it asks of recordings, if it imitates them.
    #[schema(required)]
    cloning: Option<CloningNeeds>,
    /// Its workers.
    workers: Vec<WorkerStatus>,
    /// For each worker that takes orders, how it was tried last.
    probes: Vec<Option<Probe>>,
}

/// What an engine asks of the recordings that it imitates.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct CloningNeeds {
    /// Whether it has to be told what is said in them.
    #[schema(example = true)]
    needs_transcript: bool,
    /// Shortest speech, in seconds.
    #[schema(example = 1.0)]
    shortest_s: f64,
    /// Longest speech, in seconds.
    #[schema(example = 15.0)]
    longest_s: f64,
}

/// A worker.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct WorkerStatus {
    /// Engine and number.
    #[schema(example = "piper/0")]
    worker: String,
    /// It is warm, and takes the place of the next one that is lost.
    #[schema(example = false)]
    spare: bool,
    /// `stopped`, `starting`, `ready`, `busy`, `stopping`, `backoff` or `failed`.
    #[schema(example = "ready")]
    state: String,
    /// Its process.
    #[schema(required, example = 4711)]
    pid: Option<u32>,
    /// Launches after the first.
    #[schema(example = 0)]
    restarts: u64,
    /// How far its start has come.
    #[schema(required, example = json!(null))]
    progress: Option<Progress>,
    /// Where it computes, as the configuration names it.
    #[schema(example = "cpu")]
    device: String,
    /// How long its reference clause took.
    #[schema(required, example = 84.2)]
    warmup_ms: Option<f64>,
    /// Memory that it holds.
    #[schema(example = 201_326_592)]
    rss_bytes: u64,
    /// Memory of its GPU that it holds.
    #[schema(example = 0)]
    device_memory_bytes: u64,
    /// Kernels compiled after it was ready.
    #[schema(example = 0)]
    recompiles: u64,
    /// Why its last life ended, unless somebody asked for it.
    #[schema(required, example = json!(null))]
    last_error: Option<String>,
    /// The last lines that it wrote before a start that failed.
    #[schema(example = json!([]))]
    last_words: Vec<String>,
}

/// How far a start has come.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct Progress {
    /// `loading` or `warming`.
    #[schema(example = "loading")]
    stage: String,
    /// 0 to 1.
    #[schema(example = 0.5)]
    fraction: f64,
}

/// How a worker was tried.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct Probe {
    /// Seconds since then.
    #[schema(example = 12)]
    ago_s: u64,
    /// How long it took.
    #[schema(example = 41.7)]
    took_ms: f64,
    /// What was wrong.
    #[schema(required, example = json!(null))]
    error: Option<String>,
}
