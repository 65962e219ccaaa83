//! A script whose stretches are given to engines becomes parts: dictionary, words, rates and silences.

use std::{collections::BTreeSet, ops::Range};

use super::dictionary::Dictionary;
use crate::{
    config::{Route, takes_phonemes},
    speech::{
        Cleaner, Line, Markup, Part, Reading, Script, Sound, in_words, is_speakable, read_as, unit_behind,
    },
};

/// How a text is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Whether it has markup.
    pub markup: Markup,
    /// Whether numbers, dates and units reach the engine as words; unset: as its configuration says.
    pub normalise: Option<bool>,
}

impl Manner {
    /// Text that is still being written: a part of it is no markup, whatever it looks like.
    pub fn plain() -> Self {
        Self { markup: Markup::None, ..Self::default() }
    }
}

/// A script without what cannot be spoken: one text, and what holds where.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub(super) text: String,
    pieces: Vec<Piece>,
    pub(super) skipped: usize,
}

#[derive(Debug)]
enum Piece {
    Text { range: Range<usize>, rate: f64, reading: Reading },
    Break(u32),
}

impl Sheet {
    pub(super) fn of(script: &Script) -> Self {
        let (mut sheet, mut cleaner) = (Self::default(), Cleaner::default());
        for line in &script.0 {
            let piece = match line {
                Line::Break(pause_ms) => Piece::Break(*pause_ms),
                Line::Text { text, rate, reading } => {
                    let start = sheet.text.len();
                    sheet.text.push_str(&cleaner.push(text));
                    Piece::Text { range: start..sheet.text.len(), rate: *rate, reading: *reading }
                }
            };
            sheet.pieces.push(piece);
        }
        sheet.skipped = cleaner.skipped;
        sheet
    }
}

/// A stretch of the text, and who speaks it in which language.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    pub(super) range: Range<usize>,
    pub(super) route: Route,
    pub(super) language: String,
}

/// What decides how a text reaches an engine.
pub(super) struct Wording<'b> {
    pub(super) dictionary: &'b Dictionary,
    /// Engines that get words for numbers.
    pub(super) normalised: &'b BTreeSet<String>,
    pub(super) manner: Manner,
}

impl Wording<'_> {
    fn normalises(&self, engine: &str) -> bool {
        self.manner.normalise.unwrap_or_else(|| self.normalised.contains(engine))
    }

    /// Every stretch of the text with its engine → what the engines are to speak. Stretches cover the text, in order.
    pub(super) fn parts(&self, sheet: &Sheet, stretches: Vec<Stretch>) -> Vec<Part> {
        let stretches = self.joined(&sheet.text, stretches);
        let mut parts = Parts::default();
        for piece in &sheet.pieces {
            let (range, rate, reading) = match piece {
                Piece::Break(pause_ms) => {
                    parts.rest(*pause_ms);
                    continue;
                }
                Piece::Text { range, rate, reading } => (range, *rate, *reading),
            };
            for stretch in &stretches {
                let within = range.start.max(stretch.range.start)..range.end.min(stretch.range.end);
                let Some(text) = sheet.text.get(within).filter(|text| !text.is_empty()) else { continue };
                let (text, sounds) = self.said(text, reading, stretch);
                let (route, language) = (stretch.route.clone(), Some(stretch.language.clone()));
                parts.push(Part { sounds, rate, ..Part::new(route, language, text) });
            }
        }
        parts.finish()
    }

    /// Neighbours with one engine are one stretch, and a unit goes with its number.
    fn joined(&self, text: &str, stretches: Vec<Stretch>) -> Vec<Stretch> {
        let mut joined: Vec<Stretch> = Vec::new();
        for mut stretch in stretches {
            if let Some(last) = joined.last_mut() {
                let of = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
                if last.route != stretch.route && self.normalises(&last.route.engine) {
                    let next = of(&stretch.range);
                    let unit = unit_behind(of(&last.range), next, &last.language);
                    // The marks behind it too: they end what it belongs to.
                    let behind = next.get(unit..).filter(|_| unit > 0).unwrap_or_default();
                    let marks = behind.find(char::is_alphanumeric).unwrap_or(behind.len());
                    last.range.end += unit + marks;
                    stretch.range.start += unit + marks;
                }
                if last.route == stretch.route || stretch.range.is_empty() {
                    last.range.end = last.range.end.max(stretch.range.end);
                    continue;
                }
            }
            joined.push(stretch);
        }
        joined
    }

    /// What an engine is told to say for a text.
    fn said(&self, text: &str, reading: Reading, stretch: &Stretch) -> (String, Vec<Sound>) {
        let (language, engine) = (stretch.language.as_str(), stretch.route.engine.as_str());
        if reading != Reading::Plain {
            return (read_as(text, reading, language), Vec::new());
        }
        let (mut said, mut sounds) = (String::with_capacity(text.len()), Vec::new());
        let mut end = 0;
        let plain = |range: Range<usize>, said: &mut String| {
            let text = text.get(range).unwrap_or_default();
            if self.normalises(engine) {
                said.push_str(&in_words(text, language));
            } else {
                said.push_str(text);
            }
        };
        for entry in self.dictionary.find(text, language) {
            plain(end..entry.range.start, &mut said);
            end = entry.range.end;
            let written = text.get(entry.range.clone()).unwrap_or_default();
            let start = said.len();
            said.push_str(entry.said.spelling.as_deref().unwrap_or(written));
            if let Some(ipa) = entry.said.ipa.as_ref().filter(|_| takes_phonemes(engine)) {
                sounds.push(Sound { range: start..said.len(), ipa: ipa.clone() });
            }
        }
        plain(end..text.len(), &mut said);
        (said, sounds)
    }
}

/// Parts as they come.
#[derive(Default)]
struct Parts {
    parts: Vec<Part>,
    /// The silence that all begins with.
    lead_ms: u32,
}

impl Parts {
    fn push(&mut self, part: Part) {
        match self.parts.last_mut() {
            Some(last)
                if last.route == part.route
                    && last.rate.to_bits() == part.rate.to_bits()
                    && last.rest_ms.is_none() =>
            {
                let before = last.text.len();
                last.text.push_str(&part.text);
                last.sounds.extend(part.sounds.into_iter().map(|sound| Sound {
                    range: sound.range.start + before..sound.range.end + before,
                    ..sound
                }));
            }
            _ => self.parts.push(part),
        }
    }

    fn rest(&mut self, pause_ms: u32) {
        // A mark alone, behind a silence, is nothing that one could rest behind.
        while self.parts.pop_if(|last| !is_speakable(&last.text)).is_some() {}
        match self.parts.last_mut() {
            Some(last) => last.rest_ms = Some(last.rest_ms.unwrap_or_default().saturating_add(pause_ms)),
            None => self.lead_ms = self.lead_ms.saturating_add(pause_ms),
        }
    }

    fn finish(mut self) -> Vec<Part> {
        self.parts.retain(|part| is_speakable(&part.text));
        if let Some(first) = self.parts.first_mut() {
            first.lead_ms = self.lead_ms;
        }
        self.parts
    }
}
