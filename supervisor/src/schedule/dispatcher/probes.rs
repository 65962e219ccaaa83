//! When each worker was last known to speak, and what became of it when it was tried.

use std::time::{Duration, Instant};

use ishowtts_workers::{Synthesis, SynthesisRequest};
use serde_json::Map;

use super::super::plan::Micros;

/// A worker that is being tried.
#[derive(Debug)]
pub struct Probe {
    /// Its engine.
    pub engine: String,
    /// Which of the engine's seats it is in.
    pub seat: usize,
    /// What it says.
    pub synthesis: Synthesis,
    pub(super) sitting: u64,
    pub(super) worker: usize,
    pub(super) began: Instant,
}

/// How a worker was tried last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// When.
    pub at: Instant,
    /// How long it took.
    pub took: Duration,
    /// What was wrong.
    pub error: Option<String>,
}

/// What is known of one seat.
#[derive(Clone, Debug, Default)]
pub(super) struct Proof {
    /// When the worker in it was last heard to speak; `None` if it is to be tried as soon as it can be.
    pub(super) heard: Option<Micros>,
    pub(super) probed: Option<Probed>,
}

impl Proof {
    /// Whether it is time to try it again.
    pub(super) fn is_due(&self, every: Micros, now: Micros) -> bool {
        self.heard.is_none_or(|heard| now - heard >= every)
    }
}

/// A few short words in a language.
pub(super) fn words(language: Option<&str>) -> SynthesisRequest {
    let text = match language.and_then(|language| language.split('-').next()) {
        Some("en") => "One, two, three.",
        Some("zh") => "一二三。",
        Some("ja") => "一、二、三。",
        _ => "1, 2, 3.",
    };
    SynthesisRequest {
        text: text.into(),
        voice: None,
        language: language.map(str::to_owned),
        speed: 1.0,
        seed: 1,
        options: Map::new(),
        phonemes: Vec::new(),
    }
}
