//! What clients of `OpenAI`'s speech API ask for, under `/v1`.
//!
//! [`names`] decides who speaks under `OpenAI`'s names, [`types`] reads a body, [`mod@speech`] speaks it, and [`sse`] tells
//! audio as events. Errors are ours, in the envelope that both have in common; [`error`] gives their fields the names
//! that they have here.

mod error;
pub(super) mod models;
mod names;
pub(super) mod speech;
pub(super) mod sse;
pub(super) mod types;
pub(super) mod voices;

pub(super) use models::{audio_models, model, models};
pub(super) use speech::speech;
pub(super) use voices::voices;
