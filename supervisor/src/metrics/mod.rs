//! Every metric family, in one struct that is passed in. Labels come from enums and from the configuration, never
//! from a request.

mod gpu;
mod jobs;
mod labels;
mod observe;
mod recent;
mod recovery;

use prometheus::{
    CounterVec, Encoder, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGaugeVec, Opts, Registry, TextEncoder, core::Collector,
};

pub use labels::{CacheTier, Outcome, RejectReason, Surface};

use self::{gpu::GpuFamilies, jobs::JobFamilies, observe::Seen, recovery::RecoveryFamilies};
use crate::{speech::Priority, traces::Traces};
pub use recent::{Finished, Heard, Recent};

const ACCEPTING_HELP: &str = "1 while new requests are accepted, 0 during a drain";
const MISSES_HELP: &str = "Recordings asked of the cache and found in no tier";
const LOAD_HELP: &str =
    "Work a second that is needed to have all audio in time, over what can be done, by device";

/// The families.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    seen: Seen,
    /// Request accepted → last byte handed over, by engine.
    pub elapsed_ms: HistogramVec,
    /// Synthesis time / audio duration, by engine.
    pub rtf: HistogramVec,
    /// Request accepted → first audio handed over, by engine.
    pub ttfa_ms: HistogramVec,
    /// First segment submitted → worker leased, by engine.
    pub queue_wait_ms: HistogramVec,
    /// Worst silence that a player of the stream would have had to bridge, by engine.
    pub stream_underrun_ms: HistogramVec,
    /// Finished requests.
    pub requests: IntCounterVec,
    /// Audio made, by engine.
    pub audio_seconds: CounterVec,
    /// Requests refused before any work.
    pub rejected: IntCounterVec,
    /// Segments waiting for a worker, by class.
    pub queue_segments: IntGaugeVec,
    /// Demand over capacity, by device.
    pub load: GaugeVec,
    /// 1 for the state that a worker is in, 0 for the others.
    pub worker_state: IntGaugeVec,
    /// Ends of workers' lives, by reason.
    pub worker_restarts: IntCounterVec,
    /// Resident memory of a worker.
    pub worker_rss: IntGaugeVec,
    /// Device memory of a worker.
    pub worker_device_memory: IntGaugeVec,
    /// Compilations and captures of a worker after it was ready.
    pub worker_recompiles: IntCounterVec,
    /// Recordings found, by tier.
    pub cache_hits: IntCounterVec,
    /// Recordings asked for and found in no tier.
    pub cache_misses: IntCounter,
    /// Room that recordings take, by tier.
    pub cache_bytes: IntGaugeVec,
    /// Recordings kept, by tier.
    pub cache_entries: IntGaugeVec,
    /// Recordings that had to make room for others, by tier.
    pub cache_evictions: IntCounterVec,
    /// Whether the server answers new requests.
    pub up: Gauge,
    /// Where single requests are traced, if they are.
    pub traces: Traces,
    /// The last requests, which are no family: nobody scrapes them.
    pub recent: Recent,
    gpus: GpuFamilies,
    recovery: RecoveryFamilies,
    jobs: JobFamilies,
}

