//! A call-back for whoever waits for workers, set once.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

type Callback = Box<dyn Fn() + Send + Sync>;

/// Called whenever a worker becomes free or its life changes, on the task where that happens: it must be quick.
#[derive(Clone, Default)]
pub struct ChangeHook(Arc<OnceLock<Callback>>);

impl ChangeHook {
    /// Sets what is called from now on; a second time changes nothing.
    pub fn set(&self, callback: impl Fn() + Send + Sync + 'static) {
        self.0.get_or_init(|| Box::new(callback));
    }

    pub(crate) fn call(&self) {
        if let Some(callback) = self.0.get() {
            callback();
        }
    }
}

impl fmt::Debug for ChangeHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeHook").field("set", &self.0.get().is_some()).finish()
    }
}
