//! An utterance: what a client asks to be spoken, checked and cast.

use std::{ops::Range, time::Duration};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Budget, ClientId, Format, Pause, cut};
use crate::config::Route;

/// Who comes first when workers are scarce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// Somebody is listening.
    Interactive,
    /// Nobody is.
    Batch,
}

impl Priority {
    /// Every class.
    pub const ALL: [Self; 2] = [Self::Interactive, Self::Batch];

    /// As in requests and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Batch => "batch",
        }
    }
}

/// A stretch of the text and who is to speak it.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Engine and speaker.
    pub route: Route,
    /// Language of the text, where it is known.
    pub language: Option<String>,
    /// One segment's text.
    pub text: String,
    /// Its words whose sounds are given, in order.
    pub sounds: Vec<Sound>,
    /// How much faster than the rest of the utterance it is spoken.
    pub rate: f64,
    /// The silence that it begins with, in milliseconds.
    pub lead_ms: u32,
    /// The silence that was asked for behind it, in milliseconds, whatever its marks ask for.
    pub rest_ms: Option<u32>,
}

/// How a stretch of a text is said, for an engine that takes phonemes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// The stretch, in bytes.
    pub range: Range<usize>,
    /// Its sounds, in the International Phonetic Alphabet.
    pub ipa: String,
}

impl Part {
    /// A text that is spoken as it is.
    pub fn new(route: Route, language: Option<String>, text: String) -> Self {
        Self { route, language, text, sounds: Vec::new(), rate: 1.0, lead_ms: 0, rest_ms: None }
    }

    /// How long the voice rests behind it.
    pub fn pause(&self) -> Pause {
        self.rest_ms.map_or_else(|| Pause::after(&self.text).at_speed(self.rate), Pause::exactly)
    }

    /// How fast it is spoken in an utterance of this speed: no engine is asked for more than it knows.
    pub fn speed(&self, speed: f64) -> f64 {
        (speed * self.rate).clamp(0.25, 4.0)
    }

    /// Its pieces as segments. What stands between it and its neighbours stays with the first and the last of them.
    fn pieces(&self, budget: Budget) -> Vec<Self> {
        let mut end = 0;
        let pieces = cut(&self.text, budget).into_iter().map(|text| {
            let start = end;
            end += text.len();
            // A word that is cut apart is read as it is written.
            let within =
                self.sounds.iter().filter(|sound| start <= sound.range.start && sound.range.end <= end);
            let moved = |sound: &Sound| Sound {
                range: sound.range.start - start..sound.range.end - start,
                ipa: sound.ipa.clone(),
            };
            let sounds = within.map(moved).collect();
            Self { text: text.to_owned(), sounds, lead_ms: 0, rest_ms: None, ..self.clone() }
        });
        let mut pieces: Vec<Self> = pieces.filter(|piece| super::is_speakable(&piece.text)).collect();
        if let Some(first) = pieces.first_mut() {
            first.lead_ms = self.lead_ms;
        }
        if let Some(last) = pieces.last_mut() {
            last.rest_ms = self.rest_ms;
        }
        pieces
    }
}

/// Parts, cut so that none is longer than a segment of its engine may be. `begins`: nothing stands before them, so that
/// the first segment is short.
pub fn cut_parts(parts: &[Part], budget: impl Fn(&str) -> Budget, begins: bool) -> Vec<Part> {
    let mut segments: Vec<Part> = Vec::new();
    for part in parts {
        let budget = budget(&part.route.engine);
        let first_ms = if begins && segments.is_empty() { budget.first_ms } else { budget.most_ms };
        segments.extend(part.pieces(Budget { first_ms, ..budget }));
    }
    segments
}

/// A checked request: everything that is needed to speak it.
#[derive(Clone, Debug)]
pub struct Utterance {
    /// The voice's name.
    pub voice: String,
    /// In order.
    pub parts: Vec<Part>,
    /// Speaking rate.
    pub speed: f64,
    /// Seed of whatever is drawn at random.
    pub seed: u64,
    /// The engines' own options.
    pub options: Map<String, Value>,
    /// How the client wants it.
    pub format: Format,
    /// Samples per second, or the engine's own.
    pub sample_rate: Option<u32>,
    /// Who comes first.
    pub priority: Priority,
    /// When it is no longer wanted, from now.
    pub deadline: Option<Duration>,
    /// Characters that were left out of the text before anybody saw it.
    pub skipped: usize,
    /// Who asks.
    pub client: ClientId,
    /// It is to be made anew, whatever is there.
    pub is_fresh: bool,
}

