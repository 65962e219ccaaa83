//! `ishowtts keys`: keys are made, listed and removed in their file; a running server hears of it by `ishowtts reload`.

use std::{error::Error, path::PathBuf, process::ExitCode};

use super::{
    args::{Keys, KeysTask},
    complain_line, say_line,
};
use crate::{
    auth::{Entry, Key, file},
    config::{self, Overrides},
};

/// Does what is asked.
pub(super) fn run(overrides: &Overrides, given: Keys) -> Result<ExitCode, Box<dyn Error>> {
    let path = path(overrides, given.file)?;
    match given.task {
        KeysTask::New { name } => {
            let key = Key::draw();
            file::add(&path, Entry { name, digest: key.digest() })?;
            // The key alone, so that a pipe can hand it on; what people have to know stands beside it.
            say_line(key.reveal());
            complain_line(
                "This is shown once: only its digest is kept. A running server takes it after `ishowtts reload`.",
            );
        }
        KeysTask::List => {
            for entry in file::read(&path)?.entries() {
                say_line(entry.name.as_str());
            }
        }
        KeysTask::Remove { name } => {
            file::remove(&path, &name)?;
            complain_line("Removed. A running server forgets it after `ishowtts reload`.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn path(overrides: &Overrides, given: Option<PathBuf>) -> Result<PathBuf, Box<dyn Error>> {
    let named = given.map_or_else(|| config::keys_file(overrides), |path| Ok(Some(path)))?;
    Ok(named.ok_or("no file of keys is named: give one with --file, or as `keys_file` under [auth]")?)
}
