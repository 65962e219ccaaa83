//! What keeps all jobs from going on at present, on this machine: told seldom, and shown with each of them, since a store
//! that is full takes no note of why it is.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{JobError, JobId, StoreError, spool::broken};
use crate::seldom::Seldom;

/// How often the same is told.
const PAUSE: Duration = Duration::from_mins(1);

/// The last thing that the store did not do, until it does one again.
#[derive(Debug)]
pub(super) struct Trouble {
    now: Mutex<Option<JobError>>,
    told: Seldom,
}

impl Default for Trouble {
    fn default() -> Self {
        Self { now: Mutex::default(), told: Seldom::new(PAUSE) }
    }
}

impl Trouble {
    /// The store did not do what it was asked for a job. Where it has no room, or is away, that is so for all of them.
    pub(super) fn met_by(&self, job: &JobId, error: &StoreError) {
        match error {
            StoreError::Full { .. } | StoreError::Away { .. } => self.met(error),
            StoreError::Lost | StoreError::Broken { .. } => tracing::warn!(%job, "{error}"),
        }
    }

    /// The store did not do what it was asked for all of them.
    pub(super) fn met(&self, error: &StoreError) {
        if self.told.due(Instant::now()) {
            tracing::warn!("Jobs rest, and it is tried again: {error}");
        }
        self.set(Some(broken(error)));
    }

    /// It did.
    pub(super) fn is_over(&self) {
        self.set(None);
    }

    /// What it was.
    pub(super) fn now(&self) -> Option<JobError> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, error: Option<JobError>) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_one_job_keeps_no_other_one_waiting() {
        let trouble = Trouble::default();
        trouble.met_by(&JobId::draw(), &StoreError::Broken { act: "read a text", reason: "x".into() });
        assert_eq!(trouble.now(), None);
        trouble.met_by(&JobId::draw(), &StoreError::Away { reason: "x".into() });
        assert_eq!(trouble.now().unwrap().code, "cluster_unavailable");
        trouble.is_over();
        assert_eq!(trouble.now(), None);
    }
}
