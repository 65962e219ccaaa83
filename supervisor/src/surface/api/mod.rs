//! Our own surface, under `/api`.

mod answer;
mod fields;
mod status;
mod synthesize;
mod types;
mod voices;

pub(super) use status::{restart, status};
pub(super) use synthesize::synthesize;
pub(super) use voices::voices;
