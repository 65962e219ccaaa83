//! What keeps all jobs from going on at present, on this machine: told seldom, and shown with each of them, since a store
//! that is full takes no note of why it is.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{JobError, StoreError, spool::broken};
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
    /// The store did not do what it was asked.
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
