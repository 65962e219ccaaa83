//! The folder of voices: `STATE_DIR/voices/ENGINE/ID/`, each with `voice.json` and `recording.wav`.
//!
//! A voice is written in a draft folder beside the others, brought to the disk and renamed, so that it is there whole
//! or not at all, whenever the process ends. `voice.json` makes it one: what is removed loses that first, and the rest
//! when no worker needs it any more.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::Meta;

const META: &str = "voice.json";
const RECORDING: &str = "recording.wav";
/// Why no worker took it, where that is so.
const REFUSED: &str = "refused.txt";
/// No engine is called like this.
const DRAFTS: &str = ".drafts";

/// A voice that was found.
pub(super) struct Found {
    pub(super) meta: Meta,
    pub(super) recording: PathBuf,
    pub(super) refused: Option<String>,
}

fn folder(root: &Path, meta: &Meta) -> PathBuf {
    root.join(&meta.engine).join(&meta.id)
}

/// Keeps a voice. When this returns it outlives a loss of power; if it fails nothing is left.
pub(super) fn write(root: &Path, meta: &Meta, wav: &[u8]) -> io::Result<PathBuf> {
    let drafts = root.join(DRAFTS);
    fs::create_dir_all(&drafts)?;
    let target = folder(root, meta);
    let parent = root.join(&meta.engine);
    fs::create_dir_all(&parent)?;
    let draft = tempfile::tempdir_in(&drafts)?;
    let text = serde_json::to_vec_pretty(meta)?;
    for (name, bytes) in [(RECORDING, wav), (META, &text)] {
        let mut file = File::create_new(draft.path().join(name))?;
        file.write_all(bytes)?;
        file.sync_all()?;
    }
    sync(draft.path())?;
    // What a removal left that was cut short.
    if target.exists() && !target.join(META).exists() {
        fs::remove_dir_all(&target)?;
    }
    fs::rename(draft.path(), &target)?;
    // It is not there any more under this name.
    drop(draft.keep());
    if let Err(error) = sync(&parent).and_then(|()| sync(root)) {
        drop(fs::remove_dir_all(&target));
        return Err(error);
    }
    Ok(target.join(RECORDING))
}

/// From now on it is no voice any more; its recording stays for those that still use it.
pub(super) fn strike(root: &Path, meta: &Meta) -> io::Result<()> {
    let folder = folder(root, meta);
    match fs::remove_file(folder.join(META)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => sync(&folder),
    }
}

/// Removes what is left of it.
pub(super) fn clear(root: &Path, meta: &Meta) {
    let folder = folder(root, meta);
    // Else the next start does.
    if let Err(error) = fs::remove_dir_all(&folder) {
        tracing::warn!(%error, folder = %folder.display(), "Could not remove the folder of a voice that is gone");
    }
}

/// Notes why no worker took it, so that the next start does not fail over it.
pub(super) fn refuse(root: &Path, meta: &Meta, reason: &str) {
    if let Err(error) = fs::write(folder(root, meta).join(REFUSED), reason) {
        tracing::warn!(%error, voice = meta.id, "Could not note why a voice was refused");
    }
}

/// All voices that are there.
pub(super) fn read(root: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    for engine in folders(root).into_iter().filter(|path| !path.ends_with(DRAFTS)) {
        for folder in folders(&engine) {
            match read_one(&folder) {
                Ok(voice) if self::folder(root, &voice.meta) == folder => found.push(voice),
                Ok(_) => {
                    tracing::warn!(folder = %folder.display(), "A voice is in a folder that is not its own");
                }
                // Struck out.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(%error, folder = %folder.display(), "Could not read a voice; it is left out");
                }
            }
        }
    }
    found
}

fn read_one(folder: &Path) -> io::Result<Found> {
    let meta: Meta = serde_json::from_slice(&fs::read(folder.join(META))?)?;
    let refused = fs::read_to_string(folder.join(REFUSED)).ok();
    Ok(Found { meta, recording: folder.join(RECORDING), refused })
}

/// Removes drafts and what is left of voices that were removed: their process is gone.
pub(super) fn sweep(root: &Path) {
    drop(fs::remove_dir_all(root.join(DRAFTS)));
    for folder in folders(root).iter().flat_map(|engine| folders(engine)) {
        if !folder.join(META).exists() && folder.join(RECORDING).exists() {
            drop(fs::remove_dir_all(folder));
        }
    }
}

fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let mut folders: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
