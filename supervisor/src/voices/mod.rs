//! Voices: the names that clients use, and who speaks which stretch of a text under them.

mod book;
mod dictionary;
mod mixing;
mod parts;
mod recording;
mod shelf;
#[cfg(test)]
mod tests;

pub use book::{Cast, CastError, Listing, VoiceBook};
pub use parts::Manner;
pub use recording::{LONGEST_S, Recording, Unfit};
pub use shelf::{Engines, Heard, Meta, Shelf, ShelfError, Standing, Use, WrongField};
