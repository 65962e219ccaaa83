//! A segment of a job as it was cut, and its audio.

use bytes::Bytes;
use ishowtts_workers::{Phonemes, SynthesisRequest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{schedule::Segment, speech::Pause};

/// One segment: everything that its worker is told and that the join has to know. It is written down before the first
/// segment is spoken, and so the job goes on the same way after a restart, whatever was configured or measured meanwhile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// Which chapter it belongs to, from 0.
    pub chapter: u32,
    /// Engine that speaks it.
    pub engine: String,
    /// What is spoken.
    pub text: String,
    /// Speaker of the engine.
    pub speaker: Option<String>,
    /// Language of the text, where it is known.
    pub language: Option<String>,
    /// Speaking rate.
    pub speed: f64,
    /// Seed of whatever is drawn at random.
    pub seed: u64,
    /// Options of its engine.
    pub options: Map<String, Value>,
    /// Words whose sounds are given.
    pub phonemes: Vec<Phonemes>,
    /// How long it takes to speak, as the text tells it, in milliseconds.
    pub spoken_ms: f64,
    /// How it is joined to the next one.
    pub joint: Joint,
}

/// How a segment is joined to its neighbours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joint {
    /// The silence before it that was asked for, if it is the first one, in milliseconds.
    pub lead_ms: u32,
    /// How long the voice rests behind it at least, in milliseconds.
    pub least_ms: u32,
    /// How long at most; the same if somebody asked for just so long.
    pub most_ms: u32,
}

impl Joint {
    /// The rest behind it.
    pub fn pause(self) -> Pause {
        Pause { least_ms: self.least_ms, most_ms: self.most_ms }
    }
}

impl Piece {
    /// As it is asked of the scheduler.
    pub fn segment(&self) -> Segment {
        let request = SynthesisRequest {
            text: self.text.clone(),
            voice: self.speaker.clone(),
            language: self.language.clone(),
            speed: self.speed,
            seed: self.seed,
            options: self.options.clone(),
            phonemes: self.phonemes.clone(),
        };
        Segment { engine: self.engine.clone(), request, spoken_ms: self.spoken_ms }
    }
}

/// A job, cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// In order; at least one.
    pub pieces: Vec<Piece>,
    /// Samples per second at which they are joined.
    pub rate: u32,
    /// Characters that were left out before anybody saw them.
    pub skipped: u64,
}

/// The audio of one segment, as its worker made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    /// Signed 16 bit little endian, mono. Empty, if the engine could read nothing of the segment.
    pub pcm: Bytes,
    /// Samples per second.
    pub rate: u32,
    /// Characters that the engine left out.
    pub skipped: u64,
}
