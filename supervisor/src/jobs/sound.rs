//! Where a job's audio can be had: finished, or from the one spool that makes it grow.

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{Arc, MutexGuard, PoisonError},
};

use super::{Job, JobError, JobId, JobState, Jobs, Spool, spool::broken};

/// Where a job's audio can be had.
#[derive(Clone, Debug)]
pub enum Sound {
    /// All of it.
    Done {
        /// The file as it was encoded, without what tells of it.
        file: PathBuf,
    },
    /// What there is of it.
    Growing(Arc<Spool>),
    /// Nothing yet, or nothing any more.
    None,
}

impl Jobs {
    /// Where a job's audio can be had now.
    pub async fn sound(self: &Arc<Self>, job: &Job) -> Result<Sound, JobError> {
        match job.state {
            JobState::Done => {
                let file = self.store().audio(&job.id).await.map_err(|error| broken(&error))?;
                Ok(file.map_or(Sound::None, |file| Sound::Done { file }))
            }
            JobState::Running => Ok(Sound::Growing(self.spool(job).await?)),
            JobState::Queued | JobState::Failed | JobState::Cancelled => Ok(Sound::None),
        }
    }

    /// The growing audio of a job that was cut.
    pub(super) async fn spool(self: &Arc<Self>, job: &Job) -> Result<Arc<Spool>, JobError> {
        if let Some(spool) = self.spools().get(&job.id) {
            return Ok(Arc::clone(spool));
        }
        let book = self.store().book(&job.id).await.map_err(|error| broken(&error))?;
        let titles = book.into_iter().flat_map(|book| book.chapters).map(|chapter| chapter.title);
        let titles: Vec<_> = titles.collect();
        let mut spools = self.spools();
        if let Some(spool) = spools.get(&job.id) {
            return Ok(Arc::clone(spool));
        }
        let begun = Spool::begin(self, job, titles);
        let spool = begun.map_err(|error: io::Error| JobError {
            code: if error.kind() == io::ErrorKind::StorageFull { "disk_full" } else { "internal" }.into(),
            message: format!("could not begin the audio of a job: {error}"),
        })?;
        spools.insert(job.id.clone(), Arc::clone(&spool));
        Ok(spool)
    }

    pub(super) fn forget_spool(&self, id: &JobId) {
        self.spools().remove(id);
    }

    pub(super) fn spools(&self) -> MutexGuard<'_, HashMap<JobId, Arc<Spool>>> {
        self.spools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
