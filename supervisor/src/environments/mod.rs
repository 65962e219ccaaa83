//! Each engine's Python environment: third-party packages only, exactly those of its lock, built when the lock
//! changes and at no other time.
//!
//! An environment stands in `STATE_DIR/environments/ENGINE-KEY`, where the key is made of the lock, the version of
//! Python and the processor. It is built beside its place and moved there whole, so that it is complete if it is
//! there at all; a file lock keeps two servers from building the same one. `uv` builds it when it is
//! installed, `venv` and pip otherwise. An engine without a lock runs on the plain interpreter.

mod build;
mod python;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

pub use build::Tool;
pub use python::{Interpreter, find_program};

use crate::package;

/// Hexadecimal digits in the name of an environment, which tell its lock.
const KEY_CHARS: usize = 12;

/// Told what a long piece of work is at.
pub trait Progress: Send + Sync {
    /// The engine's environment is at this step.
    fn step(&self, engine: &str, step: &str);

    /// Something a person should read once, such as licences of what was installed.
    fn notice(&self, text: &str);
}

/// Why an environment could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// No Python that fits.
    #[error("found no Python 3.10 to 3.13 ({tried}); install one, or name it as `python` under [server]")]
    NoPython {
        /// What was tried, and what came of it.
        tried: String,
    },
    /// Python lacks what makes environments.
    #[error(
        "{python} cannot make environments: install uv, or Python's venv module (on Debian: apt install python3-venv)"
    )]
    NoVenv {
        /// The interpreter.
        python: PathBuf,
    },
    /// A step of the building failed.
    #[error("could not {act} for {engine}: {message}")]
    Step {
        /// Whose environment.
        engine: String,
        /// What was tried.
        act: &'static str,
        /// The last words of the tool.
        message: String,
    },
    /// The state directory cannot be used.
    #[error("could not use {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// The environments of one state directory.
#[derive(Clone, Debug)]
pub struct Environments {
    dir: PathBuf,
    python: Interpreter,
}

impl Environments {
    /// Finds Python; `named` is the interpreter that the configuration names, if it does.
    pub async fn new(state_dir: &Path, named: Option<&str>) -> Result<Self, EnvironmentError> {
        Ok(Self { dir: state_dir.join("environments"), python: Interpreter::find(named).await? })
    }

    /// The interpreter that environments are made of.
    pub fn python(&self) -> &Interpreter {
        &self.python
    }

    /// The interpreter to run an engine with, if its environment is there.
    pub fn interpreter(&self, engine: &str) -> Option<PathBuf> {
        let Some(lock) = package::lock(engine) else { return Some(self.python.path.clone()) };
        let python = self.home(engine, &lock).join("bin/python");
        python.exists().then_some(python)
    }

    /// Makes the engine's environment unless it is there, and returns its interpreter.
    pub async fn ensure(&self, engine: &str, progress: &dyn Progress) -> Result<PathBuf, EnvironmentError> {
        let Some(lock) = package::lock(engine) else { return Ok(self.python.path.clone()) };
        if let Some(python) = self.interpreter(engine) {
            return Ok(python);
        }
        let python = self.ensure_lock(engine, &lock, progress).await?;
        if let Some(notice) = package::notice(engine) {
            progress.notice(&notice);
        }
        Ok(python)
    }

    /// Makes an environment of a lock's packages unless it is there, and returns its interpreter.
    pub async fn ensure_lock(
        &self,
        name: &str,
        lock: &str,
        progress: &dyn Progress,
    ) -> Result<PathBuf, EnvironmentError> {
        let home = self.home(name, lock);
        let python = home.join("bin/python");
        if python.exists() {
            return Ok(python);
        }
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| EnvironmentError::Io { path, source }
        };
        fs::create_dir_all(&self.dir).map_err(io(&self.dir))?;
        let guard = self.dir.join(format!(".{name}.lock"));
        let file = fs::File::create(&guard).map_err(io(&guard))?;
        progress.step(name, "waiting for another setup of it to end");
        let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await;
        let _held = locked.map_err(io::Error::other).flatten().map_err(io(&guard))?;
        if python.exists() {
            return Ok(python);
        }
        self.remove_drafts(name).map_err(io(&self.dir))?;
        let draft = tempfile::Builder::new().prefix(&format!(".draft-{name}-")).tempdir_in(&self.dir);
        let draft = draft.map_err(io(&self.dir))?;
        build::build(name, lock, &self.python, draft.path(), progress).await?;
        fs::rename(draft.path(), &home).map_err(io(&home))?;
        drop(draft.keep());
        self.remove_outdated(name, &home).map_err(io(&self.dir))?;
        Ok(python)
    }

    /// Where the environment of a lock stands.
    fn home(&self, name: &str, lock: &str) -> PathBuf {
        let mut hash = Sha256::new();
        for field in [lock, &self.python.version(), std::env::consts::ARCH] {
            hash.update(field.len().to_le_bytes());
            hash.update(field);
        }
        let key = hash
            .finalize()
            .iter()
            .take(KEY_CHARS / 2)
            .fold(String::new(), |key, byte| format!("{key}{byte:02x}"));
        self.dir.join(format!("{name}-{key}"))
    }

    /// Removes what builds that were cut off left behind.
    fn remove_drafts(&self, name: &str) -> io::Result<()> {
        let draft = format!(".draft-{name}-");
        self.remove(|found| found.starts_with(&draft))
    }

    /// Removes the environments of the same name that an earlier lock asked for.
    fn remove_outdated(&self, name: &str, current: &Path) -> io::Result<()> {
        let current = current.file_name().map(|file| file.to_string_lossy().into_owned());
        self.remove(|found| {
            let key = found.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
            let is_key = key.is_some_and(|key| {
                key.len() == KEY_CHARS && key.bytes().all(|byte| byte.is_ascii_hexdigit())
            });
            is_key && current.as_deref() != Some(found)
        })
    }

    fn remove(&self, unwanted: impl Fn(&str) -> bool) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if unwanted(&entry.file_name().to_string_lossy()) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}
