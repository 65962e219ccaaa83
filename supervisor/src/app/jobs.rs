//! Where jobs are kept, and who works on them.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::Running;
use crate::{
    cluster::Cluster,
    config::Config,
    jobs::{Jobs, Nats, Sqlite, Store},
    surface::{self, InForce},
};

/// Goes on with the jobs that are there, and takes others in; or says why not.
pub(super) async fn begin(config: &Config, running: &Running, live: &InForce) -> Result<Arc<Jobs>, String> {
    if !config.jobs.enabled {
        return Err("[jobs] enabled is false in its configuration".into());
    }
    let store = store(config, running.cluster.as_deref()).await;
    let store = store.inspect_err(|error| tracing::error!("Jobs are not available: {error}"))?;
    let casting = surface::casting(live, &running.studio);
    Ok(Jobs::start(store, Arc::clone(&running.studio), casting, surface::wording(), config.jobs.clone()))
}

/// Where jobs are kept: on this machine, or where several meet.
async fn store(config: &Config, cluster: Option<&Cluster>) -> Result<Arc<dyn Store>, String> {
    let folder = config.server.state_dir.join("jobs");
    if let Some(Cluster { link, folder: place, .. }) = cluster {
        if folder.join("jobs.sqlite").exists() {
            let folder = folder.display();
            tracing::warn!("Jobs in {folder} are left alone while [cluster] is set; they go on without it");
        }
        let opened = Nats::open(Arc::clone(link), place).await;
        return opened.map(|store| Arc::new(store) as _).map_err(|error| error.to_string());
    }
    let min_free_mb = u64::from(config.jobs.min_free_mb);
    match spawn_blocking(move || Sqlite::open(&folder, min_free_mb)).await {
        Ok(opened) => opened.map(|store| Arc::new(store) as _).map_err(|error| error.to_string()),
        Err(lost) => Err(lost.to_string()),
    }
}

/// Waits until what jobs have under way is stored; the rest is done after the next start.
pub(super) async fn rest(jobs: &Result<Arc<Jobs>, String>) {
    if let Ok(jobs) = jobs {
        jobs.rest().await;
    }
}
