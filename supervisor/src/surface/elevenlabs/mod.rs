//! What `ElevenLabs`' clients call, so that they need nothing but another address: text to speech as a file, as a
//! stream, and over a WebSocket on which the text arrives as it is written. Fields and queries that mean nothing here
//! are ignored, as they are by every surface that is not our own.

mod error;
mod format;
mod message;
mod query;
mod request;
mod socket;
mod speak;
mod voices;

pub(super) use socket::stream_input;
pub(super) use speak::{stream, whole};
pub(super) use voices::{voice, voices, voices_by_page};
