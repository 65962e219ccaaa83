//! The book of voices: a text and a voice's name in, its parts with an engine for each out.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ishowtts_workers::protocol::Ready;
use serde::Serialize;

use super::{
    Shelf,
    dictionary::Dictionary,
    parts::{Manner, Sheet, Stretch, Wording},
};
use crate::{
    config::{Config, Route, Voice, is_mixture},
    speech::{Part, Script, SsmlError, Terms, Utterance, Writing, in_words, is_speakable, runs},
};

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

/// A voice as it is listed to clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// What requests call it.
    pub id: String,
    /// For people.
    pub name: String,
    /// Languages that it speaks.
    pub languages: Vec<String>,
    /// Engine for each language.
    pub engines: BTreeMap<String, String>,
    /// `configured`, `cloned`, or `engine` for one that an engine brings.
    pub kind: &'static str,
}

/// A voice with its routes, wherever it comes from.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) name: String,
    pub(super) routes: BTreeMap<String, Route>,
}

/// What an engine of which nothing is known yet may speak, beside the languages that it is a default for.
const GUESSED: [&str; 3] = ["en", "ja", "zh"];

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

    /// The voice's name, language and route for a writing.
    fn route(
        &self,
        voice: Option<&Resolved>,
        writing: Option<Writing>,
        facts: Facts<'_>,
    ) -> Result<(String, String, Route), CastError> {
        let speaks = |voice: &Resolved| {
            let found = voice
                .routes
                .iter()
                .find(|(tag, _)| writing.is_none_or(|writing| Writing::of_language(tag) == writing));
            found.map(|(language, route)| (voice.name.clone(), language.clone(), route.clone()))
        };
        if let Some(found) = voice.and_then(speaks) {
            return Ok(found);
        }
        for (language, name) in &self.defaults {
            if writing.is_none_or(|writing| Writing::of_language(language) == writing)
                && let Some(route) = self.resolve(name, facts)?.routes.remove(language)
            {
                return Ok((name.clone(), language.clone(), route));
            }
        }
        // Nobody reads this writing: the voice itself gets it, and tells how much of it it had to leave out.
        let first = |voice: &Resolved| {
            let (language, route) = voice.routes.first_key_value()?;
            Some((voice.name.clone(), language.clone(), route.clone()))
        };
        if let Some(found) = voice.and_then(first) {
            return Ok(found);
        }
        let name = self.defaults.values().next().ok_or(CastError::NoDefault)?;
        first(&self.resolve(name, facts)?).ok_or(CastError::NoDefault)
    }

    /// What a voice speaks, as far as it is known.
    pub fn languages(&self, voice: &str, facts: Facts<'_>) -> Result<Vec<String>, CastError> {
        Ok(self.resolve(voice, facts)?.routes.into_keys().collect())
    }

    pub(super) fn resolve(&self, name: &str, facts: Facts<'_>) -> Result<Resolved, CastError> {
        let unknown = || CastError::UnknownVoice(name.chars().take(80).collect());
        if let Some(voice) = self.voices.get(name) {
            return Ok(Resolved { name: name.to_owned(), routes: voice.routes.clone() });
        }
        if let Some(voice) = self.shelf.as_ref().and_then(|shelf| shelf.voice(name)) {
            return Ok(Resolved { name: name.to_owned(), routes: voice.routes });
        }
        if is_mixture(name) {
            return self.mix(name, facts);
        }
        let route = Route::parse(name);
        if !self.engines.contains(&route.engine) {
            return Err(unknown());
        }
        let Some(ready) = facts(&route.engine) else {
            // Not yet known what it speaks: then it is asked, and says so itself if it does not know the voice.
            let languages = GUESSED.into_iter().chain(self.defaults.keys().map(String::as_str));
            let routes = languages.map(|language| (language.to_owned(), route.clone())).collect();
            return Ok(Resolved { name: name.to_owned(), routes });
        };
        let languages = match &route.speaker {
            None => ready.languages.clone(),
            Some(speaker) => languages_of(speaker, &ready),
        };
        let routes: BTreeMap<_, _> =
            languages.into_iter().map(|language| (language, route.clone())).collect();
        if routes.is_empty() { Err(unknown()) } else { Ok(Resolved { name: name.to_owned(), routes }) }
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

    /// Every voice: those of the configuration, then those that were sent to us, then the engines' own, as far as they
    /// are known.
    pub fn list(&self, facts: Facts<'_>) -> Vec<Listing> {
        let configured = self.voices.iter().map(|(id, voice)| Listing {
            id: id.clone(),
            name: id.clone(),
            languages: voice.routes.keys().cloned().collect(),
            engines: voice.routes.iter().map(|(tag, route)| (tag.clone(), route.engine.clone())).collect(),
            kind: if voice.clone.is_some() { "cloned" } else { "configured" },
        });
        let sent: Vec<Listing> = self
            .shelf
            .iter()
            .flat_map(|shelf| shelf.list())
            .filter(|meta| !self.is_configured(&meta.id))
            .map(|meta| Listing {
                id: meta.id.clone(),
                name: meta.name.clone(),
                languages: vec![meta.language.clone()],
                engines: [(meta.language.clone(), meta.engine.clone())].into(),
                kind: "cloned",
            })
            .collect();
        // An engine tells of its imitations too, which stand there under their own names.
        let imitates = |engine: &str, id: &str| {
            self.voices.get(id).is_some_and(|voice| voice.clone.is_some())
                || sent.iter().any(|sent| sent.id == id && sent.engines.values().any(|known| known == engine))
        };
        let own = self.engines.iter().filter_map(|engine| Some((engine, facts(engine)?)));
        let own = own.flat_map(|(engine, ready)| {
            let mut listed: BTreeMap<String, Listing> = BTreeMap::new();
            for voice in ready.voices.iter().filter(|voice| !imitates(engine, &voice.id)) {
                let id = format!("{engine}:{}", voice.id);
                let listing = listed.entry(id.clone()).or_insert_with(|| Listing {
                    id,
                    name: voice.name.clone(),
                    languages: Vec::new(),
                    engines: BTreeMap::new(),
                    kind: "engine",
                });
                listing.languages.push(voice.language.clone());
                listing.engines.insert(voice.language.clone(), engine.clone());
            }
            listed.into_values().collect::<Vec<_>>()
        });
        let own: Vec<Listing> = own.collect();
        configured.chain(sent).chain(own).collect()
    }
}

