//! What `ElevenLabs`' clients call, so that they need nothing but another address: text to speech as a file, as a
//! stream, and over a WebSocket on which the text arrives as it is written. Fields and queries that mean nothing here
//! are ignored, as they are by every surface that is not our own.

pub(super) mod described;
mod error;
mod format;
mod message;
mod query;
mod request;
mod socket;
pub(super) mod speak;
pub(super) mod voices;

pub(super) use socket::stream_input;
pub(super) use speak::{stream, stream_with_timestamps, whole, whole_with_timestamps};
pub(super) use voices::{voice, voices, voices_by_page};
