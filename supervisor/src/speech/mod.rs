//! What is to be said, cut into segments, and their audio joined again. No HTTP here, and no worker.
//!
//! text → [`Script`] of what is said and where it rests → [`clean()`] → [`runs`] of one writing each → (voices choose an
//! engine for each) → [`in_words`] → [`cut`] into segments → … workers … → [`Resampler`] → [`Join`] → [`Encoder`] → bytes for a client.
//! A [`ClientId`] tells one client from another.

mod clean;
mod client;
mod encode;
mod join;
mod player;
mod resample;
mod segment;
mod ssml;
mod utterance;
mod words;
mod writing;

pub use clean::{Cleaned, Cleaner, clean, is_speakable};
pub use client::ClientId;
pub use encode::{ChapterTag, EncodeError, Encoder, Format, Framed, Tags};
pub use join::{Join, Pause};
pub use player::{Player, play_time};
pub use resample::Resampler;
pub use segment::{Budget, complete, cut, estimated_ms};
pub use ssml::{Breaks, Line, Markup, Script, SsmlError, complete_with_breaks, half_break, is_ssml};
pub use utterance::{Part, Priority, Sound, Terms, Utterance, cut_parts, in_order, options_for};
pub use words::{DateOrder, Reading, in_words, read_as, unit_behind};
pub use writing::{Run, Writing, runs};
