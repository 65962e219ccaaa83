//! A call-back for whoever schedules over workers, set once.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// What has changed about a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'c> {
    /// Its engine.
    pub engine: &'c str,
    /// Which of the engine's seats it is in.
    pub worker: usize,
    /// What it does now.
    pub to: ChangeTo,
}

/// What a worker does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeTo {
    /// It takes orders.
    Ready {
        /// Of all sittings that are told of here, the later has the greater number.
        sitting: u64,
    },
    /// None are taken in the seat any more, or it has become clearer when they will be.
    Gone {
        /// The sitting that is over.
        sitting: u64,
    },
    /// It has stopped between two steps, and its device is free.
    Paused,
}

type Callback = Box<dyn Fn(Change<'_>) + Send + Sync>;

/// Called whenever something changes about a worker, on the task where that happens: it must be quick.
#[derive(Clone, Default)]
pub struct ChangeHook {
    callback: Arc<OnceLock<Callback>>,
    /// The number of the last sitting, of whatever pool.
    sittings: Arc<AtomicU64>,
}

impl ChangeHook {
    /// Sets what is called from now on; a second time changes nothing.
    pub fn set(&self, callback: impl Fn(Change<'_>) + Send + Sync + 'static) {
        self.callback.get_or_init(|| Box::new(callback));
    }

    /// The number of a sitting that begins now.
    pub(crate) fn next_sitting(&self) -> u64 {
        self.sittings.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn call(&self, change: Change<'_>) {
        if let Some(callback) = self.callback.get() {
            callback(change);
        }
    }
}

impl fmt::Debug for ChangeHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeHook").field("set", &self.callback.get().is_some()).finish_non_exhaustive()
    }
}
