//! `one(2)+other`: a voice that is mixed of several, by an engine that can.
//!
//! Each of them is named as any voice is, or, of an engine that mixes, by its own name alone. What comes of it is one
//! speaker of that engine, so that nobody behind this knows that it is mixed but the engine.

use std::collections::BTreeMap;

use super::{
    CastError, VoiceBook,
    book::{Facts, Resolved},
};
use crate::config::{Route, Share, is_mixture, mixers, mixes, mixture, shares};

/// A voice that goes into a mixture.
struct Ingredient<'m> {
    name: &'m str,
    weight: f64,
    routes: BTreeMap<String, Route>,
}

impl VoiceBook {
    /// What a mixture speaks: what the first of its voices does.
    pub(super) fn mix(&self, name: &str, facts: Facts<'_>) -> Result<Resolved, CastError> {
        let shares = shares(name).map_err(CastError::Mixture)?;
        let prefix = shares.first().and_then(|first| first.name.split_once(':')).map(|(engine, _)| engine);
        let mut ingredients = Vec::new();
        for Share { name, weight } in &shares {
            let full = self.full_name(name, prefix, facts);
            let routes = self.resolve(&full, facts)?.routes;
            ingredients.push(Ingredient { name, weight: *weight, routes });
        }
        let Some((first, others)) = ingredients.split_first() else {
            return Err(CastError::unknown_voice(name));
        };
        let (mut routes, mut trouble) = (BTreeMap::new(), None);
        for (language, route) in &first.routes {
            match together(first, route, others, language) {
                Ok(mixed) => drop(routes.insert(language.clone(), mixed)),
                Err(message) => trouble = trouble.or(Some(message)),
            }
        }
        // Where it can be mixed for one of its languages, that is what was meant.
        match trouble {
            Some(message) if routes.is_empty() => Err(CastError::Mixture(message)),
            _ => Ok(Resolved { name: name.to_owned(), routes }),
        }
    }

    /// A bare name may be that of an engine's voice: of the engine named before, or of one that mixes and knows it, or
    /// that has not told yet what it knows.
    fn full_name(&self, name: &str, prefix: Option<&str>, facts: Facts<'_>) -> String {
        if name.contains(':') || self.is_known(name) {
            return name.to_owned();
        }
        let knows = |engine: &str| {
            facts(engine).is_none_or(|ready| ready.voices.iter().any(|voice| voice.id == name))
        };
        let mut mixing =
            self.engines().iter().map(String::as_str).filter(|engine| mixes(engine) && knows(engine));
        match prefix.or_else(|| mixing.next()) {
            Some(engine) => format!("{engine}:{name}"),
            None => name.to_owned(),
        }
    }
}

