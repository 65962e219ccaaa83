//! `[auth]`: where the API keys stand.

use std::path::{Path, PathBuf};

use super::{
    raw::{Notes, Table},
    server::absolute,
};
use crate::auth::{Keyring, file};

/// Who may ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// Where the keys stand: the file that is named, else the service's credential `api-keys`.
    pub file: Option<PathBuf>,
    /// The keys, if there are to be any; without, everybody may ask.
    pub keys: Option<Keyring>,
}

pub(super) fn auth(table: &Table<'_>, notes: &Notes, base: &Path) -> Auth {
    let named = table.string("keys_file");
    table.finish();
    let file = named.as_ref().map(|found| absolute(base.join(&found.value))).or_else(file::credential);
    let keys = file.as_deref().map(file::read).transpose().unwrap_or_else(|error| {
        let message = format!("{error}; `ishowtts keys new NAME` makes a key");
        match &named {
            Some(found) => found.problem(notes, message),
            None => notes.problem(None, "auth.keys_file", message),
        }
        None
    });
    Auth { file, keys }
}

/// Where the keys are to stand, whatever is wrong with them or with the rest of the file.
pub(super) fn keys_file(table: &Table<'_>, base: &Path) -> Option<PathBuf> {
    table.string("keys_file").map(|found| absolute(base.join(found.value)))
}
