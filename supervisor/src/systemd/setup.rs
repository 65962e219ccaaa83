//! What is being set up, for those who wait for it.

use std::time::Duration;

use super::{extend_timeout, status};
use crate::environments::Progress;

/// What a service manager is asked for each time that a step of setting up is told: one large package over a slow line.
const SETUP_STEP: Duration = Duration::from_mins(30);

/// Tells the log, and the service manager that it is worth waiting for.
#[derive(Clone, Copy, Debug)]
pub struct Setup;

impl Progress for Setup {
    fn step(&self, engine: &str, step: &str) {
        tracing::info!(engine, "Setting up: {step}");
        extend_timeout(SETUP_STEP);
        status(&format!("Setting up {engine}: {step}"));
    }

    fn notice(&self, text: &str) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            tracing::info!("{line}");
        }
    }
}
