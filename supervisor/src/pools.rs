//! Configuration → workers: every enabled engine's pool, and what it runs on.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use ishowtts_workers::{
    Change, ChangeHook, ExecLimits, Patience, Pool, Room, Upkeep, VoiceSample, WorkerSpec, process::Launch,
    protocol::Ready,
};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    config::{Config, Engine, VISIBLE_GPUS},
    placement::{AMPLE, Cards, Site, choose, spread},
    sandbox::{Folders, Sandbox},
};

/// Longest audio of one segment: at the slowest rate a segment's text takes a few minutes; more is an engine
/// gone astray.
const MAX_SEGMENT_AUDIO: usize = 32 * 1024 * 1024;

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
        let mut taken = Taken::default();
        let enabled = config.enabled_engines().filter_map(|(name, engine)| {
            let interpreter = places.interpreters.get(name)?;
            let devices = taken.devices(engine, &places.cards);
            let spec = |(replica, device): (u32, String)| {
                spec(config, name, engine, (replica, &device), places, interpreter)
            };
            let specs = (0..).zip(devices).map(spec).collect();
            let seats = usize::try_from(engine.replicas).unwrap_or(1);
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
        let before = self.identity(name);
        self.set_identity(name, None);
        let renewed = pool
            .renew(|old| spec(config, name, engine, (old.replica, &old.device), &self.places, interpreter))
            .await;
        let after =
            if renewed.is_ok() { Some(identity(config, name, engine, &self.places).into()) } else { before };
        self.set_identity(name, after);
        renewed
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

/// Workers that are on their way to a device, before any was measured.
#[derive(Default)]
struct Taken(BTreeMap<String, usize>);

impl Taken {
    /// A device for each of an engine's workers, spares last.
    fn devices(&mut self, engine: &Engine, cards: &Cards) -> Vec<String> {
        // Of one device nothing needs to be asked.
        let free = match &engine.devices[..] {
            [_] => vec![Some(AMPLE)],
            several => cards.free(several),
        };
        let sites = engine.devices.iter().zip(free).map(|(device, free)| {
            let others = self.0.get(device).copied().unwrap_or_default();
            Site { own: 0, others, free }
        });
        let sites: Vec<Site> = sites.collect();
        let count = usize::try_from(engine.replicas + engine.spares).unwrap_or(1);
        let chosen = spread(&sites, count).into_iter().filter_map(|at| engine.devices.get(at).cloned());
        let chosen: Vec<String> = chosen.collect();
        for device in &chosen {
            *self.0.entry(device.clone()).or_default() += 1;
        }
        chosen
    }
}

/// Whether another worker may be warm before one goes, and on which device.
fn room(engine: &Engine, cards: &Cards) -> Room {
    let (told, devices, cards) = (engine.warm_restart, engine.devices.clone(), cards.clone());
    let keeps = engine.env.contains_key(VISIBLE_GPUS);
    Arc::new(move |spec, status, others| {
        if told == Some(false) {
            return None;
        }
        let own = |device: &String| others.iter().filter(|other| *other == device).count();
        let free = if told == Some(true) { vec![Some(AMPLE); devices.len()] } else { cards.free(&devices) };
        let sites = devices.iter().zip(free).map(|(device, free)| Site { own: own(device), others: 0, free });
        let device = devices.get(choose(&sites.collect::<Vec<_>>(), status.memory.device_bytes)?)?;
        Some(cards.assign(spec, device, keeps))
    })
}

fn identity(config: &Config, name: &str, engine: &Engine, places: &Places) -> String {
    // Both are named after what they hold.
    let code = places.code.file_name().unwrap_or_default().to_string_lossy();
    let packages = places.interpreters.get(name).map(|python| python.to_string_lossy()).unwrap_or_default();
    let mut hash = Sha256::new();
    for voice in
        config.voices.values().filter(|voice| voice.routes.values().any(|route| route.engine == name))
    {
        if let Some(clone) = &voice.clone {
            hash.update(&clone.transcript);
            // A recording that cannot be read fails its worker, which says so.
            hash.update(fs::read(&clone.reference).unwrap_or_default());
        }
    }
    let settings = Value::Object(engine.settings.clone());
    format!(
        "{code} {packages} {settings} {} {} {:x?}",
        engine.devices.join(","),
        engine.threads,
        hash.finalize()
    )
}

/// A text that asks for far too much is stopped by this before the machine runs out of memory. CUDA maps far more than
/// it uses.
fn address_space(engine: &Engine) -> Option<u64> {
    engine.memory_mb.filter(|_| !engine.is_on_gpu()).map(|mb| mb.saturating_mul(2))
}

fn spec(
    config: &Config,
    name: &str,
    engine: &Engine,
    (replica, device): (u32, &str),
    places: &Places,
    interpreter: &Path,
) -> WorkerSpec {
    let samples = config.voices.iter().filter_map(|(id, voice)| {
        let clone = voice.clone.as_ref()?;
        let speaks = voice.routes.values().any(|route| route.engine == name);
        speaks.then(|| VoiceSample {
            id: id.clone(),
            language: clone.language.clone(),
            reference: clone.reference.clone(),
            transcript: clone.transcript.clone(),
        })
    });
    let mut env = BTreeMap::from([
        ("PYTHONPATH".to_owned(), places.code.to_string_lossy().into_owned()),
        // Nothing that lies about in a user's home or in the scratch directory takes a module's place.
        ("PYTHONNOUSERSITE".to_owned(), "1".to_owned()),
        ("PYTHONSAFEPATH".to_owned(), "1".to_owned()),
        ("PYTHONUNBUFFERED".to_owned(), "1".to_owned()),
        // Threads that wait actively would take the very cores that the others compute on.
        ("OMP_WAIT_POLICY".to_owned(), "PASSIVE".to_owned()),
        ("OMP_NUM_THREADS".to_owned(), engine.threads.to_string()),
        // `cuda:1` is the same card for workers, for the metrics and for `nvidia-smi`.
        ("CUDA_DEVICE_ORDER".to_owned(), "PCI_BUS_ID".to_owned()),
        // A server never downloads behind its user's back.
        ("HF_HUB_OFFLINE".to_owned(), "1".to_owned()),
        ("ISHOWTTS_CACHE".to_owned(), places.kept.join(name).to_string_lossy().into_owned()),
    ]);
    let folders = Folders { code: &places.code, kept: &places.kept, runtime: &places.runtime };
    let (confinement, own) = places.sandbox.confinement(config, name, engine, interpreter, folders);
    env.extend(own);
    env.extend(engine.env.clone());
    let spec = WorkerSpec {
        engine: name.to_owned(),
        replica,
        device: device.to_owned(),
        seen_as: device.to_owned(),
        threads: engine.threads,
        settings: engine.settings.clone(),
        voices: samples.collect(),
        launcher: places.launcher.clone(),
        program: interpreter.to_owned(),
        args: ["-s", "-m", "ishowtts_worker", "--log-level", &places.log_level].map(Into::into).into(),
        env,
        working_dir: places.runtime.clone(),
        socket_dir: places.runtime.clone(),
        limits: ExecLimits { cpus: engine.cpus.clone(), nice: engine.nice, memory_mb: address_space(engine) },
        confinement,
        patience: Patience {
            stall: Duration::from_secs(engine.stall_s.into()),
            startup_stillness: Duration::from_secs(engine.start_patience_s.into()),
            ..Patience::default()
        },
        upkeep: Upkeep {
            max_segments: engine.max_segments,
            rss_growth: engine.rss_growth,
            rss_bytes: engine.memory_mb.map(|mb| mb << 20),
            device_bytes: engine.device_memory_mb.map(|mb| mb << 20),
        },
        max_audio_bytes: MAX_SEGMENT_AUDIO,
    };
    places.cards.assign(spec, device, engine.env.contains_key(VISIBLE_GPUS))
}
