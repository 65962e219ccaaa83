//! What may be expected of a synthesis, by whoever asks for it, and what cannot be right.

use std::{fmt, time::Duration};

/// What may be expected of a synthesis. The default expects nothing in particular.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// Longest time without progress; never longer than the worker's [`stall`](crate::Patience::stall).
    pub silence: Option<Duration>,
    /// Shortest and longest audio that the text can take.
    pub audio: Option<(Duration, Duration)>,
    /// The text has something to hear in it.
    pub sounds: bool,
}

/// What is wrong with audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing is to be heard, though the text has sound.
    Silent,
    /// Nearly all of it is as loud as can be.
    Clipped,
    /// Shorter than the text can be.
    TooShort(Duration),
    /// Longer than the text can be.
    TooLong(Duration),
    /// The engine says so itself: its samples are no numbers.
    Told(String),
}

impl Flaw {
    /// Whether the estimate of the text may be what is wrong: then another try gives as much again.
    pub fn is_about_length(&self) -> bool {
        matches!(self, Self::TooShort(_) | Self::TooLong(_))
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => f.write_str("nothing is to be heard in it"),
            Self::Clipped => f.write_str("all of it is as loud as can be"),
            Self::TooShort(length) => {
                write!(f, "{} ms are too short for the text", length.as_millis())
            }
            Self::TooLong(length) => {
                write!(f, "{} ms are more than the text can take", length.as_millis())
            }
            Self::Told(why) => f.write_str(why),
        }
    }
}
