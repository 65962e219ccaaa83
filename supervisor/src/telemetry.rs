//! Logs: readable lines on stderr, one JSON object a line, or entries of the journal with a field for each value. How
//! much is told can be changed while the process runs.

use std::{env, io, sync::OnceLock};

use nix::sys::stat::fstat;
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt, layer::SubscriberExt, registry::LookupSpan, reload, reload::Handle,
    util::SubscriberInitExt,
};

/// What is told unless somebody says otherwise.
pub const USUAL: &str = "info";

/// A library whose own lines are left out unless they are asked for by this name.
const CHATTY: &str = "async_nats";

/// What stands before the names of our own fields in the journal.
const PREFIX: &str = "ISHOWTTS";

/// The process has one log.
static LEVEL: OnceLock<Handle<EnvFilter, Registry>> = OnceLock::new();

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Into the journal where stderr leads there, else as lines.
    #[default]
    Auto,
    /// As lines.
    Text,
    /// As lines, one JSON object each.
    Json,
    /// Into the journal.
    Journald,
}

impl LogFormat {
    /// Every format, as the configuration names it.
    pub const NAMES: [(&str, Self); 4] =
        [("auto", Self::Auto), ("text", Self::Text), ("json", Self::Json), ("journald", Self::Journald)];

    /// By its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }
}

/// Starts logging at a level (`info`) or with a filter (`info,ishowtts_workers=debug`).
pub fn start(level: &str, format: LogFormat) -> Result<(), String> {
    let filter = read(level).map_err(|error| format!("--log-level {error}"))?;
    let (filter, handle) = reload::Layer::new(filter);
    let started = tracing_subscriber::registry().with(filter).with(writer(format)?).try_init();
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
    let filter = EnvFilter::try_new(level).map_err(|error| format!("{level:?}: {error}"))?;
    // It tells of each try to connect, for as long as nobody is there; what is worth knowing of it `cluster` tells.
    if level.contains(CHATTY) {
        return Ok(filter);
    }
    let off = format!("{CHATTY}=off").parse().map_err(|error| format!("{level:?}: {error}"))?;
    Ok(filter.add_directive(off))
}

fn writer<S>(format: LogFormat) -> Result<Box<dyn Layer<S> + Send + Sync>, String>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let lines = fmt::layer().with_writer(io::stderr).with_target(false);
    match format {
        LogFormat::Auto if leads_to_the_journal() => {
            // If nobody listens at its socket, it still reads our lines.
            Ok(journal().map_or_else(|_error| lines.with_ansi(false).boxed(), Layer::boxed))
        }
        LogFormat::Journald => {
            let journal = journal().map_err(|error| format!("could not log to the journal: {error}"))?;
            Ok(journal.boxed())
        }
        LogFormat::Json => Ok(lines.json().flatten_event(true).with_ansi(false).boxed()),
        LogFormat::Text | LogFormat::Auto => {
            let is_terminal = io::IsTerminal::is_terminal(&io::stderr());
            Ok(lines.with_ansi(is_terminal).boxed())
        }
    }
}

fn journal() -> io::Result<tracing_journald::Layer> {
    let usual = PriorityMappings { info: Priority::Informational, ..PriorityMappings::new() };
    let debug = PriorityMappings { debug: Priority::Debug, ..usual };
    let journal = tracing_journald::layer()?.with_field_prefix(Some(PREFIX.into()));
    Ok(journal.with_priority_mappings(debug).with_syslog_identifier("ishowtts".into()))
}

/// Whether stderr is the journal's own: systemd names it by device and inode, and a process may have been given another
/// stderr since.
fn leads_to_the_journal() -> bool {
    let named = env::var("JOURNAL_STREAM").unwrap_or_default();
    fstat(io::stderr()).is_ok_and(|stderr| named == format!("{}:{}", stderr.st_dev, stderr.st_ino))
}
