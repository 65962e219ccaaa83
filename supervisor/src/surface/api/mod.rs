//! Our own surface, under `/api`.

pub(super) mod answer;
pub(super) mod fields;
pub(super) mod status;
pub(super) mod synthesize;
pub(super) mod types;
pub(super) mod voices;

pub(super) use status::{restart, status};
pub(super) use synthesize::synthesize;
pub(super) use voices::voices;
