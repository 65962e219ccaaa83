//! Which voices of the shelf came from other machines, or went to them, and with which recording: `voices.json` in the
//! folder of what is shared. Without it a voice that another machine removed meanwhile would be taken for our own.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// The notes.
#[derive(Debug)]
pub(super) struct Ledger {
    file: PathBuf,
    known: BTreeMap<String, String>,
    told: BTreeSet<String>,
}

impl Ledger {
    /// Reads them; what cannot be read is none.
    pub(super) fn open(folder: &Path) -> Self {
        let file = folder.join("voices.json");
        let known = fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Self { file, known: known.unwrap_or_default(), told: BTreeSet::new() }
    }

    /// Recordings of the voices, by id.
    pub(super) fn known(&self) -> &BTreeMap<String, String> {
        &self.known
    }

    /// A voice is a shared one.
    pub(super) fn note(&mut self, id: String, recording: String) {
        self.told.remove(&id);
        self.known.insert(id, recording);
        self.write();
    }

    /// It is not on the shelf any more.
    pub(super) fn forget(&mut self, id: &str) {
        if self.known.remove(id).is_some() {
            self.write();
        }
    }

    /// None of them is.
    pub(super) fn clear(&mut self) {
        if !self.known.is_empty() {
            self.known.clear();
            self.write();
        }
    }

    /// Another one has its name: whether that was not told yet.
    pub(super) fn clashes(&mut self, id: &str) -> bool {
        self.told.insert(id.to_owned())
    }

    /// A few lines: nobody waits for the disk for long.
    fn write(&self) {
        let written = || -> io::Result<()> {
            if let Some(folder) = self.file.parent() {
                fs::create_dir_all(folder)?;
            }
            let draft = self.file.with_extension("draft");
            fs::write(&draft, serde_json::to_vec_pretty(&self.known)?)?;
            fs::rename(&draft, &self.file)
        };
        if let Err(error) = written() {
            tracing::warn!(%error, file = %self.file.display(), "Could not note which voices are shared");
        }
    }
}
