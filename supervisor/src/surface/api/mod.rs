//! Our own surface, under `/api`.

mod answer;
mod fields;
mod preview;
mod status;
mod synthesize;
mod types;
mod upload;
mod voices;

pub use preview::Previews;
pub(super) use preview::preview;
pub(super) use status::{restart, status};
pub(super) use synthesize::synthesize;
pub use upload::Uploads;
pub(super) use upload::add_voice;
pub(super) use voices::{remove_voice, voice, voices};
