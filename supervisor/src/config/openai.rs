//! `[openai]`: what the names of `OpenAI`'s models and voices mean here.

use std::collections::BTreeMap;

use super::{
    Engine, Route, Voice,
    raw::{Found, Notes, Table},
};

/// Names that clients of `OpenAI` use, and who speaks under them. Names that do not stand here mean what
/// [`surface`](crate::surface) makes of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenAi {
    /// Model → engine, or `auto`.
    pub models: BTreeMap<String, String>,
    /// Voice → one of our voices, or `auto`.
    pub voices: BTreeMap<String, String>,
}

pub(super) fn openai(
    table: &Table<'_>,
    notes: &Notes,
    engines: &BTreeMap<String, Engine>,
    voices: &BTreeMap<String, Voice>,
) -> OpenAi {
    let read = |key: &str, check: &dyn Fn(&Found<String>) -> Option<String>| {
        let read = table.table(key).strings().into_iter().map(|(name, found)| {
            if let Some(problem) = check(&found) {
                found.problem(notes, problem);
            }
            (name, found.value)
        });
        read.collect::<BTreeMap<_, _>>()
    };
    let openai = OpenAi {
        models: read("models", &|found| {
            let is_known = found.value == "auto" || engines.contains_key(&found.value);
            (!is_known).then(|| format!("there is no engine {:?} in this file", found.value))
        }),
        voices: read("voices", &|found| {
            let is_known = found.value == "auto"
                || voices.contains_key(&found.value)
                || engines.contains_key(&Route::parse(&found.value).engine);
            (!is_known).then(|| format!("there is no voice {:?} in this file", found.value))
        }),
    };
    table.finish();
    openai
}
