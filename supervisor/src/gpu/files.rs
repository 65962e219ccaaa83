//! Small files in which a kernel tells something.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The text of a file without the white space and the zero bytes around it. `None` if it cannot be read: a sensor
/// that is switched off says so that way.
pub(super) fn text(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let bare = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!bare.is_empty()).then(|| bare.to_owned())
}

/// The entries of a folder in the order of their names; none if it cannot be read.
pub(super) fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> =
        fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries
}
