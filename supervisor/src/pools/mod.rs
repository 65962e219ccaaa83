//! Configuration → workers: every enabled engine's pool, and what it runs on.

mod comings;
mod devices;
mod roster;
mod spec;

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use arc_swap::ArcSwap;
use ishowtts_workers::{Change, ChangeHook, Pool, lifecycle::Fault, process::Launch, protocol::Ready};
use tokio::task::spawn_blocking;

use self::{
    devices::{place, replace, room},
    roster::Roster,
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
pub struct Pools {
    roster: ArcSwap<Roster>,
    /// Absent while an engine is being given other settings: then nobody knows which audio is whose.
    identities: RwLock<BTreeMap<String, Arc<str>>>,
    /// What it is for an engine whose environment was made later is put in the place of what was before.
    places: ArcSwap<Places>,
    launcher: Arc<dyn Launch>,
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
            Some((name.clone(), Arc::new(pool)))
        });
        let roster = Roster {
            on_stage: enabled.collect(),
            unavailable,
            engines: config.engines.keys().cloned().collect(),
            ..Roster::default()
        };
        let engines = config.engines.iter();
        let identities =
            engines.map(|(name, engine)| (name.clone(), identity(config, name, engine, places).into()));
        Self {
            identities: RwLock::new(identities.collect()),
            roster: ArcSwap::from_pointee(roster),
            launcher: Arc::clone(launcher),
            changed,
            places: ArcSwap::from_pointee(places.clone()),
        }
    }

    /// How workers are confined.
    pub fn sandbox(&self) -> Sandbox {
        self.places().sandbox.clone()
    }

    fn places(&self) -> Arc<Places> {
        self.places.load_full()
    }

    /// The pool of an engine, if it is enabled.
    pub fn get(&self, engine: &str) -> Option<Arc<Pool>> {
        self.roster.load().on_stage.get(engine).cloned()
    }

    /// The pool of an engine that has workers, even if nobody new is let in for it.
    pub fn at_work(&self, engine: &str) -> Option<Arc<Pool>> {
        self.roster.load().at_work(engine).cloned()
    }

    /// How the lives of all workers of an engine ended so far, counted as [`Fault::LABELS`] names them.
    pub fn ends(&self, engine: &str) -> [u64; Fault::LABELS.len()] {
        self.roster.load().ends(engine)
    }

    /// Names of all engines in the configuration.
    pub fn engines(&self) -> Arc<[String]> {
        Arc::clone(&self.roster.load().engines)
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
        let places = self.places();
        let (Some(pool), Some(engine), Some(interpreter)) =
            (self.at_work(name), config.engines.get(name), places.interpreters.get(name))
        else {
            return Err("it has no workers".into());
        };
        pool.set_room(room(engine, &places.cards));
        let (roll, others) = (pool.roll(), self.taken_beside(name));
        let moves = {
            let (engine, cards) = (engine.clone(), places.cards.clone());
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
                spec(config, name, engine, (old.replica, device), &places, interpreter)
            })
            .await;
        let after =
            if renewed.is_ok() { Some(identity(config, name, engine, &places).into()) } else { before };
        self.set_identity(name, after);
        renewed
    }

    /// Has as many workers of an engine as this configuration says: those who come serve when they are warm, and those
    /// who go finish first. If one does not start, there are as many as before, and the reason is returned.
    pub async fn resize(&self, config: &Config, name: &str) -> Result<(), String> {
        let places = self.places();
        let (Some(pool), Some(engine), Some(interpreter)) =
            (self.at_work(name), config.engines.get(name), places.interpreters.get(name))
        else {
            return Err("it has no workers".into());
        };
        let ((seats, most), roll, others) = (size(engine), pool.roll(), self.taken_beside(name));
        let is_free = |number: &u32| roll.iter().all(|(replica, _)| replica != number);
        let coming: Vec<u32> = (0..).filter(is_free).take(most.saturating_sub(roll.len())).collect();
        let devices = {
            let (engine, cards, count) = (engine.clone(), places.cards.clone(), coming.len());
            let own: Vec<String> = roll.into_iter().map(|(_, device)| device).collect();
            // A driver may take its time.
            spawn_blocking(move || place(&engine, &cards, (&own, &others), count)).await
        };
        let devices = devices.map_err(|lost| lost.to_string())?;
        let newcomers = coming
            .into_iter()
            .zip(&devices)
            .map(|(replica, device)| spec(config, name, engine, (replica, device), &places, interpreter));
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
        let roster = self.roster.load_full();
        let others = roster.all().filter(|pool| pool.engine() != name);
        others.flat_map(|pool| pool.roll().into_iter().map(|(_, device)| device)).collect()
    }

    fn set_identity(&self, name: &str, identity: Option<Arc<str>>) {
        let mut identities = self.identities.write().unwrap_or_else(PoisonError::into_inner);
        match identity {
            Some(identity) => identities.insert(name.to_owned(), identity),
            None => identities.remove(name),
        };
    }

    /// The pools of all enabled engines.
    pub fn iter(&self) -> impl Iterator<Item = Arc<Pool>> {
        self.roster.load().on_stage.values().cloned().collect::<Vec<_>>().into_iter()
    }

    /// Why an engine that is enabled has no pool.
    pub fn unavailable(&self, engine: &str) -> Option<String> {
        self.roster.load().unavailable.get(engine).cloned()
    }

    /// Whether an engine is switched on.
    pub fn is_on(&self, engine: &str) -> bool {
        let roster = self.roster.load();
        roster.on_stage.contains_key(engine) || roster.unavailable.contains_key(engine)
    }

    /// What an engine said of itself, once one of its workers was ready.
    pub fn ready(&self, engine: &str) -> Option<Arc<Ready>> {
        // Whoever was let in may have more to say.
        self.at_work(engine)?.ready()
    }

    /// Why an engine cannot be used at all, if it cannot.
    pub fn failure(&self, engine: &str) -> Option<String> {
        if let Some(why) = self.unavailable(engine) {
            return Some(why);
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
        self.get(engine).is_some_and(|pool| pool.takes_orders())
    }

    /// Has `callback` called whenever a worker begins or ceases to take orders.
    pub fn on_change(&self, callback: impl Fn(Change<'_>) + Send + Sync + 'static) {
        self.changed.set(callback);
    }

    /// Has given-up workers try again.
    pub async fn retry(&self) {
        let roster = self.roster.load_full();
        futures_util::future::join_all(roster.on_stage.values().map(|pool| pool.retry())).await;
    }

    /// Ends all workers and waits for them.
    pub async fn stop(&self) {
        let roster = self.roster.load_full();
        futures_util::future::join_all(roster.all().map(|pool| pool.stop())).await;
    }
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pools").field("roster", &self.roster).finish_non_exhaustive()
    }
}

/// How many workers of an engine take orders, and how many there are in all.
fn size(engine: &Engine) -> (usize, usize) {
    let count = |workers: u32| usize::try_from(workers).unwrap_or(1);
    (count(engine.replicas), count(engine.replicas + engine.spares))
}
