//! The Python package that the binary carries: worker code, and each engine's lock and notice.
//!
//! An engine is a module in `ishowtts_worker/engines`: a file `NAME.py`, or a folder `NAME/` which may hold
//! `requirements.txt` (its lock) and `NOTICE` (the licences of what it brings). Nothing else names the engines.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

#[derive(RustEmbed)]
#[folder = "../python/src"]
#[include = "ishowtts_worker/*"]
#[exclude = "*/__pycache__/*"]
#[exclude = "*.pyc"]
struct Files;

const ENGINES: &str = "ishowtts_worker/engines/";
/// Modules beside the engines that are none: what all of them share.
const SHARED: [&str; 2] = ["__init__", "base"];

/// Names of all engines, in order.
pub fn engines() -> Vec<String> {
    let names: BTreeSet<String> = Files::iter()
        .filter_map(|path| {
            let inside = path.strip_prefix(ENGINES)?;
            let name =
                inside.split_once('/').map_or(inside.strip_suffix(".py"), |(folder, _)| Some(folder))?;
            (!SHARED.contains(&name)).then(|| name.to_owned())
        })
        .collect();
    names.into_iter().collect()
}

/// The engine's lock: every third-party package, pinned and hashed. `None` if it needs none.
pub fn lock(engine: &str) -> Option<String> {
    text(&format!("{ENGINES}{engine}/requirements.txt"))
}

/// What to know about the licences of what the engine's lock brings.
pub fn notice(engine: &str) -> Option<String> {
    text(&format!("{ENGINES}{engine}/NOTICE"))
}

fn text(path: &str) -> Option<String> {
    String::from_utf8(Files::get(path)?.data.into_owned()).ok()
}

/// Puts the package into a folder of `dir` that is named by its content, and returns that folder. An upgrade
/// gets a folder of its own, so a running server keeps the code that it was started with.
pub fn unpack(dir: &Path) -> io::Result<PathBuf> {
    let mut hash = Sha256::new();
    for path in Files::iter() {
        if let Some(file) = Files::get(&path) {
            hash.update(path.as_bytes());
            hash.update(file.metadata.sha256_hash());
        }
    }
    let name = hash.finalize().iter().take(8).fold(String::new(), |name, byte| format!("{name}{byte:02x}"));
    let home = dir.join(name);
    if home.is_dir() {
        return Ok(home);
    }
    fs::create_dir_all(dir)?;
    // Whole or not at all: written beside its place, then moved there.
    let draft = tempfile::Builder::new().prefix(".draft-").tempdir_in(dir)?;
    for path in Files::iter() {
        let Some(file) = Files::get(&path) else { continue };
        let target = draft.path().join(path.as_ref());
        fs::create_dir_all(target.parent().unwrap_or(draft.path()))?;
        fs::write(target, file.data)?;
    }
    match fs::rename(draft.path(), &home) {
        // Another server was faster.
        Err(_) if home.is_dir() => Ok(home),
        Err(error) => Err(error),
        Ok(()) => {
            // Moved, so there is nothing left to remove.
            drop(draft.keep());
            Ok(home)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_names_its_engines_and_their_locks() {
        let engines = engines();
        assert!(engines.contains(&"tone".to_owned()), "{engines:?}");
        assert!(lock("tone").is_none(), "tone needs the standard library alone");
        for engine in ["piper", "fastspeech2"] {
            assert!(engines.contains(&engine.to_owned()), "{engines:?}");
            let lock = lock(engine).unwrap();
            assert!(lock.contains("--hash=sha256:") && !lock.contains("://"), "hashed, and naming no host");
            assert!(notice(engine).unwrap().contains("MIT"), "it names licences");
        }
    }

    #[test]
    fn unpacking_twice_gives_the_same_complete_folder() {
        let dir = tempfile::tempdir().unwrap();
        let home = unpack(dir.path()).unwrap();
        assert!(home.join("ishowtts_worker/__main__.py").is_file());
        assert_eq!(unpack(dir.path()).unwrap(), home);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
    }
}
