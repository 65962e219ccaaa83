//! Which engine speaks for a name: a voice has routes, and a writing chooses among them.

use std::collections::BTreeMap;

use ishowtts_workers::protocol::Ready;

use super::{Facts, VoiceBook};
use crate::{
    config::{Route, is_mixture},
    speech::Writing,
    voices::CastError,
};

/// A voice with its routes, wherever it comes from.
#[derive(Debug)]
pub(in crate::voices) struct Resolved {
    pub(in crate::voices) name: String,
    pub(in crate::voices) routes: BTreeMap<String, Route>,
}

/// What an engine of which nothing is known yet may speak, beside the languages that it is a default for.
const GUESSED: [&str; 3] = ["en", "ja", "zh"];

impl VoiceBook {
    /// The voice's name, language and route for a writing.
    pub(super) fn route(
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

    /// The routes of a voice, wherever it comes from.
    pub(in crate::voices) fn resolve(&self, name: &str, facts: Facts<'_>) -> Result<Resolved, CastError> {
        let unknown = || CastError::unknown_voice(name);
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
}

/// What one of an engine's voices speaks: none if it is unknown.
fn languages_of(speaker: &str, ready: &Ready) -> Vec<String> {
    let known = ready.voices.iter().filter(|voice| voice.id == speaker);
    known.map(|voice| voice.language.clone()).collect()
}
