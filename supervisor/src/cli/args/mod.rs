//! Arguments, as `--help` shows them.

mod bench;
mod keys;
mod remote;
#[cfg(test)]
mod tests;
mod worker;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use serde_json::{Map, Value};

pub(super) use bench::{Bench, seconds};
pub(super) use keys::{Keys, KeysTask};
pub(super) use remote::{JobsTask, Remote, Say, Submit, VoicesTask};
pub(super) use worker::WorkerExec;

use crate::{VERSION, config::Overrides, telemetry::LogFormat};

/// Real-time text-to-speech server: warm Python engines under one supervisor.
#[derive(Debug, Parser)]
#[command(name = "ishowtts", version = VERSION, subcommand_negates_reqs = true)]
pub(super) struct Args {
    /// Configuration file; else the variable `ISHOWTTS_CONFIG`, ./config/ishowtts.toml, /etc/ishowtts/ishowtts.toml, or built in
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to serve HTTP on
    #[arg(long, global = true, value_name = "IP:PORT")]
    listen: Option<String>,
    /// Address to serve Wyoming on, for Home Assistant; "" for none
    #[arg(long, global = true, value_name = "IP:PORT")]
    wyoming_listen: Option<String>,
    /// Where environments and voices live
    #[arg(long, global = true, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// error, warn, info, debug, trace, or a filter such as `info,ishowtts_workers=debug`
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(super) log_level: Option<String>,
    /// Log one JSON object per line
    #[arg(long, global = true)]
    log_json: bool,
    #[command(subcommand)]
    task: Option<Task>,
}

impl Args {
    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.clone(),
            listen: self.listen.clone(),
            wyoming_listen: self.wyoming_listen.clone(),
            state_dir: self.state_dir.clone(),
        }
    }

    /// How the log is written, if that is said here.
    pub(super) fn log_format(&self) -> Option<LogFormat> {
        self.log_json.then_some(LogFormat::Json)
    }

    pub(super) fn task(&self) -> Task {
        self.task.clone().unwrap_or(Task::Serve)
    }
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Task {
    /// Serve HTTP (the default)
    Serve,
    /// Speak a text into a file, with or without a running server
    Say(Say),
    /// Build the Python environments of the enabled engines, or of one
    Setup {
        /// Only this engine, enabled or not
        #[arg(long)]
        engine: Option<String>,
    },
    /// List the voices; add one of a recording, remove it, hear one
    #[command(args_conflicts_with_subcommands = true)]
    Voices {
        #[command(flatten)]
        remote: Remote,
        #[command(subcommand)]
        task: Option<Box<VoicesTask>>,
    },
    /// Have a running server speak a long text when there is time: send it, watch it, fetch its audio
    Jobs {
        #[command(subcommand)]
        task: Box<JobsTask>,
    },
    /// Look for what is missing, and tell the command that mends it
    Doctor,
    /// Put load on a running server, ours or another, and measure what its clients hear
    Bench(Box<Bench>),
    /// Check the configuration and show what is in force
    CheckConfig,
    /// Have a running server read its configuration again, and tell what is in force
    Reload {
        /// The server's process id, where several run
        #[arg(long)]
        pid: Option<u32>,
        /// Seconds to wait for what comes of it; the server goes on if they are over
        #[arg(long, value_name = "SECONDS", default_value_t = 1800, value_parser = clap::value_parser!(u32).range(1..))]
        wait_s: u32,
    },
    /// Make, list and remove API keys
    Keys(Keys),
    /// Become a worker (used by the supervisor)
    #[command(hide = true)]
    WorkerExec(WorkerExec),
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("it must be a JSON object: {error}"))
}
