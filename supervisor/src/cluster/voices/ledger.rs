//! Which voices of the shelf came from other machines, or went to them, and with which recording: `voices.json` in the
//! folder of what is shared. Without it a voice that another machine removed meanwhile would be taken for our own.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// What is written down.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Notes {
    /// Which bucket they came from.
    bucket: String,
    /// Recordings by the ids of their voices.
    voices: BTreeMap<String, String>,
}

/// The notes.
#[derive(Debug)]
pub(super) struct Ledger {
    file: PathBuf,
    notes: Notes,
    told: BTreeSet<String>,
}

impl Ledger {
    /// Reads them; what cannot be read is none.
    pub(super) fn open(folder: &Path) -> Self {
        let file = folder.join("voices.json");
        let notes = fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Self { file, notes: notes.unwrap_or_default(), told: BTreeSet::new() }
    }

    /// Recordings of the voices, by id.
    pub(super) fn known(&self) -> &BTreeMap<String, String> {
        &self.notes.voices
    }

    /// A voice is a shared one.
    pub(super) fn note(&mut self, id: String, recording: String) {
        self.told.remove(&id);
        self.notes.voices.insert(id, recording);
        self.write();
    }

    /// It is not on the shelf any more.
    pub(super) fn forget(&mut self, id: &str) {
        if self.notes.voices.remove(id).is_some() {
            self.write();
        }
    }

    /// They are of this bucket. Of another one, which is gone with all that was in it, they are no notes: what is on the
    /// shelf is this machine's own again.
    pub(super) fn of(&mut self, bucket: &str) {
        if self.notes.bucket != bucket {
            self.notes = Notes { bucket: bucket.to_owned(), voices: BTreeMap::new() };
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
            fs::write(&draft, serde_json::to_vec_pretty(&self.notes)?)?;
            fs::rename(&draft, &self.file)
        };
        if let Err(error) = written() {
            tracing::warn!(%error, file = %self.file.display(), "Could not note which voices are shared");
        }
    }
}
