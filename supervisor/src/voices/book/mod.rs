//! The book of voices: a text and a voice's name in, its parts with an engine for each out.

mod listing;
mod route;
#[cfg(test)]
pub(super) mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ishowtts_workers::protocol::Ready;

use super::{
    Cast, CastError, Shelf,
    dictionary::Dictionary,
    parts::{Manner, Sheet, Stretch, Wording},
};
use crate::{
    config::{Config, Voice},
    speech::{Script, Writing, in_words, is_speakable, runs},
};

pub use listing::Listing;
pub(super) use route::Resolved;

/// All voices of the configuration, those that were sent to us, and the engines' own.
#[derive(Debug)]
pub struct VoiceBook {
    voices: BTreeMap<String, Voice>,
    /// The voice for each language when none is named.
    defaults: BTreeMap<String, String>,
    engines: Vec<String>,
    /// How words are said.
    dictionary: Dictionary,
    /// Engines that get words for numbers, dates and units.
    normalised: BTreeSet<String>,
    /// Voices that were sent to us, which come and go.
    shelf: Option<Arc<Shelf>>,
}

/// What is known of an engine by now: nothing before one of its workers was ready.
pub(super) type Facts<'f> = &'f dyn Fn(&str) -> Option<Arc<Ready>>;

#[cfg(test)]
impl VoiceBook {
    /// No voice at all.
    pub(crate) fn empty() -> Self {
        Self {
            voices: BTreeMap::new(),
            defaults: BTreeMap::new(),
            engines: Vec::new(),
            dictionary: Dictionary::default(),
            normalised: BTreeSet::new(),
            shelf: None,
        }
    }
}

impl VoiceBook {
    /// The voices of a configuration.
    pub fn new(config: &Config) -> Self {
        if config.enabled_engines().any(|(_, engine)| engine.normalise) {
            // The rules are made when they are asked for first: now, while nobody waits.
            for language in ["en", "zh"] {
                let _words = in_words("1.", language);
            }
        }
        Self {
            voices: config.voices.clone(),
            defaults: config.default_voices.clone(),
            engines: config.engines.keys().cloned().collect(),
            dictionary: Dictionary::new(&config.pronunciation),
            normalised: config
                .engines
                .iter()
                .filter(|(_, engine)| engine.normalise)
                .map(|(name, _)| name.clone())
                .collect(),
            shelf: None,
        }
    }

    /// With the voices that were sent to us, as they come and go. One of the configuration wins over one of the same name.
    #[must_use]
    pub fn with(mut self, sent: &Arc<Shelf>) -> Self {
        self.shelf = Some(Arc::clone(sent));
        self
    }

    /// Whether the configuration names this voice.
    pub fn is_configured(&self, name: &str) -> bool {
        self.voices.contains_key(name)
    }

    /// Gives each stretch of a text to the engine that speaks its language under this voice, or else under the
    /// default voice of that language. A text that begins with `<speak` is SSML.
    pub fn cast(&self, voice: Option<&str>, text: &str, facts: Facts<'_>) -> Result<Cast, CastError> {
        self.cast_as(voice, text, Manner::default(), facts)
    }

    /// The same for a text that is to be read in this manner.
    pub fn cast_as(
        &self,
        voice: Option<&str>,
        text: &str,
        manner: Manner,
        facts: Facts<'_>,
    ) -> Result<Cast, CastError> {
        let voice = voice.filter(|name| *name != "auto");
        let resolved = voice.map(|name| self.resolve(name, facts)).transpose()?;
        let sheet = Sheet::of(&Script::read(text, manner.markup)?);
        if !is_speakable(&sheet.text) {
            return Err(CastError::NothingToSpeak);
        }
        let mut stretches = Vec::new();
        let mut spoken_by = resolved.as_ref().map(|voice| voice.name.clone());
        let languages = resolved.iter().flat_map(|voice| voice.routes.keys()).chain(self.defaults.keys());
        let reads_japanese = languages.into_iter().any(|tag| Writing::of_language(tag) == Writing::Japanese);
        let mut end = 0;
        for run in runs(&sheet.text, reads_japanese) {
            let (name, language, route) = self.route(resolved.as_ref(), run.writing, facts)?;
            spoken_by.get_or_insert(name);
            let start = end;
            end += run.text.len();
            stretches.push(Stretch { range: start..end, route, language });
        }
        let wording = Wording { dictionary: &self.dictionary, normalised: &self.normalised, manner };
        let parts = wording.parts(&sheet, stretches);
        Ok(Cast { voice: spoken_by.unwrap_or_default(), parts, skipped: sheet.skipped })
    }

    /// Whether a name is one that the configuration or somebody who sent a voice gave, or an engine's.
    pub(super) fn is_known(&self, name: &str) -> bool {
        self.is_configured(name)
            || self.shelf.as_ref().is_some_and(|shelf| shelf.voice(name).is_some())
            || self.engines.iter().any(|engine| engine == name)
    }

    /// Names of all engines.
    pub(super) fn engines(&self) -> &[String] {
        &self.engines
    }

    /// The voice for each language that is used when none is named.
    pub fn defaults(&self) -> &BTreeMap<String, String> {
        &self.defaults
    }
}