/// How a text is to be spoken, apart from what it says and who says it.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Speaking rate, 0.25 to 4.
    pub speed: f64,
    /// Seed of whatever is drawn at random; without, it follows from the request, so that the same request sounds the same
    /// again.
    pub seed: Option<u64>,
    /// The engines' own options.
    pub options: Map<String, Value>,
    /// How the client wants it.
    pub format: Format,
    /// Samples per second, or the engine's own.
    pub sample_rate: Option<u32>,
    /// Who comes first.
    pub priority: Priority,
    /// When it is no longer wanted, from now.
    pub deadline: Option<Duration>,
    /// Who asks.
    pub client: ClientId,
    /// It is to be made anew, whatever is there.
    pub is_fresh: bool,
}

impl Terms {
    /// The usual ones: at its own pace, for somebody who listens.
    pub fn usual(client: ClientId, format: Format) -> Self {
        Self {
            speed: 1.0,
            seed: None,
            options: Map::new(),
            format,
            sample_rate: None,
            priority: Priority::Interactive,
            deadline: None,
            client,
            is_fresh: false,
        }
    }
}

/// Options in the order of their names, at every depth: written in another order they ask for the same.
pub fn in_order(mut options: Map<String, Value>) -> Map<String, Value> {
    options.sort_keys();
    options.values_mut().for_each(Value::sort_all_objects);
    options
}

/// Of a request's options, those meant for one of `engines`: those at the top, and those under the engine's own name.
pub fn options_for(options: &Map<String, Value>, engine: &str, engines: &[String]) -> Map<String, Value> {
    let shared = options.iter().filter(|(key, value)| !(value.is_object() && engines.contains(key)));
    let mut all: Map<_, _> = shared.map(|(key, value)| (key.clone(), value.clone())).collect();
    if let Some(Value::Object(own)) = options.get(engine) {
        all.extend(own.clone());
    }
    all
}

impl Utterance {
    /// Its parts, cut so that none is longer than a segment of its engine may be. Only the first of all is short.
    pub fn cut(&self, budget: impl Fn(&str) -> Budget) -> Vec<Part> {
        cut_parts(&self.parts, budget, true)
    }

    /// The seed of a request that names none: the same for the same request, so that it sounds the same again.
    pub fn seed_of(voice: &str, text: &str, speed: f64, options: &Map<String, Value>) -> u64 {
        let mut hash = Sha256::new();
        for field in [voice, text, &speed.to_string(), &Value::Object(in_order(options.clone())).to_string()]
        {
            hash.update(field.len().to_le_bytes());
            hash.update(field);
        }
        hash.finalize().iter().take(8).fold(0, |seed, &byte| seed << 8 | u64::from(byte))
    }

    /// The options meant for one engine: those at the top, and those under the engine's own name.
    pub fn options_for(&self, engine: &str, engines: &[String]) -> Map<String, Value> {
        options_for(&self.options, engine, engines)
    }

    /// Engines in the order of their first part.
    pub fn engines(&self) -> Vec<&str> {
        let mut engines: Vec<&str> = Vec::new();
        for part in &self.parts {
            if !engines.contains(&part.route.engine.as_str()) {
                engines.push(&part.route.engine);
            }
        }
        engines
    }

    /// The engine that speaks most of it: what metrics and logs file it under.
    pub fn main_engine(&self) -> &str {
        let characters = |engine: &str| {
            let own = self.parts.iter().filter(|part| part.route.engine == engine);
            own.map(|part| part.text.chars().count()).sum::<usize>()
        };
        // Of two with as much, the first.
        self.engines().into_iter().rev().max_by_key(|engine| characters(engine)).unwrap_or_default()
    }
}
