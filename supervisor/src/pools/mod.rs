//! Configuration → workers: every enabled engine's pool, and what it runs on.

mod devices;
mod spec;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use ishowtts_workers::{Change, ChangeHook, Pool, process::Launch, protocol::Ready};
use tokio::task::spawn_blocking;

use self::{
    devices::{place, replace, room},
    spec::{identity, spec},
};
use crate::{
    config::{Config, Engine},
    placement::Cards,
    sandbox::Sandbox,
};

/// Where workers find what they need.
#[derive(Clone, Debug)]
pub struct Places {
    /// Our Python package.
    pub code: PathBuf,
    /// A private directory for sockets and scratch files.
    pub runtime: PathBuf,
    /// Each engine has a folder of its own in it, for what it would otherwise make again at each start.
    pub kept: PathBuf,
    /// The Python interpreter of each engine's environment.
    pub interpreters: BTreeMap<String, PathBuf>,
    /// Our own binary.
    pub launcher: PathBuf,
    /// Log level of the workers.
    pub log_level: String,
    /// How they are confined.
    pub sandbox: Sandbox,
    /// The GPUs that they may be put on.
    pub cards: Cards,
}

/// All pools, by engine.
#[derive(Debug)]
pub struct Pools {
    by_engine: BTreeMap<String, Pool>,
    /// Engines that could not even be given a pool, and why.
    unavailable: BTreeMap<String, String>,
    /// Every engine that the configuration names.
    engines: Vec<String>,
    /// Absent while an engine is being given other settings: then nobody knows which audio is whose.
    identities: RwLock<BTreeMap<String, Arc<str>>>,
    places: Places,
    changed: ChangeHook,
}

impl Pools {
    /// Starts the workers of every enabled engine in `engines`.
    pub fn start(
        config: &Config,
        places: &Places,
        launcher: &Arc<dyn Launch>,
        unavailable: BTreeMap<String, String>,
    ) -> Self {
        let changed = ChangeHook::default();
        let mut taken = Vec::new();
        let enabled = config.enabled_engines().filter_map(|(name, engine)| {
            let interpreter = places.interpreters.get(name)?;
            let devices = place(engine, &places.cards, (&[], &taken), size(engine).1);
            let spec = |(replica, device): (u32, &String)| {
                spec(config, name, engine, (replica, device), places, interpreter)
            };
            let specs = (0..).zip(&devices).map(spec).collect();
            taken.extend(devices);
            let (seats, _) = size(engine);
            let pool =
                Pool::start(name, specs, seats, launcher, changed.clone(), room(engine, &places.cards));
            Some((name.clone(), pool))
        });
        let by_engine = enabled.collect();
        let engines = config.engines.iter();
        let identities =
            engines.map(|(name, engine)| (name.clone(), identity(config, name, engine, places).into()));
        Self {
            identities: RwLock::new(identities.collect()),
            by_engine,
            unavailable,
            engines: config.engines.keys().cloned().collect(),
            changed,
            places: places.clone(),
        }
    }

    /// How workers are confined.
    pub fn sandbox(&self) -> &Sandbox {
        &self.places.sandbox
    }

    /// The pool of an engine, if it is enabled.
    pub fn get(&self, engine: &str) -> Option<&Pool> {
        self.by_engine.get(engine)
    }

    /// Names of all engines in the configuration.
    pub fn engines(&self) -> &[String] {
        &self.engines
    }

    /// Everything about an engine that decides how it speaks, besides what a request asks for: code, packages,
    /// settings and recordings to imitate.
    pub fn identity(&self, engine: &str) -> Option<Arc<str>> {
        self.identities.read().unwrap_or_else(PoisonError::into_inner).get(engine).cloned()
    }

    /// Replaces an engine's workers one by one by those of this configuration, each warm before the one before it goes
    /// where there is room, without failing a request. If they do not start, those that serve stay, and the reason is
    /// returned. How many there are, and on which device, is as the configuration has it that the server started with.
    pub async fn renew(&self, config: &Config, name: &str) -> Result<(), String> {
        let (Some(pool), Some(engine), Some(interpreter)) =
            (self.get(name), config.engines.get(name), self.places.interpreters.get(name))
        else {
            return Err("it has no workers".into());
        };
        pool.set_room(room(engine, &self.places.cards));
        let (roll, others) = (pool.roll(), self.taken_beside(name));
        let moves = {
            let (engine, cards) = (engine.clone(), self.places.cards.clone());
            let now = roll.iter().map(|(_, device)| device.clone()).collect();
            // A driver may take its time.
            spawn_blocking(move || replace(&engine, &cards, now, &others)).await
        };
        let moves = moves.map_err(|lost| lost.to_string())?;
        let moves: BTreeMap<u32, String> = roll.into_iter().map(|(replica, _)| replica).zip(moves).collect();
        let before = self.identity(name);
        self.set_identity(name, None);
        let renewed = pool
            .renew(|old| {
                let device = moves.get(&old.replica).unwrap_or(&old.device);
                spec(config, name, engine, (old.replica, device), &self.places, interpreter)
            })
            .await;
        let after =
            if renewed.is_ok() { Some(identity(config, name, engine, &self.places).into()) } else { before };
        self.set_identity(name, after);
        renewed
    }

