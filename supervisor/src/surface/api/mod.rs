//! Our own surface, under `/api`.

pub(super) mod answer;
pub(super) mod fields;
mod status;
pub(super) mod synthesize;
mod types;
mod voices;

pub(super) use status::{restart, status};
pub(super) use synthesize::synthesize;
pub(super) use voices::voices;