/// What one of an engine's voices speaks: none if it is unknown.
fn languages_of(speaker: &str, ready: &Ready) -> Vec<String> {
    let known = ready.voices.iter().filter(|voice| voice.id == speaker);
    known.map(|voice| voice.language.clone()).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use ishowtts_workers::protocol::{EngineVoice, Memory, WarmUp};

    use super::*;

    /// A book with these engines, and voices with routes as the configuration has them.
    pub(in crate::voices) fn book_of(engines: &[&str], voices: &[(&str, &[(&str, &str)])]) -> VoiceBook {
        let voice = |routes: &[(&str, &str)]| Voice {
            routes: routes.iter().map(|(tag, route)| ((*tag).to_owned(), Route::parse(route))).collect(),
            clone: None,
        };
        VoiceBook {
            voices: voices.iter().map(|(name, routes)| ((*name).to_owned(), voice(routes))).collect(),
            engines: engines.iter().map(|name| (*name).to_owned()).collect(),
            ..VoiceBook::empty()
        }
    }

    fn book() -> VoiceBook {
        let voices: [(&str, &[(&str, &str)]); 2] =
            [("walter", &[("en", "piper"), ("zh", "fastspeech2")]), ("hans", &[("de", "f5")])];
        VoiceBook {
            defaults: BTreeMap::from([("en".into(), "walter".into()), ("zh".into(), "walter".into())]),
            ..book_of(&["piper", "fastspeech2", "f5"], &voices)
        }
    }

    /// What an engine with these voices says of itself.
    pub(in crate::voices) fn ready(voices: &[(&str, &str)]) -> Ready {
        let voice = |(id, language): &(&str, &str)| EngineVoice {
            id: (*id).to_owned(),
            language: (*language).to_owned(),
            name: (*id).to_owned(),
        };
        Ready {
            sample_rate: 24_000,
            voices: voices.iter().map(voice).collect(),
            languages: voices.iter().map(|(_, language)| (*language).to_owned()).collect(),
            max_batch: 1,
            repeatable: true,
            device: "cpu".into(),
            tier: "none".into(),
            warmup: WarmUp { characters: 5, elapsed_ms: 1.0, audio_ms: 400.0 },
            memory: Memory { rss_bytes: 1, device_bytes: 0 },
        }
    }

    fn cast(voice: Option<&str>, text: &str) -> Vec<(String, String, String)> {
        let cast = book().cast(voice, text, &|_| None).unwrap();
        let part = |part: Part| (part.route.engine, part.language.unwrap(), part.text);
        cast.parts.into_iter().map(part).collect()
    }

    fn spoken(engine: &str, language: &str, text: &str) -> (String, String, String) {
        (engine.into(), language.into(), text.into())
    }

    #[test]
    fn each_writing_goes_to_the_engine_that_reads_it() {
        let mixed = [
            spoken("fastspeech2", "zh", "我用"),
            spoken("piper", "en", "iPhone"),
            spoken("fastspeech2", "zh", "拍照。"),
        ];
        for voice in [None, Some("auto"), Some("walter")] {
            assert_eq!(cast(voice, "我用iPhone拍照。"), mixed);
        }
    }

    #[test]
    fn a_voice_of_one_language_hands_the_other_script_to_that_languages_default() {
        assert_eq!(
            cast(Some("hans"), "Guten Tag, 你好!"),
            [spoken("f5", "de", "Guten Tag, "), spoken("fastspeech2", "zh", "你好!")]
        );
    }

    #[test]
    fn a_writing_that_nobody_reads_stays_with_the_voice() {
        assert_eq!(cast(Some("hans"), "привет 42"), [spoken("f5", "de", "привет 42")]);
        assert_eq!(
            cast(None, "你好の世界"),
            [
                spoken("fastspeech2", "zh", "你好"),
                spoken("piper", "en", "の"),
                spoken("fastspeech2", "zh", "世界")
            ]
        );
        assert_eq!(cast(None, "123"), [spoken("piper", "en", "123")]);
    }

    #[test]
    fn an_engine_of_which_nothing_is_known_is_asked() {
        let mut book = book();
        book.engines.push("kokoro".into());
        book.defaults.insert("ja".into(), "kokoro".into());
        for voice in [None, Some("kokoro")] {
            let cast = book.cast(voice, "今日はとても良い天気ですね。", &|_| None).unwrap();
            let parts: Vec<_> = cast
                .parts
                .iter()
                .map(|part| (part.route.engine.as_str(), part.language.as_deref()))
                .collect();
            assert_eq!(parts, [("kokoro", Some("ja"))], "{voice:?}");
        }
    }

    #[test]
    fn what_cannot_be_cast_is_told() {
        let told = |voice, text| book().cast(voice, text, &|_| None).unwrap_err();
        assert_eq!(told(Some("nobody"), "hi"), CastError::UnknownVoice("nobody".into()));
        assert_eq!(told(Some("nobody:x"), "hi"), CastError::UnknownVoice("nobody:x".into()));
        assert_eq!(told(None, "…!? 🎉"), CastError::NothingToSpeak);
    }
}
