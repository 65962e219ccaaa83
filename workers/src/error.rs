//! What can go wrong between launch and reap, free of any thought of HTTP.

use std::{io, path::PathBuf};

use crate::protocol::ConnectionError;

/// An act that failed while a worker was started or spoken to.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The socket that the worker connects to could not be made.
    #[error("could not bind worker socket {path}")]
    Bind {
        /// Where it should have been.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Nobody, or nobody that we launched, connected.
    #[error("could not accept a worker on {path}")]
    Accept {
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The process could not be started at all.
    #[error("could not launch {program}")]
    Launch {
        /// What was to run.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The thread that forks is gone.
    #[error("the launcher thread is gone")]
    LauncherGone,
    /// The wire broke.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}
