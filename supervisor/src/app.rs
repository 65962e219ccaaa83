//! The composition root: the only file that knows every room.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fs, io,
    net::SocketAddr,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, serve::ListenerExt};
use ishowtts_workers::{
    lifecycle::State,
    process::{Launch, Launcher},
};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    cache::Cache,
    config::Config,
    environments::{Environments, Progress},
    gpu::Watch,
    metrics::Metrics,
    package,
    pools::{Places, Pools},
    probe,
    schedule::Scheduler,
    shutdown::{HangUps, Signals},
    stream::Studio,
    surface::{self, AppState, Shared},
    systemd,
    voices::VoiceBook,
};

/// What a service manager is asked for each time that a step of setting up is told, in microseconds.
const SETUP_STEP: u32 = 300_000_000;
/// How the names of our runtime directories begin; the process id follows.
const RUNTIME_PREFIX: &str = "ishowtts-";
/// How long connections may take to close once everything was answered.
const GOODBYE: Duration = Duration::from_secs(2);

/// Workers, and the way to them.
#[derive(Debug)]
pub struct Running {
    /// Where utterances become streams.
    pub studio: Arc<Studio>,
    /// All families.
    pub metrics: Arc<Metrics>,
    pools: Arc<Pools>,
    /// Sockets and scratch files; gone with it.
    _runtime: TempDir,
}

impl Running {
    /// Sets up what is missing and starts the workers of every enabled engine. An engine whose environment
    /// cannot be made is unavailable, and the others go on.
    pub async fn start(
        config: &Config,
        level: &str,
        progress: &dyn Progress,
    ) -> Result<Self, Box<dyn Error>> {
        let environments =
            Environments::new(&config.server.state_dir, config.server.python.as_deref()).await?;
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
        let runtime = runtime_dir()?;
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
        };
        let launcher: Arc<dyn Launch> = Arc::new(Launcher::start()?);
        let pools = Arc::new(Pools::start(config, &places, &launcher, unavailable));
        let metrics = Arc::new(Metrics::new()?);
        metrics.up.set(1.0);
        let cache = Cache::open(&config.cache, &config.server.state_dir, Arc::clone(&metrics)).await;
        let scheduler = Scheduler::start(Arc::clone(&pools), config);
        probe::start(&scheduler, config.limits.probe);
        let studio = Studio::new(scheduler, cache, config);
        Ok(Self { studio, metrics, pools, _runtime: runtime })
    }

    /// Ends the workers and waits until they are gone.
    pub async fn stop(&self) {
        self.pools.stop().await;
    }

    /// Waits until every required engine has a ready worker or was given up, and tells how it came out.
    async fn settled(&self, required: &[String]) -> String {
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
        let failed: Vec<&String> =
            required.iter().filter(|engine| self.pools.failure(engine).is_some()).collect();
        if failed.is_empty() { "Ready".into() } else { format!("Ready, but without {failed:?}") }
    }
}

/// Serves HTTP until a signal ends it.
pub async fn serve(config: Config, level: &str) -> Result<(), Box<dyn Error>> {
    let mut signals = Signals::listen()?;
    let mut hang_ups = HangUps::listen()?;
    let address = config.server.listen;
    // First of all: a port that is taken shows before anything is built or loaded.
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("could not listen on {address}: {error}")))?;
    let address = listener.local_addr()?;
    tracing::info!(version = crate::VERSION, %address, "Starting");

    let devices = config.enabled_engines().map(|(name, engine)| (name.clone(), engine.device.clone()));
    let gpus = Watch::start(&config.gpu.root, config.gpu.every, devices.collect());
    let (listener, meanwhile) = share(listener)?;
    let meanwhile = Http::serve(meanwhile, surface::starting());
    let running = tokio::select! {
        running = Running::start(&config, level, &Told) => running?,
        signal = signals.next() => {
            tracing::info!(signal, "Ended before everything was set up");
            return Ok(());
        }
    };
    meanwhile.close().await;
    let required: Vec<String> = config
        .enabled_engines()
        .filter(|(_, engine)| engine.required)
        .map(|(name, _)| name.clone())
        .collect();
    let state = AppState::new(Shared {
        studio: Arc::clone(&running.studio),
        voices: VoiceBook::new(&config),
        metrics: Arc::clone(&running.metrics),
        gpus: gpus.gpus().clone(),
        limits: config.limits.clone(),
        server: config.server.clone(),
        required: required.clone(),
        started: Instant::now(),
    });
    let mut http = Http::serve(listener, surface::router(state));
    tracing::info!(%address, "Listening");

    let announce = async {
        let status = running.settled(&required).await;
        systemd::ready(&status);
        tracing::info!("{status}");
        std::future::pending::<()>().await;
    };
    let retry = async {
        loop {
            hang_ups.next().await;
            tracing::info!("Told by SIGHUP: given-up engines try again");
            running.pools.retry().await;
        }
    };
    let signal = tokio::select! {
        signal = signals.next() => signal,
        () = announce => return Ok(()),
        () = retry => return Ok(()),
        ended = &mut http.task => {
            ended??;
            return Err("the listener ended by itself".into());
        }
    };

    let scheduler = running.studio.scheduler();
    tracing::info!(signal, in_flight = scheduler.in_flight(), "Draining");
    systemd::stopping();
    scheduler.drain();
    running.metrics.up.set(0.0);
    tokio::select! {
        () = scheduler.drained() => tracing::info!("Drained: every request was answered"),
        () = sleep(config.server.grace) => {
            tracing::warn!(in_flight = scheduler.in_flight(), "The grace time is over");
        }
        signal = signals.next() => tracing::warn!(signal, "Told again: not waiting any longer"),
    }
    // Whoever is still waiting or being spoken for is told, before the connections close.
    scheduler.turn_away();
    running.stop().await;
    http.close().await;
    // What is not on the disk by then is made again some day.
    drop(timeout(GOODBYE, running.studio.cache().written()).await);
    tracing::info!("Stopped");
    Ok(())
}

