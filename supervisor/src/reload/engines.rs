//! Engines, brought to what the configuration says of them while they are asked to speak.

use std::sync::Arc;

use super::{EngineChange, EngineFate, voices};
use crate::{
    config::{Config, Limits},
    environments::Environments,
    schedule::Scheduler,
    systemd::Setup,
    voices::Shelf,
};

/// Engines, and what is needed to start and stop them.
#[derive(Debug)]
pub struct Engines {
    scheduler: Arc<Scheduler>,
    shelf: Arc<Shelf>,
    environments: Arc<Environments>,
}

impl Engines {
    /// Those of this scheduler, with the voices that were sent to us.
    pub fn new(scheduler: Arc<Scheduler>, shelf: Arc<Shelf>, environments: Arc<Environments>) -> Self {
        Self { scheduler, shelf, environments }
    }

    pub(super) fn shelf(&self) -> &Arc<Shelf> {
        &self.shelf
    }

    /// What of a configuration is in force at once.
    pub(super) fn adopt(&self, config: &Config, limits: &Limits) {
        self.scheduler.limit(limits);
        self.scheduler.pools().adopt(config);
    }

    /// Has workers know the voices on the shelf: engine after engine, other workers before those that serve go.
    pub(super) async fn settle_voices(&self, config: &Config) {
        for engine in self.shelf.unsettled() {
            voices::settle(&self.shelf, self.scheduler.pools(), config, &engine).await;
        }
    }

    /// Brings an engine from what it was last to what it is to be. If that fails it is as it was, and the reason is
    /// returned.
    pub(super) async fn bring(
        &self,
        config: &Config,
        last: &Config,
        change: &EngineChange,
    ) -> Result<(), String> {
        let engine = &change.engine;
        let (mut config, mut last) = (config.clone(), last.clone());
        let heard = self.shelf.hear_in(&mut config, Some(engine), false);
        self.shelf.hear_in(&mut last, Some(engine), false);
        match change.what {
            EngineFate::Started => self.start(&config, engine).await?,
            EngineFate::Stopped => {
                self.stop(&config, engine).await;
                return Ok(());
            }
            EngineFate::Resized | EngineFate::Replaced => {
                let is_replaced = change.what == EngineFate::Replaced;
                if let Err(why) = self.reshape(&config, engine, is_replaced).await {
                    self.restore(&last, engine).await;
                    return Err(why);
                }
            }
        }
        self.shelf.in_force(&heard);
        Ok(())
    }

    async fn start(&self, config: &Config, engine: &str) -> Result<(), String> {
        self.set_up(config, engine).await?;
        self.scheduler.lay_out(config, engine);
        let came = self.scheduler.pools().enable(config, engine).await;
        self.scheduler.look_anew(engine);
        came
    }

    async fn stop(&self, config: &Config, engine: &str) {
        let has_finished = self.scheduler.withdraw(engine, config.server.grace).await;
        if !has_finished {
            tracing::warn!(
                engine,
                "The grace time is over before everything was spoken that was asked of it"
            );
        }
        self.scheduler.pools().dissolve(engine, has_finished).await;
        self.scheduler.look_anew(engine);
    }

    async fn reshape(&self, config: &Config, engine: &str, is_replaced: bool) -> Result<(), String> {
        let pools = self.scheduler.pools();
        if pools.at_work(engine).is_none() {
            // Its environment could not be made before.
            return self.start(config, engine).await;
        }
        if is_replaced {
            self.set_up(config, engine).await?;
        }
        self.scheduler.lay_out(config, engine);
        if is_replaced {
            // Nobody is replaced who is too many.
            pools.shrink(config, engine).await;
            pools.renew(config, engine).await?;
        }
        pools.resize(config, engine).await
    }

    /// An engine's workers are to be as they were.
    async fn restore(&self, last: &Config, engine: &str) {
        self.scheduler.lay_out(last, engine);
        // The reasons are told of that which was to be done.
        drop(self.set_up(last, engine).await);
        if !self.scheduler.pools().has_size_of(last, engine) {
            drop(self.scheduler.pools().resize(last, engine).await);
        }
    }

    /// Makes the environment of an engine, unless it is there.
    async fn set_up(&self, config: &Config, name: &str) -> Result<(), String> {
        let Some(engine) = config.engines.get(name) else { return Err("it is not configured".into()) };
        let made = self.environments.ensure(name, &engine.python, &Setup).await;
        let interpreter = made.map_err(|error| error.to_string())?;
        self.scheduler.pools().prepare(config, name, interpreter).await;
        Ok(())
    }
}
