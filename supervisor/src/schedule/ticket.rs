//! A segment's place in the queue, and its audio once it is its turn.

use std::time::Duration;

use ishowtts_workers::{Synthesis, SynthesisEvent};
use tokio::sync::oneshot;

use super::Refusal;

/// It is a segment's turn.
#[derive(Debug)]
pub struct Granted {
    /// What the worker sends.
    pub synthesis: Synthesis,
    /// Its sample rate.
    pub sample_rate: u32,
    /// How long the segment waited.
    pub waited: Duration,
}

/// A submitted segment. Dropping it takes the segment back.
#[derive(Debug)]
pub struct Ticket {
    grant: Option<oneshot::Receiver<Result<Granted, Refusal>>>,
    synthesis: Option<Synthesis>,
}

impl Ticket {
    pub(super) fn new(grant: oneshot::Receiver<Result<Granted, Refusal>>) -> Self {
        Self { grant: Some(grant), synthesis: None }
    }

    /// Waits for the segment's turn; then tells its worker's sample rate and how long it waited. `None` if it
    /// was told before. Safe to cancel.
    pub async fn turn(&mut self) -> Option<Result<(u32, Duration), Refusal>> {
        let grant = self.grant.as_mut()?;
        let granted = grant.await.unwrap_or(Err(Refusal::Draining));
        self.grant = None;
        Some(granted.map(|granted| {
            self.synthesis = Some(granted.synthesis);
            (granted.sample_rate, granted.waited)
        }))
    }

    /// The next event of the segment's synthesis; `None` before its turn and after its end. Safe to cancel.
    pub async fn next(&mut self) -> Option<SynthesisEvent> {
        self.synthesis.as_mut()?.next().await
    }
}
