//! The composition root: the only file that knows every room.

mod asked;
mod entry;
mod jobs;
mod runtime;

use std::{
    cell::Cell,
    collections::BTreeMap,
    error::Error,
    path::PathBuf,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use ishowtts_workers::{
    lifecycle::State,
    process::{Launch, Launcher},
};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use self::{
    asked::Asked,
    entry::{told, without_delay},
};
use crate::{
    auth::Keyring,
    cache::Cache,
    cluster::Cluster,
    config::{Config, Overrides},
    control::{Answer, Control},
    environments::{Environments, Progress},
    gpu::Watch,
    listeners::{Doors, Entrance},
    metrics::Metrics,
    package,
    placement::Cards,
    pools::{Places, Pools},
    probe,
    reload::{Engines, Reloader},
    sandbox::Sandbox,
    schedule::Scheduler,
    shutdown::{HangUps, Signals},
    stream::Studio,
    surface::{self, AppState, Http, InForce, Live, Previews, Shared, Uploads, Wyoming},
    systemd::{self, Setup},
    telemetry,
    traces::{Exporter, Traces},
    voices::Shelf,
};

/// What it is asked for at the end on top of the grace time: workers are ended, connections closed, the cache written.
const LEAVING: Duration = Duration::from_secs(20);
/// How long a voice that was sent waits for others that come with it.
const GATHERED: Duration = Duration::from_millis(300);
/// How long recordings may take to reach the disk once everything was answered.
const GOODBYE: Duration = Duration::from_secs(2);

/// Workers, and the way to them.
#[derive(Debug)]
pub struct Running {
    /// Where utterances become streams.
    pub studio: Arc<Studio>,
    /// All families.
    pub metrics: Arc<Metrics>,
    /// Voices that were sent to us.
    pub shelf: Arc<Shelf>,
    pools: Arc<Pools>,
    environments: Arc<Environments>,
    /// The way to machines that share with this one, while it serves.
    cluster: Option<Arc<Cluster>>,
    /// Sockets and scratch files; gone with it.
    runtime: TempDir,
}

impl Running {
    /// Sets up what is missing and starts the workers of every enabled engine. An engine whose environment
    /// cannot be made is unavailable, and the others go on.
    pub async fn start(
        config: &Config,
        level: &str,
        progress: &dyn Progress,
        shelf: Arc<Shelf>,
        traces: Traces,
    ) -> Result<Self, Box<dyn Error>> {
        let mut with_voices = config.clone();
        shelf.hear_in(&mut with_voices, None, false);
        let config = &with_voices;
        let environments =
            Environments::new(&config.server.state_dir, config.server.python.as_deref()).await?;
        let environments = Arc::new(environments);
        let mut interpreters = BTreeMap::new();
        let mut unavailable = BTreeMap::new();
        for (name, engine) in config.enabled_engines() {
            match environments.ensure(name, &engine.python, progress).await {
                Ok(python) => {
                    interpreters.insert(name.clone(), python);
                }
                Err(error) => {
                    tracing::error!(engine = name, "The engine is not available: {error}");
                    unavailable.insert(name.clone(), error.to_string());
                }
            }
        }
        let runtime = runtime::folder()?;
        let sandbox = Sandbox::prepare(config, &interpreters).await;
        let is_gpu_used = config.enabled_engines().any(|(_, engine)| engine.is_on_gpu());
        let cards = if is_gpu_used { Cards::find(&config.gpu.root).await } else { Cards::default() };
        let places = Places {
            code: package::unpack(&config.server.state_dir.join("worker-code")).map_err(|error| {
                let dir = config.server.state_dir.display();
                format!(
                    "could not write to the state directory {dir}: {error}; choose another with --state-dir"
                )
            })?,
            runtime: runtime.path().to_owned(),
            kept: config.server.state_dir.join("engine-cache"),
            interpreters,
            // Holds even when the file on disk is replaced by an upgrade: it names the program that runs.
            launcher: PathBuf::from("/proc/self/exe"),
            log_level: worker_level(level).to_owned(),
            sandbox,
            cards,
        };
        let launcher: Arc<dyn Launch> = Arc::new(Launcher::start()?);
        let pools = Arc::new(Pools::start(config, &places, &launcher, unavailable));
        let metrics = Arc::new(Metrics::new()?.with_traces(traces));
        metrics.up.set(1.0);
        let cache = Cache::open(&config.cache, &config.server.state_dir, Arc::clone(&metrics)).await;
        let scheduler = Scheduler::start(Arc::clone(&pools), config);
        probe::start(&scheduler, config.limits.probe);
        let studio = Studio::new(scheduler, cache, Arc::clone(&shelf), config);
        Ok(Self { studio, metrics, shelf, pools, environments, cluster: None, runtime })
    }

    /// Reads the configuration again whenever somebody asks for that.
    async fn reloads(&self, reloader: &Reloader, mut asked: Asked<'_>, is_up: &Cell<bool>) {
        loop {
            let callers = asked.anybody().await;
            if is_up.get() {
                systemd::reloading();
            }
            let answer = asked.meanwhile(Box::pin(self.reload(reloader))).await;
            if is_up.get() {
                systemd::ready(&self.line());
            }
            join_all(callers.into_iter().map(|caller| caller.answer(&answer))).await;
        }
    }

    /// Has workers know the voices that were sent to us, whenever one comes or goes.
    async fn voices(&self, reloader: &Reloader) {
        loop {
            self.shelf.changed().await;
            // Several that come in a row are one change.
            sleep(GATHERED).await;
            reloader.settle_voices().await;
        }
    }

    /// Brings a changed configuration into force, has given-up engines try again, and tells the log what came of it.
    async fn reload(&self, reloader: &Reloader) -> Answer {
        let answer = match reloader.reload().await {
            Ok(outcome) => {
                for line in outcome.to_string().lines() {
                    tracing::info!("Configuration read again: {line}");
                }
                Answer::Done(outcome)
            }
            Err(error) => {
                tracing::error!("The configuration is not changed: {error}");
                Answer::Refused(error.to_string())
            }
        };
        self.pools.retry().await;
        answer
    }

    /// Meets other machines, if the configuration says where.
    async fn in_cluster(self, config: &Config) -> Result<Self, Box<dyn Error>> {
        let Some(cluster) = &config.cluster else { return Ok(self) };
        let folder = config.server.state_dir.join("cluster");
        let cluster = Cluster::meet(cluster, Arc::clone(&self.shelf), &folder).await?;
        Ok(Self { cluster: Some(Arc::new(cluster)), ..self })
    }

    /// How everything stands, in one line.
    fn line(&self) -> String {
        systemd::line(&self.pools, self.cluster.as_ref().map(|cluster| cluster.link.is_up()))
    }

    /// Ends the workers and waits until they are gone.
    pub async fn stop(&self) {
        self.pools.stop().await;
    }

    /// Waits until every required engine has a ready worker or was given up.
    async fn settled(&self, required: &[String]) {
        for pool in self.pools.iter().filter(|pool| required.contains(&pool.engine().to_owned())) {
            let settled = pool.watch().into_iter().map(|mut status| async move {
                let settled = |state| matches!(state, State::Ready | State::Busy | State::Failed);
                // A worker whose task has ended is settled too.
                drop(status.wait_for(|status| settled(status.state)).await);
            });
            let mut settled: Vec<_> = settled.map(Box::pin).collect();
            while !settled.is_empty() && self.pools.ready(pool.engine()).is_none() {
                let ((), _, rest) = futures_util::future::select_all(settled).await;
                settled = rest;
            }
        }
    }
}

/// Serves until a signal ends it. `overrides` and `level` are what the command line said, and say again whenever the
/// configuration is read anew.
pub async fn serve(
    config: Config,
    overrides: Overrides,
    level: Option<String>,
) -> Result<(), Box<dyn Error>> {
    // First of all: a port that is taken shows before anything is built or loaded.
    let (doors, wyoming, reachable) = entry::open(&config)?;
    let is_inherited = doors.is_inherited();
    let mut signals = Signals::listen()?;
    let mut hang_ups = HangUps::listen()?;
    tell_of_keys(&config);
    surface::make_room(config.limits.max_connections + config.wyoming.max_connections);
    let worker_level = level.as_deref().or(config.log.level.as_deref()).unwrap_or(telemetry::USUAL);
    let shelf = Shelf::open(&config.server.state_dir);
    let live = InForce::new(Live::of(&config, &shelf));
    let address = told(&doors);
    tracing::info!(version = crate::VERSION, address, wyoming = wyoming.as_ref().map(told), "Starting");

    let devices = config
        .enabled_engines()
        .flat_map(|(name, engine)| engine.devices.iter().map(|device| (name.clone(), device.clone())));
    let gpus = Watch::start(&config.gpu.root, config.gpu.every, devices.collect());
    let (exporter, both) = (Exporter::start(&config.telemetry)?, (&doors, wyoming.as_ref()));
    let running = tokio::select! {
        running = set_up(&config, worker_level, both, &live, &shelf, exporter.traces()) => running?,
        signal = signals.next() => {
            tracing::info!(signal, "Ended before everything was set up");
            return Ok(());
        }
    };
    running.pools.sandbox().tell();
    let jobs = jobs::begin(&config, &running, &live).await;
    let required = live.now().required.clone();
    let state = AppState::new(Shared {
        studio: Arc::clone(&running.studio),
        live: live.clone(),
        metrics: Arc::clone(&running.metrics),
        gpus: gpus.gpus().clone(),
        shelf: Arc::clone(&running.shelf),
        uploads: Uploads::default(),
        previews: Previews::default(),
        jobs: jobs.clone(),
        cluster: running.cluster.clone(),
        started: Instant::now(),
    });
    let entrance = doors.entrance();
    let wyoming = wyoming.map(|doors| {
        tracing::info!(address = told(&doors), "Listening for Wyoming");
        Wyoming::serve(doors, state.clone())
    });
    let mut http = Http::serve(without_delay(doors), entrance.watch_over(surface::router(state)), &live);
    let mut control = Control::listen(running.runtime.path())?;
    let scheduler = running.studio.scheduler();
    let engines = Engines::new(Arc::clone(scheduler), shelf, Arc::clone(&running.environments));
    let reloader = Reloader::new(config, overrides, level, reachable, live, engines);
    tracing::info!(address, "Listening");

    let is_up = Cell::new(false);
    let announce = async {
        tokio::select! {
            () = running.settled(&required) => {}
            () = systemd::starting(scheduler) => {}
        }
        let status = running.line();
        systemd::ready(&status);
        is_up.set(true);
        tracing::info!("{status}");
    };
    let tell = async { tokio::join!(announce, systemd::follow(|| running.line()), systemd::feed(scheduler)) };
    let reload = running.reloads(&reloader, Asked::new(&mut hang_ups, &mut control), &is_up);
    let signal = tokio::select! {
        signal = signals.next() => signal,
        _ = tell => return Ok(()),
        () = reload => return Ok(()),
        () = running.voices(&reloader) => return Ok(()),
        ended = &mut http.task => {
            ended??;
            return Err("the listener ended by itself".into());
        }
    };

    tracing::info!(signal, in_flight = scheduler.in_flight(), "Draining");
    let grace = reloader.grace().await;
    systemd::stopping(scheduler.in_flight(), grace + LEAVING);
    running.metrics.up.set(0.0);
    wyoming.iter().for_each(Wyoming::drain);
    tokio::select! {
        _ = async { tokio::join!(drain(scheduler, is_inherited.then_some(&entrance)), jobs::rest(&jobs)) } => {
            tracing::info!("Drained: every request was answered");
        }
        () = sleep(grace) => {
            tracing::warn!(in_flight = scheduler.in_flight(), "The grace time is over");
        }
        signal = signals.next() => tracing::warn!(signal, "Told again: not waiting any longer"),
    }
    scheduler.drain();
    // Whoever is still waiting or being spoken for is told, before the connections close.
    scheduler.turn_away();
    running.stop().await;
    tokio::join!(http.close(), async {
        if let Some(wyoming) = wyoming {
            wyoming.close().await;
        }
    });
    // What is not on the disk by then is made again some day.
    drop(tokio::join!(timeout(GOODBYE, running.studio.cache().written()), exporter.close()));
    tracing::info!("Stopped");
    Ok(())
}

/// Starts everything, and meanwhile tells those who ask that we are starting. At doors that are held for us they wait
/// for that as long as for an engine: most starts take less, and none of them is turned away.
async fn set_up(
    config: &Config,
    level: &str,
    (doors, wyoming): (&Doors, Option<&Doors>),
    live: &InForce,
    shelf: &Arc<Shelf>,
    traces: Traces,
) -> Result<Running, Box<dyn Error>> {
    let patience = |doors: &Doors| if doors.is_inherited() { config.limits.patience } else { Duration::ZERO };
    let (mut http, mut other) = (None, None);
    let mut http_waits = pin!(sleep(patience(doors)));
    let mut wyoming_waits = pin!(sleep(wyoming.map(patience).unwrap_or_default()));
    let mut running = pin!(Running::start(config, level, &Setup, Arc::clone(shelf), traces));
    let running = loop {
        tokio::select! {
            running = &mut running => break running,
            () = &mut http_waits, if http.is_none() => {
                http = Some(Http::serve(without_delay(doors.again()?), surface::starting(live), live));
            }
            () = &mut wyoming_waits, if wyoming.is_some() && other.is_none() => {
                other = wyoming.map(Doors::again).transpose()?.map(Wyoming::turn_away);
            }
        }
    };
    if let Some(other) = other {
        other.close().await;
    }
    if let Some(http) = http {
        http.close().await;
    }
    running?.in_cluster(config).await
}

/// Waits until every request was answered. At an entrance that somebody holds for our successor nobody is turned away:
/// those who are in are served, and those who come now are the successor's.
async fn drain(scheduler: &Scheduler, held: Option<&Entrance>) {
    if let Some(entrance) = held {
        entrance.close();
        loop {
            entrance.quiet().await;
            if scheduler.in_flight() == 0 {
                break;
            }
        }
    }
    scheduler.drain();
    scheduler.drained().await;
}

fn tell_of_keys(config: &Config) {
    if config.auth.keys.as_ref().is_some_and(Keyring::is_empty) {
        tracing::warn!("There is no API key in the file of keys: nobody can use the server");
    }
}

/// The part of a log filter that a worker understands.
fn worker_level(filter: &str) -> &str {
    let known = ["error", "warn", "info", "debug", "trace"];
    let first = filter.split(',').find(|part| !part.contains('='));
    known.into_iter().find(|level| first == Some(level)).unwrap_or("info")
}
