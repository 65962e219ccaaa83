//! Logs: to stderr, readable on a terminal, one JSON object a line elsewhere if asked for. How much is told can be
//! changed while the process runs.

use std::{io::IsTerminal, sync::OnceLock};

use tracing_subscriber::{
    EnvFilter, Registry, fmt, layer::SubscriberExt, reload, reload::Handle, util::SubscriberInitExt,
};

/// What is told unless somebody says otherwise.
pub const USUAL: &str = "info";

/// The process has one log.
static LEVEL: OnceLock<Handle<EnvFilter, Registry>> = OnceLock::new();

/// Starts logging at a level (`info`) or with a filter (`info,ishowtts_workers=debug`).
pub fn start(level: &str, json: bool) -> Result<(), String> {
    let filter = read(level).map_err(|error| format!("--log-level {error}"))?;
    let (filter, handle) = reload::Layer::new(filter);
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let started = if json {
        registry.with(lines.json().flatten_event(true).with_ansi(false)).try_init()
    } else {
        registry.with(lines.with_ansi(std::io::stderr().is_terminal())).try_init()
    };
    started.map_err(|error| format!("could not start logging: {error}"))?;
    LEVEL.get_or_init(|| handle);
    Ok(())
}

/// Whether [`start`] and [`change`] take it.
pub fn check(level: &str) -> Result<(), String> {
    read(level).map(drop)
}

/// Logs at another level from now on.
pub fn change(level: &str) -> Result<(), String> {
    let filter = read(level)?;
    let handle = LEVEL.get().ok_or("logging has not been started")?;
    handle.reload(filter).map_err(|error| format!("could not change the level of the log: {error}"))
}

fn read(level: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(level).map_err(|error| format!("{level:?}: {error}"))
}
