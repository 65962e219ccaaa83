//! The audio of a job's segments, one behind the other in the order in which they were spoken, in one file for each job.
//! Where each stands is told by the database; what stands behind the last of them was never told to anybody.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use crate::jobs::JobId;

/// The folder of reels.
#[derive(Clone, Debug)]
pub(super) struct Reels {
    folder: PathBuf,
}

impl Reels {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn path(&self, job: &JobId) -> PathBuf {
        self.folder.join(format!("{job}.pcm"))
    }

    /// Writes audio at a place of a job's reel; it is on the disk when this returns.
    pub(super) fn write(&self, job: &JobId, place: u64, pcm: &[u8]) -> io::Result<()> {
        let path = self.path(job);
        let is_new = !path.exists();
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
        file.write_all_at(pcm, place)?;
        file.sync_data()?;
        if is_new { sync(&self.folder) } else { Ok(()) }
    }

    /// Reads audio from a job's reel.
    pub(super) fn read(&self, job: &JobId, place: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let mut pcm = vec![0; bytes];
        if bytes > 0 {
            File::open(self.path(job))?.read_exact_at(&mut pcm, place)?;
        }
        Ok(pcm)
    }

    /// Lets go of a job's reel, if it has one.
    pub(super) fn remove(&self, job: &JobId) {
        remove(&self.path(job));
    }

    /// Lets go of the reels of all jobs but those that `keeps` names.
    pub(super) fn sweep(&self, keeps: impl Fn(&str) -> bool) {
        sweep(&self.folder, |name| name.strip_suffix(".pcm").is_some_and(&keeps));
    }
}

/// What was created or renamed in a folder is there after a power cut.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes a file that may be gone already; what stays is swept at the next start.
pub(super) fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!("Could not remove {}: {error}", path.display());
        }
        _ => {}
    }
}

/// Removes the files of a folder but those that `keeps` names.
pub(super) fn sweep(folder: &Path, keeps: impl Fn(&str) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_name().to_str().is_some_and(&keeps) {
            remove(&entry.path());
        }
    }
}
