//! Voices: the names that clients use, and who speaks which stretch of a text under them.

mod book;
mod cast;
mod dictionary;
mod mixing;
mod parts;
mod recording;
mod shelf;
#[cfg(test)]
mod tests;

pub use book::{Listing, VoiceBook};
pub use cast::{Cast, CastError};
pub use parts::Manner;
pub use recording::{LONGEST_S, Recording, Unfit};
pub use shelf::{Engines, Heard, Meta, Shelf, ShelfError, Standing, Use, WrongField};