impl Metrics {
    /// Registers every family.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        // From one chunk of a fast engine to a chapter of a slow one.
        let milliseconds = [
            1., 2.5, 5., 10., 25., 50., 100., 200., 300., 400., 500., 750., 1e3, 2e3, 4e3, 8e3, 15e3, 3e4,
            6e4, 3e5,
        ];
        let ratios = [
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1., 1.5, 2., 4., 8.,
        ];
        // C50, C100 and C200 are read off these.
        let gaps = [0., 10., 25., 50., 100., 200., 500., 1e3, 2e3, 5e3, 1e4];
        let histogram = |name, help, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            register(&registry, HistogramVec::new(options, &["engine"])?)
        };
        let counter = |name, help, labels: &[&str]| {
            register(&registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let gauge = |name, help, labels: &[&str]| {
            register(&registry, IntGaugeVec::new(Opts::new(name, help), labels)?)
        };
        let audio = Opts::new("ishowtts_audio_seconds_total", "Seconds of audio made");
        let audio_seconds = register(&registry, CounterVec::new(audio, &["engine"])?)?;
        tell_build(&registry)?;
        let cache_misses = register(&registry, IntCounter::new("ishowtts_cache_misses_total", MISSES_HELP)?)?;
        let worker = ["engine", "replica"];
        let metrics = Self {
            elapsed_ms: histogram(
                "ishowtts_elapsed_ms",
                "Milliseconds from accepting a request to its last byte",
                &milliseconds,
            )?,
            rtf: histogram("ishowtts_rtf", "Synthesis time divided by audio duration", &ratios)?,
            ttfa_ms: histogram(
                "ishowtts_ttfa_ms",
                "Milliseconds from accepting a request to its first audio",
                &milliseconds,
            )?,
            queue_wait_ms: histogram(
                "ishowtts_queue_wait_ms",
                "Milliseconds that a request's first segment waited for a worker",
                &milliseconds,
            )?,
            stream_underrun_ms: histogram(
                "ishowtts_stream_underrun_ms",
                "Worst gap in milliseconds that a player of a stream would have heard",
                &gaps,
            )?,
            requests: counter(
                "ishowtts_requests_total",
                "Finished requests by surface, engine and outcome",
                &["surface", "engine", "outcome"],
            )?,
            audio_seconds,
            rejected: counter(
                "ishowtts_admission_rejected_total",
                "Requests refused before any work, by reason",
                &["reason"],
            )?,
            queue_segments: gauge("ishowtts_queue_segments", "Segments waiting for a worker", &["class"])?,
            load: register(&registry, GaugeVec::new(Opts::new("ishowtts_load", LOAD_HELP), &["device"])?)?,
            worker_state: gauge(
                "ishowtts_worker_state",
                "1 for the state that a worker is in",
                &["engine", "replica", "state"],
            )?,
            worker_restarts: counter(
                "ishowtts_worker_restarts_total",
                "Ends of workers' lives by reason; each is followed by another start or by giving up",
                &["engine", "reason"],
            )?,
            worker_rss: gauge("ishowtts_worker_rss_bytes", "Resident memory of a worker", &worker)?,
            worker_device_memory: gauge(
                "ishowtts_worker_device_memory_bytes",
                "Device memory of a worker",
                &worker,
            )?,
            worker_recompiles: counter(
                "ishowtts_worker_recompiles_total",
                "Compilations and captures of a worker after it was ready",
                &worker,
            )?,
            cache_hits: counter("ishowtts_cache_hits_total", "Recordings found in the cache", &["tier"])?,
            cache_misses,
            cache_bytes: gauge("ishowtts_cache_bytes", "Room that cached recordings take", &["tier"])?,
            cache_entries: gauge("ishowtts_cache_entries", "Recordings in the cache", &["tier"])?,
            cache_evictions: counter(
                "ishowtts_cache_evictions_total",
                "Cached recordings that had to make room for others",
                &["tier"],
            )?,
            up: register(&registry, Gauge::new("ishowtts_accepting", ACCEPTING_HELP)?)?,
            traces: Traces::default(),
            recent: Recent::default(),
            gpus: GpuFamilies::new(&registry)?,
            recovery: RecoveryFamilies::new(&registry)?,
            jobs: JobFamilies::new(&registry)?,
            seen: Seen::default(),
            registry,
        };
        metrics.begin();
        Ok(metrics)
    }

    /// Traces requests, too.
    #[must_use]
    pub fn with_traces(self, traces: Traces) -> Self {
        Self { traces, ..self }
    }

    /// A series that is there from the start can be alerted on before its first event.
    fn begin(&self) {
        for class in Priority::ALL {
            self.queue_segments.with_label_values(&[class.label()]).set(0);
        }
        for reason in RejectReason::ALL {
            self.rejected.with_label_values(&[reason.label()]);
        }
        for tier in CacheTier::ALL {
            let tier = [tier.label()];
            self.cache_hits.with_label_values(&tier);
            self.cache_bytes.with_label_values(&tier).set(0);
            self.cache_entries.with_label_values(&tier).set(0);
            self.cache_evictions.with_label_values(&tier);
        }
    }

    /// The text that Prometheus scrapes, and its media type.
    pub fn render(&self) -> Result<(String, Vec<u8>), prometheus::Error> {
        let encoder = TextEncoder::new();
        let mut text = Vec::new();
        encoder.encode(&self.registry.gather(), &mut text)?;
        Ok((encoder.format_type().to_owned(), text))
    }
}

/// Says what runs.
fn tell_build(registry: &Registry) -> Result<(), prometheus::Error> {
    let build = Opts::new("ishowtts_build_info", "Always 1; the labels tell what runs");
    let build = register(registry, GaugeVec::new(build, &["version", "commit"])?)?;
    build.with_label_values(&[env!("CARGO_PKG_VERSION"), env!("ISHOWTTS_COMMIT")]).set(1.0);
    Ok(())
}

fn register<F>(registry: &Registry, family: F) -> Result<F, prometheus::Error>
where
    F: Collector + Clone + 'static,
{
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}