/// Two handles on one listener.
fn share(listener: TcpListener) -> io::Result<(TcpListener, TcpListener)> {
    let listener = listener.into_std()?;
    let other = listener.try_clone()?;
    Ok((TcpListener::from_std(listener)?, TcpListener::from_std(other)?))
}

/// A router being served.
struct Http {
    task: JoinHandle<io::Result<()>>,
    close: oneshot::Sender<()>,
}

impl Http {
    fn serve(listener: TcpListener, router: Router) -> Self {
        let (close, closed) = oneshot::channel::<()>();
        // Headers and audio leave as they come, in as few packets as hyper can make of them.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let serving = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>());
        // A closed channel is as good as a word.
        let serving = serving.with_graceful_shutdown(async move { drop(closed.await) });
        Self { task: tokio::spawn(serving.into_future()), close }
    }

    /// Accepts nobody any more, and gives those who are there a moment to hear their answers out.
    async fn close(mut self) {
        drop(self.close);
        if timeout(GOODBYE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

/// Tells the log, and the service manager that it is worth waiting for.
struct Told;

impl Progress for Told {
    fn step(&self, engine: &str, step: &str) {
        tracing::info!(engine, "Setting up: {step}");
        systemd::extend_timeout(SETUP_STEP);
        systemd::status(&format!("Setting up {engine}: {step}"));
    }

    fn notice(&self, text: &str) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            tracing::info!("{line}");
        }
    }
}

/// A directory that only we may enter, with a path short enough for a socket's name.
fn runtime_dir() -> io::Result<TempDir> {
    let given = env::var_os("RUNTIME_DIRECTORY").or_else(|| env::var_os("XDG_RUNTIME_DIR"));
    let usable = |dir: &PathBuf| dir.is_dir() && dir.as_os_str().len() < 60;
    let parent = given.map(PathBuf::from).filter(usable).unwrap_or_else(env::temp_dir);
    sweep(&parent);
    let private = fs::Permissions::from_mode(0o700);
    let prefix = format!("{RUNTIME_PREFIX}{}-", std::process::id());
    tempfile::Builder::new().prefix(&prefix).permissions(private).tempdir_in(&parent).map_err(|error| {
        io::Error::new(error.kind(), format!("could not make a directory in {}: {error}", parent.display()))
    })
}

/// Removes what servers left that were killed: directories of ours that name a process which is gone.
fn sweep(parent: &Path) {
    let ours = nix::unistd::geteuid().as_raw();
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid =
            name.strip_prefix(RUNTIME_PREFIX).and_then(|rest| rest.split_once('-')?.0.parse::<u32>().ok());
        let gone = pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists());
        let is_ours = entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == ours);
        if gone && is_ours && fs::remove_dir_all(entry.path()).is_ok() {
            tracing::debug!(name, "Removed what a killed server left");
        }
    }
}

/// The part of a log filter that a worker understands.
fn worker_level(filter: &str) -> &str {
    let known = ["error", "warn", "info", "debug", "trace"];
    let first = filter.split(',').find(|part| !part.contains('='));
    known.into_iter().find(|level| first == Some(level)).unwrap_or("info")
}
