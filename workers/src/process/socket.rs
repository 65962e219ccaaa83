//! The socket that one worker connects to: private, for one peer, gone afterwards.

use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use interprocess::{
    local_socket::{
        GenericFilePath, ListenerOptions, ToFsName,
        tokio::{Listener, Stream},
        traits::{StreamCommon as _, tokio::Listener as _},
    },
    os::unix::local_socket::ListenerOptionsExt,
};

use crate::error::WorkerError;

/// Makes each socket's name its own, so that a late peer of an earlier life finds nobody.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A bound socket; its file is removed on drop.
#[derive(Debug)]
pub(crate) struct WorkerSocket {
    listener: Listener,
    path: PathBuf,
}

impl WorkerSocket {
    /// Binds a fresh socket in `dir`, which only we may enter. Names stay short: a socket's path has 108 bytes.
    pub(crate) fn bind(dir: &Path) -> Result<Self, WorkerError> {
        let path = dir.join(format!("w{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        let listener = path
            .as_path()
            .to_fs_name::<GenericFilePath>()
            .and_then(|name| ListenerOptions::new().name(name).mode(0o600).create_tokio())
            .map_err(|source| WorkerError::Bind { path: path.clone(), source })?;
        Ok(Self { listener, path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the process `pid`, owned by us, and turns everybody else away.
    pub(crate) async fn accept(&self, pid: u32) -> Result<Stream, WorkerError> {
        loop {
            let stream = self.listener.accept().await.map_err(|source| self.not_accepted(source))?;
            let peer = stream.peer_creds().map_err(|source| self.not_accepted(source))?;
            let (process, user) = (peer.pid(), peer.euid());
            let ours = nix::unistd::geteuid().as_raw();
            if process.and_then(|p| u32::try_from(p).ok()) == Some(pid) && user == Some(ours) {
                return Ok(stream);
            }
            tracing::warn!(?process, ?user, expected = pid, "Turned a stranger away from a worker socket");
        }
    }

    fn not_accepted(&self, source: io::Error) -> WorkerError {
        WorkerError::Accept { path: self.path.clone(), source }
    }
}
