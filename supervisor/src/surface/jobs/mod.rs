//! `/api/jobs`: long texts that are spoken when there is time. A thin translator over [`Jobs`]: [`request`] checks what is
//! asked for, [`upload`] reads a book that is sent as it is, [`standing`] words how a job stands, [`range`] and [`conditions`] decide which
//! bytes are sent, and touch nothing.

pub(super) mod audio;
mod bytes;
mod conditions;
pub(super) mod described;
pub(super) mod events;
pub(super) mod look;
mod range;
mod request;
pub(super) mod standing;
pub(super) mod submit;
mod upload;

use std::sync::Arc;

pub(super) use audio::audio;
pub(super) use events::events;
pub(super) use look::{delete, job, list};
pub(super) use submit::submit;

use self::standing::JobStanding;
use super::{ApiError, AppState, InForce, edge::Access};
use crate::{
    jobs::{Casting, Job, JobId, Jobs, NotTaken, Scope, StoreError, Wording},
    stream::Studio,
};

/// Gives texts of jobs their voices, as the configuration says that is in force then.
pub fn casting(live: &InForce, studio: &Arc<Studio>) -> Casting {
    let (live, studio) = (live.clone(), Arc::clone(studio));
    Arc::new(move |voice, text, manner| {
        let pools = studio.scheduler().pools();
        live.kept().voices.cast_as(voice, text, manner, &|engine| pools.ready(engine))
    })
}

/// Words what is told of the end of a job: as it is answered.
pub fn wording() -> Wording {
    Arc::new(|job| serde_json::to_vec(&JobStanding::of(job)).unwrap_or_default())
}

/// The jobs, if there are any here.
fn jobs(state: &AppState) -> Result<&Arc<Jobs>, ApiError> {
    state.jobs.as_ref().map_err(|why| ApiError::NoJobs(why.clone()))
}

/// Whose jobs a request may see: with keys, those of its own.
fn scope(access: &Access) -> Scope {
    match access {
        Access::Key(name) => Scope::Key(name.as_str().to_owned()),
        Access::Open | Access::Nobody => Scope::All,
    }
}

/// A job that a request names and may see.
async fn find(jobs: &Jobs, id: &str, access: &Access) -> Result<Job, ApiError> {
    let unknown = || ApiError::UnknownJob(id.chars().take(80).collect());
    let id: JobId = id.parse().map_err(|_wrong| unknown())?;
    jobs.job(&id, &scope(access)).await?.ok_or_else(unknown)
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Job(NotTaken::Store(error))
    }
}
