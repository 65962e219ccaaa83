//! Voices: the names that clients use, and who speaks which stretch of a text under them.

mod book;
mod dictionary;
mod parts;
#[cfg(test)]
mod tests;

pub use book::{Cast, CastError, Listing, VoiceBook};
pub use parts::Manner;
