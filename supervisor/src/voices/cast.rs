//! What comes of casting a text: who speaks which stretch of it, or why nobody does.

use crate::speech::{Part, SsmlError, Terms, Utterance, in_order};

/// A text with its roles given out.
#[derive(Clone, Debug, PartialEq)]
pub struct Cast {
    /// The voice that was asked for, or the one that `auto` came to.
    pub voice: String,
    /// In order.
    pub parts: Vec<Part>,
    /// Characters without a sound that were left out.
    pub skipped: usize,
}

impl Cast {
    /// What is to be spoken: the text that this is the cast of, on these terms.
    pub fn utterance(self, text: &str, terms: Terms) -> Utterance {
        let Terms { speed, seed, options, format, sample_rate, priority, deadline, client, is_fresh } = terms;
        let options = in_order(options);
        Utterance {
            seed: seed.unwrap_or_else(|| Utterance::seed_of(&self.voice, text, speed, &options)),
            voice: self.voice,
            parts: self.parts,
            speed,
            options,
            format,
            sample_rate,
            priority,
            deadline,
            skipped: self.skipped,
            client,
            is_fresh,
        }
    }
}

/// Why a text has no cast.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CastError {
    /// No such voice.
    #[error("there is no voice {0:?}; GET /api/voices lists them")]
    UnknownVoice(String),
    /// Voices that cannot be mixed, or not in this way.
    #[error("{0}")]
    Mixture(String),
    /// It has markup that is malformed, or asks for what nobody can do.
    #[error(transparent)]
    Ssml(#[from] SsmlError),
    /// Only white space, punctuation, emoji or the like.
    #[error("the text has nothing to speak: no letter and no digit")]
    NothingToSpeak,
    /// No voice is named, and the configuration names none for any language.
    #[error("no voice was named, and [defaults] voices in the configuration names none")]
    NoDefault,
}

impl CastError {
    /// There is no voice of this name, of which no more than its beginning is told back.
    pub fn unknown_voice(name: &str) -> Self {
        Self::UnknownVoice(name.chars().take(80).collect())
    }
}
