//! Engines that are switched on and off while others speak.

use std::{path::PathBuf, sync::Arc};

use ishowtts_workers::Pool;

use super::{Places, Pools, Roster, identity, room};
use crate::{config::Config, placement::Cards};

impl Pools {
    /// Makes ready for workers of an engine that run in this interpreter, as this configuration has them.
    pub async fn prepare(&self, config: &Config, name: &str, interpreter: PathBuf) {
        let before = self.places();
        let mut places = Places::clone(&before);
        if let Some(engine) = config.engines.get(name) {
            places.sandbox.learn(config, name, engine, &interpreter).await;
            if engine.is_on_gpu() && !places.cards.are_known() {
                places.cards = Cards::find(&config.gpu.root).await;
            }
        }
        places.interpreters.insert(name.to_owned(), interpreter);
        self.places.store(Arc::new(places));
    }

    /// Starts the workers of an engine that had none; it can be asked for when all of them are warm. If one does not
    /// start, none stays, and its reason is returned.
    pub async fn enable(&self, config: &Config, name: &str) -> Result<(), String> {
        let Some(engine) = config.engines.get(name) else { return Err("it is not configured".into()) };
        let places = self.places();
        let room = room(engine, &places.cards);
        let pool = Arc::new(Pool::start(name, Vec::new(), 0, &self.launcher, self.changed.clone(), room));
        self.change(|roster| drop(roster.in_the_wings.insert(name.to_owned(), Arc::clone(&pool))));
        let came = self.resize(config, name).await;
        if came.is_ok() {
            self.set_identity(name, Some(identity(config, name, engine, &places).into()));
            self.change(|roster| roster.enter(name));
        } else {
            self.change(|roster| roster.strike(name));
        }
        came
    }

    /// Nobody new can ask for an engine any more; its workers go on with what they were given.
    pub fn withdraw(&self, name: &str) {
        self.change(|roster| roster.leave(name));
    }

    /// Has the workers of an engine leave that was withdrawn; they finish first if they `may_finish`.
    pub async fn dissolve(&self, name: &str, may_finish: bool) {
        let pool = self.roster.load().in_the_wings.get(name).cloned();
        if let Some(pool) = pool {
            if !may_finish {
                pool.stop().await;
            }
            // Nobody comes who could fail to.
            drop(pool.resize(0, 0, Vec::new()).await);
        }
        self.change(|roster| roster.strike(name));
        self.set_identity(name, None);
    }

    /// Knows the engines that this configuration names, and whether their workers may be replaced by warm ones.
    pub fn adopt(&self, config: &Config) {
        self.change(|roster| roster.engines = config.engines.keys().cloned().collect());
        for pool in self.iter() {
            if let Some(engine) = config.engines.get(pool.engine()) {
                pool.set_room(room(engine, &self.places().cards));
            }
        }
    }

    fn change(&self, change: impl Fn(&mut Roster)) {
        self.roster.rcu(|roster| {
            let mut roster = Roster::clone(roster);
            change(&mut roster);
            roster
        });
    }
}
