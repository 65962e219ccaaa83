//! Each engine's Python environment: third-party packages only, exactly those of its lock, built when the lock
//! changes and at no other time.
//!
//! An environment stands in `STATE_DIR/environments/ENGINE-KEY`, where the key is made of the lock, the version of
//! Python and the processor. It is built beside its place and moved there whole, so that it is complete if it is
//! there at all; a file lock keeps two servers from building the same one. `uv` builds it when it is
//! installed, `venv` and pip otherwise. An engine without a lock runs on the plain interpreter, and one that has an
//! interpreter named for it on that, as it is.

mod build;
mod error;
mod layout;
mod lock;
mod python;
#[cfg(test)]
mod tests;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

pub use build::Tool;
pub use error::EnvironmentError;
pub use layout::{Layout, listed};
pub use lock::without_gpu_stack;
pub use python::{Interpreter, find_program};

use crate::{config::Python, package};

/// Hexadecimal digits in the name of an environment, which tell its lock.
const KEY_CHARS: usize = 12;

/// Told what a long piece of work is at.
pub trait Progress: Send + Sync {
    /// The engine's environment is at this step.
    fn step(&self, engine: &str, step: &str);

    /// Something a person should read once, such as licences of what was installed.
    fn notice(&self, text: &str);
}

/// The environments of one state directory.
#[derive(Clone, Debug)]
pub struct Environments {
    dir: PathBuf,
    python: Interpreter,
    tool: Tool,
}

/// What an environment is made of.
struct Recipe {
    lock: String,
    /// Packages of the system's Python are seen too.
    system: bool,
    /// The system is to bring torch.
    needs_torch: bool,
}

impl Recipe {
    fn plain(lock: &str) -> Self {
        Self { lock: lock.to_owned(), system: false, needs_torch: false }
    }

    fn on_system(lock: &str) -> Self {
        let (lock, left_out) = without_gpu_stack(lock);
        Self { lock, system: true, needs_torch: left_out.iter().any(|name| name == "torch") }
    }

    /// `None` if the engine needs no packages.
    fn of(engine: &str, system: bool) -> Option<Self> {
        let lock = package::lock(engine)?;
        Some(if system { Self::on_system(&lock) } else { Self::plain(&lock) })
    }
}

impl Environments {
    /// Finds Python; `named` is the interpreter that the configuration names, if it does.
    pub async fn new(state_dir: &Path, named: Option<&str>) -> Result<Self, EnvironmentError> {
        let python = Interpreter::find(named).await?;
        Ok(Self { dir: state_dir.join("environments"), python, tool: Tool::choose() })
    }

    /// The interpreter that environments are made of.
    pub fn python(&self) -> &Interpreter {
        &self.python
    }

    /// What builds environments.
    pub fn tool(&self) -> &Tool {
        &self.tool
    }

    /// The interpreter to run an engine with, if its environment is there.
    pub fn interpreter(&self, engine: &str, python: &Python) -> Option<PathBuf> {
        let system = match python {
            Python::Own(path) => return Some(path.clone()),
            Python::Made { system_site_packages } => *system_site_packages,
        };
        let Some(recipe) = Recipe::of(engine, system) else { return Some(self.python.path.clone()) };
        let python = self.home(engine, &recipe).join("bin/python");
        python.exists().then_some(python)
    }

    /// Makes the engine's environment unless it is there or is not wanted, and returns its interpreter.
    pub async fn ensure(
        &self,
        engine: &str,
        python: &Python,
        progress: &dyn Progress,
    ) -> Result<PathBuf, EnvironmentError> {
        let system = match python {
            Python::Own(path) => return self.ensure_own(engine, path).await.map(|()| path.clone()),
            Python::Made { system_site_packages } => *system_site_packages,
        };
        let Some(recipe) = Recipe::of(engine, system) else { return Ok(self.python.path.clone()) };
        let found = self.home(engine, &recipe).join("bin/python");
        if found.exists() {
            return Ok(found);
        }
        let made = self.make(engine, &recipe, progress).await?;
        if let Some(notice) = package::notice(engine) {
            progress.notice(&notice);
        }
        Ok(made)
    }

    /// Makes sure that an interpreter which was named for an engine can run workers.
    pub async fn ensure_own(&self, engine: &str, python: &Path) -> Result<(), EnvironmentError> {
        let unfit = |why| EnvironmentError::Unfit { engine: engine.into(), python: python.to_owned(), why };
        python::can_work(python).await.map_err(unfit)
    }

    /// Makes an environment of a lock's packages unless it is there, and returns its interpreter.
    pub async fn ensure_lock(
        &self,
        name: &str,
        lock: &str,
        progress: &dyn Progress,
    ) -> Result<PathBuf, EnvironmentError> {
        self.make(name, &Recipe::plain(lock), progress).await
    }

    async fn make(
        &self,
        name: &str,
        recipe: &Recipe,
        progress: &dyn Progress,
    ) -> Result<PathBuf, EnvironmentError> {
        let home = self.home(name, recipe);
        let python = home.join("bin/python");
        if python.exists() {
            return Ok(python);
        }
        let io = |path: &Path| {
            let path = path.to_owned();
            move |why| EnvironmentError::Io { path, why }
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
        self.build(name, recipe, draft.path(), progress).await?;
        fs::rename(draft.path(), &home).map_err(io(&home))?;
        drop(draft.keep());
        self.remove_outdated(name, &home).map_err(io(&self.dir))?;
        Ok(python)
    }

    /// Where the environment stands.
    fn home(&self, name: &str, recipe: &Recipe) -> PathBuf {
        let mut hash = Sha256::new();
        let (version, system) = (self.python.version(), self.python.path.to_string_lossy());
        // With the system's packages it makes a difference which Python of that version it is.
        let system = recipe.system.then_some(system.as_ref());
        for field in [&recipe.lock, version.as_str(), std::env::consts::ARCH].into_iter().chain(system) {
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
