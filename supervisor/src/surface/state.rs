//! What handlers may touch.

use std::{sync::Arc, time::Instant};

use crate::{
    config::{Limits, Server},
    gpu::Gpus,
    metrics::Metrics,
    stream::Studio,
    voices::VoiceBook,
};

/// Shared by all handlers; cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState(Arc<Shared>);

/// What is shared.
#[derive(Debug)]
pub struct Shared {
    /// Where utterances become streams.
    pub studio: Arc<Studio>,
    /// Who speaks under which name.
    pub voices: VoiceBook,
    /// All families.
    pub metrics: Arc<Metrics>,
    /// What was heard of the GPUs last.
    pub gpus: Gpus,
    /// What a request may ask for.
    pub limits: Limits,
    /// Addresses and directories.
    pub server: Server,
    /// Engines that `/readyz` waits for.
    pub required: Vec<String>,
    /// When the server started.
    pub started: Instant,
}

impl AppState {
    /// Shares it.
    pub fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl std::ops::Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