    /// Has as many workers of an engine as this configuration says: those who come serve when they are warm, and those
    /// who go finish first. If one does not start, there are as many as before, and the reason is returned.
    pub async fn resize(&self, config: &Config, name: &str) -> Result<(), String> {
        let (Some(pool), Some(engine), Some(interpreter)) =
            (self.get(name), config.engines.get(name), self.places.interpreters.get(name))
        else {
            return Err("it has no workers".into());
        };
        let ((seats, most), roll, others) = (size(engine), pool.roll(), self.taken_beside(name));
        let is_free = |number: &u32| roll.iter().all(|(replica, _)| replica != number);
        let coming: Vec<u32> = (0..).filter(is_free).take(most.saturating_sub(roll.len())).collect();
        let devices = {
            let (engine, cards, count) = (engine.clone(), self.places.cards.clone(), coming.len());
            let own: Vec<String> = roll.into_iter().map(|(_, device)| device).collect();
            // A driver may take its time.
            spawn_blocking(move || place(&engine, &cards, (&own, &others), count)).await
        };
        let devices = devices.map_err(|lost| lost.to_string())?;
        let newcomers = coming.into_iter().zip(&devices).map(|(replica, device)| {
            spec(config, name, engine, (replica, device), &self.places, interpreter)
        });
        pool.resize(seats, most, newcomers.collect()).await
    }

    /// Has those leave who are more than this configuration says, each when what it is speaking has ended.
    pub async fn shrink(&self, config: &Config, name: &str) {
        let (Some(pool), Some((seats, most))) = (self.get(name), config.engines.get(name).map(size)) else {
            return;
        };
        // Nobody comes who could fail to.
        drop(pool.resize(seats.min(pool.size()), most, Vec::new()).await);
    }

    /// Whether an engine has as many workers as this configuration says.
    pub fn has_size_of(&self, config: &Config, name: &str) -> bool {
        let wanted = config.engines.get(name).map(size);
        self.get(name).map(|pool| (pool.size(), pool.roll().len())) == wanted
    }

    /// Where the workers of all other engines are.
    fn taken_beside(&self, name: &str) -> Vec<String> {
        let others = self.iter().filter(|pool| pool.engine() != name);
        others.flat_map(|pool| pool.roll().into_iter().map(|(_, device)| device)).collect()
    }

    fn set_identity(&self, name: &str, identity: Option<Arc<str>>) {
        let mut identities = self.identities.write().unwrap_or_else(PoisonError::into_inner);
        match identity {
            Some(identity) => identities.insert(name.to_owned(), identity),
            None => identities.remove(name),
        };
    }

    /// Every pool.
    pub fn iter(&self) -> impl Iterator<Item = &Pool> {
        self.by_engine.values()
    }

    /// Why an engine that is enabled has no pool.
    pub fn unavailable(&self, engine: &str) -> Option<&str> {
        self.unavailable.get(engine).map(String::as_str)
    }

    /// What an engine said of itself, once one of its workers was ready.
    pub fn ready(&self, engine: &str) -> Option<Arc<Ready>> {
        self.get(engine)?.ready()
    }

    /// Why an engine cannot be used at all, if it cannot.
    pub fn failure(&self, engine: &str) -> Option<String> {
        if let Some(why) = self.unavailable(engine) {
            return Some(why.to_owned());
        }
        let pool = self.get(engine)?;
        if !pool.has_failed() {
            return None;
        }
        let last = pool.statuses().into_iter().find_map(|(_, status)| status.last_fault);
        Some(last.unwrap_or_else(|| "its workers do not start".into()))
    }

    /// Whether an engine has a worker that takes orders, which was heard to speak when it became ready and whenever it
    /// was tried since.
    pub fn speaks(&self, engine: &str) -> bool {
        self.get(engine).is_some_and(|pool| (0..pool.size()).any(|seat| pool.sitting(seat).is_some()))
    }

    /// Has `callback` called whenever a worker begins or ceases to take orders.
    pub fn on_change(&self, callback: impl Fn(Change<'_>) + Send + Sync + 'static) {
        self.changed.set(callback);
    }

    /// Has given-up workers try again.
    pub async fn retry(&self) {
        futures_util::future::join_all(self.by_engine.values().map(Pool::retry)).await;
    }

    /// Ends all workers and waits for them.
    pub async fn stop(&self) {
        futures_util::future::join_all(self.by_engine.values().map(Pool::stop)).await;
    }
}

/// How many workers of an engine take orders, and how many there are in all.
fn size(engine: &Engine) -> (usize, usize) {
    let count = |workers: u32| usize::try_from(workers).unwrap_or(1);
    (count(engine.replicas), count(engine.replicas + engine.spares))
}
