//! Where sockets and scratch files are: a folder that goes with the server, or with the next one.

use std::{
    env, fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::control::RUNTIME_PREFIX;

/// A directory that only we may enter, with a path short enough for a socket's name.
pub(super) fn folder() -> io::Result<TempDir> {
    let given = env::var_os("RUNTIME_DIRECTORY").or_else(|| env::var_os("XDG_RUNTIME_DIR"));
    let usable = |dir: &PathBuf| dir.is_dir() && dir.as_os_str().len() < 60;
    let parent = given.map(PathBuf::from).filter(usable).unwrap_or_else(env::temp_dir);
    sweep(&parent);
    let private = fs::Permissions::from_mode(0o700);
    let prefix = format!("{RUNTIME_PREFIX}{}-", std::process::id());
    tempfile::Builder::new().prefix(&prefix).permissions(private).tempdir_in(&parent).map_err(|error| {
        io::Error::new(error.kind(), format!("could not make a directory in {}: {error}", parent.display()))
    })
}

/// Removes what servers left that were killed: directories of ours that name a process which is gone. One that names this
/// process was left too: in a container each life has the same number.
fn sweep(parent: &Path) {
    let ours = nix::unistd::geteuid().as_raw();
    let is_gone = |pid: u32| pid == std::process::id() || !Path::new("/proc").join(pid.to_string()).exists();
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(RUNTIME_PREFIX).and_then(|rest| rest.split_once('-')?.0.parse().ok());
        let is_ours = entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == ours);
        if pid.is_some_and(is_gone) && is_ours && fs::remove_dir_all(entry.path()).is_ok() {
            tracing::debug!(name, "Removed what a killed server left");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_life_left_goes_and_what_another_server_uses_stays() {
        let dir = TempDir::new().unwrap();
        let folder = |name: &str| {
            let path = dir.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let own = folder(&format!("{RUNTIME_PREFIX}{}-abc", std::process::id()));
        // No process has so high a number.
        let dead = folder(&format!("{RUNTIME_PREFIX}{}-abc", u32::MAX));
        let alive = folder(&format!("{RUNTIME_PREFIX}1-abc"));
        let foreign = folder("somebody-1-abc");
        sweep(dir.path());
        assert!(!own.exists() && !dead.exists());
        assert!(alive.exists() && foreign.exists());
    }
}
