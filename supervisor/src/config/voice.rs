//! `[voices.NAME]`: a name that clients use, and who speaks under it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    Cloning, Engine,
    mixture::{is_mixture, mixers, mixes, shares},
    raw::{Found, Notes, Table},
    server::absolute,
};

/// A voice: an engine for each language, or one engine that imitates a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// Who speaks which language.
    pub routes: BTreeMap<String, Route>,
    /// The recording to imitate, if it is such a voice.
    pub clone: Option<Clone>,
}

/// An engine, and which of its voices.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Name of the engine.
    pub engine: String,
    /// One of the engine's voices, a mixture of them, or its default.
    pub speaker: Option<String>,
}

impl Route {
    /// Reads `engine` or `engine:speaker`.
    pub fn parse(text: &str) -> Self {
        match text.split_once(':') {
            Some((engine, speaker)) => Self { engine: engine.into(), speaker: Some(speaker.into()) },
            None => Self { engine: text.into(), speaker: None },
        }
    }
}

/// A recording and what is said in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clone {
    /// Language spoken.
    pub language: String,
    /// The recording.
    pub reference: PathBuf,
    /// What is said.
    pub transcript: String,
}

pub(super) fn voice(
    name: &Found<String>,
    table: &Table<'_>,
    notes: &Notes,
    engines: &BTreeMap<String, Engine>,
    base: &Path,
) -> Voice {
    if !is_name(&name.value) {
        name.problem(notes, "must be made of letters, digits, '.', '_' and '-'");
    }
    let by_language = table.table("engines").strings();
    let single = table.string("engine");
    let language = table.string("language");
    let reference = table.string("reference");
    let transcript = table.string("transcript");
    table.finish();

    let known = |found: &Found<String>| {
        let route = Route::parse(&found.value);
        if !engines.contains_key(&route.engine) {
            found.problem(notes, format!("there is no engine {:?} in this file", route.engine));
        }
        if let Some(speaker) = route.speaker.as_deref().filter(|speaker| is_mixture(speaker)) {
            match shares(speaker) {
                Err(message) => found.problem(notes, message),
                Ok(_) if !mixes(&route.engine) => {
                    found.problem(notes, format!("{} cannot mix voices; {} can", route.engine, mixers()));
                }
                Ok(_) => {}
            }
        }
        route
    };
    let mut routes: BTreeMap<_, _> =
        by_language.iter().map(|(language, found)| (language.clone(), known(found))).collect();
    let clone = match (&single, &reference) {
        (Some(engine), _) => {
            if !routes.is_empty() {
                engine.problem(notes, "give either `engine` or `engines`, not both");
            }
            let Some(language) = &language else {
                engine.problem(notes, "needs `language` beside it");
                return Voice { routes, clone: None };
            };
            let mut route = known(engine);
            let clone = reference.as_ref().map(|reference| {
                route.speaker = Some(name.value.clone());
                clone_of(&route.engine, reference, transcript.as_ref(), &language.value, notes, base)
            });
            routes.insert(language.value.clone(), route);
            clone
        }
        (None, Some(reference)) => {
            reference.problem(notes, "needs `engine` beside it: the engine that is to imitate it");
            None
        }
        (None, None) => None,
    };
    if routes.is_empty() {
        name.problem(notes, "needs `engines = { en = \"…\" }`, or `engine` and `language`");
    }
    Voice { routes, clone }
}

fn clone_of(
    engine: &str,
    reference: &Found<String>,
    transcript: Option<&Found<String>>,
    language: &str,
    notes: &Notes,
    base: &Path,
) -> Clone {
    let path = absolute(base.join(&reference.value));
    if !path.is_file() {
        reference.problem(notes, format!("there is no file {}", path.display()));
    }
    let is_silent = transcript.is_none_or(|found| found.value.trim().is_empty());
    if is_silent && Cloning::of(engine).is_none_or(|known| known.needs_transcript) {
        reference.problem(notes, "needs `transcript` beside it: the words spoken in the recording");
    }
    Clone {
        language: language.to_owned(),
        reference: path,
        transcript: transcript.map(|found| found.value.clone()).unwrap_or_default(),
    }
}

/// Names appear in addresses, headers and file names. A colon is kept for `engine:speaker`.
pub fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && name.len() <= 64 && name != "auto" && name.chars().all(allowed)
}
