//! Which engines have workers, and which of those are asked for.

use std::{collections::BTreeMap, sync::Arc};

use ishowtts_workers::{Pool, lifecycle::Fault};

/// How lives ended, counted as [`Fault::LABELS`] names them.
pub(super) type Ends = [u64; Fault::LABELS.len()];

/// All pools, by engine. One that changes is put in the place of the one before, whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster {
    /// Those that are asked for.
    pub(super) on_stage: BTreeMap<String, Arc<Pool>>,
    /// Those that come, and those that go: nobody new is let in for them, and whoever was is served.
    pub(super) in_the_wings: BTreeMap<String, Arc<Pool>>,
    /// How the lives of those workers ended that are gone with their pools.
    pub(super) ended: BTreeMap<String, Ends>,
    /// Engines that could not even be given a pool, and why.
    pub(super) unavailable: BTreeMap<String, String>,
    /// Every engine that the configuration names.
    pub(super) engines: Arc<[String]>,
}

impl Roster {
    /// The pool of an engine that has workers, whoever may ask for it.
    pub(super) fn at_work(&self, engine: &str) -> Option<&Arc<Pool>> {
        self.on_stage.get(engine).or_else(|| self.in_the_wings.get(engine))
    }

    /// Every pool.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.on_stage.values().chain(self.in_the_wings.values())
    }

    /// How the lives of all workers ended that an engine had.
    pub(super) fn ends(&self, engine: &str) -> Ends {
        let mut sums = self.ended.get(engine).copied().unwrap_or_default();
        let own = self.at_work(engine).map(|pool| pool.faults()).unwrap_or_default();
        for (sum, own) in sums.iter_mut().zip(own) {
            *sum += own;
        }
        sums
    }

    /// A pool that had left has no workers any more.
    pub(super) fn strike(&mut self, engine: &str) {
        let ends = self.ends(engine);
        if self.in_the_wings.remove(engine).is_some() {
            self.ended.insert(engine.to_owned(), ends);
        }
    }

    /// An engine's pool is asked for from now on.
    pub(super) fn enter(&mut self, engine: &str) {
        if let Some(pool) = self.in_the_wings.remove(engine) {
            self.on_stage.insert(engine.to_owned(), pool);
            self.unavailable.remove(engine);
        }
    }

    /// An engine's pool is asked for no longer.
    pub(super) fn leave(&mut self, engine: &str) {
        self.unavailable.remove(engine);
        if let Some(pool) = self.on_stage.remove(engine) {
            self.in_the_wings.insert(engine.to_owned(), pool);
        }
    }
}
