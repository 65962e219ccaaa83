//! Our own surface, under `/api`.

pub(super) mod fields;
pub(super) mod preview;
pub(super) mod recent;
pub(super) mod status;
pub(super) mod synthesize;
pub(super) mod types;
pub(super) mod upload;
pub(super) mod voices;

pub use preview::Previews;
pub(super) use preview::preview;
pub(super) use status::{restart, status};
pub(super) use synthesize::synthesize;
pub use upload::Uploads;
pub(super) use upload::add_voice;
pub(super) use voices::{remove_voice, voice, voices};
