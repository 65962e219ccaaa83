//! What has to be done so that a shelf is what is shared. Pure.

use std::{collections::BTreeMap, sync::Arc};

use super::Told;
use crate::voices::Meta;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is shared, and not here.
    Fetch(Told),
    /// It is here, and it was only not noted that it is a shared one.
    Adopt(Told),
    /// It is not shared any more, or has another recording.
    Remove(String),
    /// It was sent to this machine alone.
    Share(Arc<Meta>),
    /// It was sent to this machine alone, and another one of its name is shared.
    Clash(String),
}

impl Step {
    /// Of which voice.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Fetch(told) | Self::Adopt(told) => &told.meta.id,
            Self::Share(meta) => &meta.id,
            Self::Remove(id) | Self::Clash(id) => id,
        }
    }
}

/// Decides, from what is shared, from the recordings of those that came from there, and from what is on the shelf.
pub(super) fn difference(
    shared: &BTreeMap<String, Told>,
    known: &BTreeMap<String, String>,
    shelf: &[Arc<Meta>],
) -> Vec<Step> {
    let here: BTreeMap<&str, &Arc<Meta>> = shelf.iter().map(|meta| (meta.id.as_str(), meta)).collect();
    let wanted = shared.values().filter_map(|told| {
        let id = &told.meta.id;
        match (here.get(id.as_str()), known.get(id)) {
            (None, _) => Some(Step::Fetch(told.clone())),
            (Some(_), Some(recording)) if *recording == told.recording => None,
            (Some(_), Some(_)) => Some(Step::Remove(id.clone())),
            (Some(meta), None) if ***meta == told.meta => Some(Step::Adopt(told.clone())),
            (Some(_), None) => Some(Step::Clash(id.clone())),
        }
    });
    let over = known.keys().filter(|id| !shared.contains_key(*id)).map(|id| Step::Remove(id.clone()));
    let own = shelf.iter().filter(|meta| !shared.contains_key(&meta.id) && !known.contains_key(&meta.id));
    wanted.chain(over).chain(own.map(|meta| Step::Share(Arc::clone(meta)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(id: &str) -> Meta {
        Meta {
            id: id.into(),
            name: "Mine".into(),
            language: "en".into(),
            engine: "f5".into(),
            transcript: "The quick brown fox.".into(),
            tags: Vec::new(),
            audio_ms: 3000,
        }
    }

    fn told(id: &str, recording: &str) -> Told {
        Told { meta: meta(id), recording: recording.into() }
    }

    #[test]
    fn a_shelf_becomes_what_is_shared_and_what_is_its_own_is_shared() {
        let shared = [told("same", "1"), told("new", "2"), told("other", "4"), told("unnoted", "5")];
        let mut shared: BTreeMap<_, _> =
            shared.into_iter().map(|told| (told.meta.id.clone(), told)).collect();
        let clash =
            Told { meta: Meta { transcript: "Another one.".into(), ..meta("clash") }, ..told("", "6") };
        shared.insert("clash".into(), clash);
        let known = [("same", "1"), ("other", "3"), ("gone", "7")];
        let known = known.map(|(id, recording)| (id.to_owned(), recording.to_owned())).into();
        let shelf = ["same", "other", "unnoted", "clash", "gone", "own"].map(|id| Arc::new(meta(id)));
        let steps = difference(&shared, &known, &shelf);
        let expected = [
            Step::Clash("clash".into()),
            Step::Fetch(told("new", "2")),
            Step::Remove("other".into()),
            Step::Adopt(told("unnoted", "5")),
            Step::Remove("gone".into()),
            Step::Share(Arc::new(meta("own"))),
        ];
        assert_eq!(steps, expected);
        assert_eq!(difference(&BTreeMap::new(), &BTreeMap::new(), &[]), []);
    }
}
