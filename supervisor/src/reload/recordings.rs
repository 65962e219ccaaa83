//! What the recordings that voices imitate hold: a file that was replaced is a change, though its name is the same.

use std::{collections::BTreeMap, fs, path::PathBuf};

use crate::{auth::Digest, config::Config};

/// Digests of recordings by their files; none for one that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recordings(pub(super) BTreeMap<PathBuf, Option<Digest>>);

impl Recordings {
    /// Reads all recordings of a configuration.
    pub fn of(config: &Config) -> Self {
        let files = config.voices.values().filter_map(|voice| voice.clone.as_ref());
        let digest = |path: &PathBuf| fs::read(path).ok().map(|bytes| Digest::of(&bytes));
        Self(files.map(|clone| (clone.reference.clone(), digest(&clone.reference))).collect())
    }
}
