//! Every voice that there is, as clients are told.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Facts, VoiceBook};

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

impl VoiceBook {
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
