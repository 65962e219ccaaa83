//! What a stream asks the scheduler for.

use std::time::{Duration, Instant};

use ishowtts_workers::SynthesisRequest;

use super::plan::Delivery;
use crate::speech::{ClientId, Priority};

/// A stream that wants to be let in.
#[derive(Debug)]
pub struct Booking {
    /// Who asks.
    pub client: ClientId,
    /// Whether somebody listens.
    pub class: Priority,
    /// How the audio is wanted.
    pub delivery: Delivery,
    /// When it was asked for.
    pub accepted: Instant,
    /// When it is no longer wanted, from then.
    pub deadline: Option<Duration>,
    /// What is to be spoken, in order.
    pub segments: Vec<Segment>,
    /// More text may come; this is what a segment of it is expected to be like.
    pub open: Option<Segment>,
    /// All of its audio is kept, and not only until it is read.
    pub is_kept: bool,
}

/// One segment for one engine.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The engine's name.
    pub engine: String,
    /// What its worker is asked.
    pub request: SynthesisRequest,
    /// How long it takes to speak, as the text tells it, at the speed that is asked for.
    pub spoken_ms: f64,
}
