//! Voices: the names that clients use, and who speaks which stretch of a text under them.

mod book;

pub use book::{Cast, CastError, Listing, VoiceBook};
