//! What handlers may touch.

use std::{sync::Arc, time::Instant};

use super::{Live, Previews, Uploads, live::InForce};
use crate::{
    cluster::Cluster,
    gpu::Gpus,
    jobs::Jobs,
    metrics::Metrics,
    stream::Studio,
    voices::{Listing, Shelf},
};

/// Shared by all handlers; cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState(Arc<Shared>);

/// What is shared.
#[derive(Debug)]
pub struct Shared {
    /// Where utterances become streams.
    pub studio: Arc<Studio>,
    /// What of the configuration may change while we run.
    pub live: InForce,
    /// All families.
    pub metrics: Arc<Metrics>,
    /// What was heard of the GPUs last.
    pub gpus: Gpus,
    /// Voices that were sent to us.
    pub shelf: Arc<Shelf>,
    /// Their recordings on the way in.
    pub uploads: Uploads,
    /// What voices sound like, as far as somebody asked.
    pub previews: Previews,
    /// Long texts, or why there are none.
    pub jobs: Result<Arc<Jobs>, String>,
    /// The machines that it shares jobs and voices with, if there are any.
    pub cluster: Option<Arc<Cluster>>,
    /// When the server started.
    pub started: Instant,
}

impl AppState {
    /// Shares it.
    pub fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// Every voice under this configuration, those that engines bring as far as they have told of them.
    pub(super) fn voices(&self, live: &Live) -> Vec<Listing> {
        let pools = self.studio.scheduler().pools();
        live.voices.list(&|engine| pools.ready(engine))
    }
}

impl std::ops::Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