/// The first voice in a language, and the others with it, as one speaker.
fn together(
    first: &Ingredient<'_>,
    route: &Route,
    others: &[Ingredient<'_>],
    language: &str,
) -> Result<Route, String> {
    let engine = &route.engine;
    let mut found = vec![(first, route)];
    for other in others {
        let same = |route: &&Route| route.engine == *engine;
        let in_language = other.routes.get(language).filter(same);
        let Some(route) = in_language.or_else(|| other.routes.values().find(same)) else {
            let theirs = other.routes.values().next().map_or("nobody", |route| &route.engine);
            return Err(format!(
                "{:?} is spoken by {engine} and {:?} by {theirs}; only voices of one engine can be mixed",
                first.name, other.name
            ));
        };
        found.push((other, route));
    }
    if !mixes(engine) {
        return Err(format!("{engine} cannot mix voices; {} can", mixers()));
    }
    let mut mixed = Vec::new();
    for (ingredient, route) in found {
        let Some(speaker) = &route.speaker else {
            return Err(format!(
                "{:?} names {engine}, and none of its voices; a mixture is made of voices such as {engine}:NAME",
                ingredient.name
            ));
        };
        // A voice that is a mixture already is put in with its parts.
        let parts =
            if is_mixture(speaker) { shares(speaker)? } else { vec![Share { name: speaker, weight: 1.0 }] };
        let whole: f64 = parts.iter().map(|part| part.weight).sum();
        let share = |part: &Share<'_>| part.weight / whole * ingredient.weight;
        mixed.extend(parts.iter().map(|part| Share { name: part.name, weight: share(part) }));
    }
    Ok(Route { engine: engine.clone(), speaker: Some(mixture(&mixed)) })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ishowtts_workers::protocol::Ready;

    use super::*;
    use crate::voices::book::tests::{book_of, ready};

    fn known(engine: &str) -> Option<Arc<Ready>> {
        let voices: &[(&str, &str)] = match engine {
            "kokoro" => &[("anna", "de"), ("anna", "en"), ("rosa", "es")],
            "piper" => &[("joe", "en"), ("amy", "en")],
            _ => return None,
        };
        Some(Arc::new(ready(voices)))
    }

    /// The languages and the speaker that a name comes to, with all engines warm.
    fn mixed(name: &str) -> Result<(Vec<String>, String), CastError> {
        let book = book_of(
            &["piper", "kokoro", "f5"],
            &[
                ("soft", &[("de", "kokoro:anna"), ("en", "kokoro:anna(1)+rosa(3)"), ("zh", "f5:basic-zh")]),
                ("walter", &[("en", "piper:joe")]),
                ("bare", &[("de", "kokoro")]),
            ],
        );
        let found = book.resolve(name, &known)?;
        let (languages, routes): (Vec<_>, Vec<_>) = found.routes.into_iter().unzip();
        assert!(routes.iter().all(|route| route.engine == "kokoro"), "{name}: {routes:?}");
        let speakers = routes.into_iter().filter_map(|route| route.speaker).collect::<Vec<_>>();
        Ok((languages, speakers.join(" ")))
    }

    fn told(name: &str) -> String {
        match mixed(name).unwrap_err() {
            CastError::Mixture(message) => message,
            other => panic!("{name}: {other}"),
        }
    }

    #[test]
    fn voices_of_an_engine_that_mixes_need_no_more_than_their_names() {
        let of = |languages: &[&str], speaker: &str| {
            Ok((languages.iter().map(|tag| (*tag).to_owned()).collect(), speaker.to_owned()))
        };
        assert_eq!(mixed("rosa+anna"), of(&["es"], "rosa+anna"));
        assert_eq!(mixed("rosa(2)+anna(1)"), of(&["es"], "rosa(2)+anna(1)"));
        for name in ["kokoro:rosa + anna", "kokoro:rosa+kokoro:anna", "rosa+kokoro:anna"] {
            assert_eq!(mixed(name), of(&["es"], "rosa+anna"), "{name}");
        }
        assert_eq!(mixed("anna+rosa"), of(&["de", "en"], "anna+rosa anna+rosa"));
    }

    #[test]
    fn voices_of_the_configuration_are_mixed_by_what_they_are() {
        let (languages, speakers) = mixed("rosa+soft(2)").unwrap();
        assert_eq!((languages, speakers.as_str()), (vec!["es".to_owned()], "rosa(1)+anna(2)"));
        let (languages, speakers) = mixed("soft(4)+rosa").unwrap();
        assert_eq!(languages, ["de", "en"], "what another engine speaks cannot be mixed");
        assert_eq!(speakers, "anna(4)+rosa(1) anna(1)+rosa(3)+rosa(1)");
    }

    #[test]
    fn what_cannot_be_mixed_is_told() {
        assert!(told("piper:joe+piper:amy").contains("piper cannot mix voices; kokoro can"));
        assert!(told("anna+piper:joe").contains("\"anna\" is spoken by kokoro and \"piper:joe\" by piper"));
        assert!(told("walter+anna").contains("only voices of one engine can be mixed"));
        assert!(told("anna+bare").contains("names kokoro, and none of its voices"));
        assert!(told("anna(0)+rosa").contains("above 0"));
        assert!(told("anna+").contains("one(2)+other(1)"));
        for (name, unknown) in
            [("anna+nobody", "nobody"), ("nobody+anna", "nobody"), ("kokoro:anna+joe", "kokoro:joe")]
        {
            assert_eq!(mixed(name), Err(CastError::UnknownVoice(unknown.into())));
        }
    }
}
