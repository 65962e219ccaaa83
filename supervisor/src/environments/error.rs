//! Why an environment could not be made, each in one line.

use std::{io, path::PathBuf};

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
    /// The interpreter that was named for an engine cannot run it.
    #[error("{python} {why}; name another as `python` under [engines.{engine}]")]
    Unfit {
        /// Whose interpreter.
        engine: String,
        /// The interpreter.
        python: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The system was to bring torch, and does not.
    #[error(
        "{python} has no torch of its own for {engine}: install this machine's torch for all users, \
         or set `system_site_packages = false` under [engines.{engine}]"
    )]
    NoSystemTorch {
        /// Whose environment.
        engine: String,
        /// The system's interpreter.
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
    #[error("could not use {path}: {why}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        why: io::Error,
    },
}
