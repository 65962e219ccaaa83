//! Arguments, as `--help` shows them.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args as ClapArgs, Parser, Subcommand};
use ishowtts_workers::{ExecLimits, process::exec::ExecPlan};

use crate::{VERSION, config::Overrides};

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
    /// Where environments and voices live
    #[arg(long, global = true, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// error, warn, info, debug, trace, or a filter such as `info,ishowtts_workers=debug`
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(super) log_level: Option<String>,
    /// Log one JSON object per line
    #[arg(long, global = true)]
    pub(super) log_json: bool,
    #[command(subcommand)]
    task: Option<Task>,
}

impl Args {
    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.clone(),
            listen: self.listen.clone(),
            state_dir: self.state_dir.clone(),
        }
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
    /// List the voices
    Voices {
        /// Ask a running server, such as <http://127.0.0.1:27121>
        #[arg(long, value_name = "URL")]
        server: Option<String>,
    },
    /// Look for what is missing, and tell the command that mends it
    Doctor,
    /// Check the configuration and show what is in force
    CheckConfig,
    /// Become a worker (used by the supervisor)
    #[command(hide = true)]
    WorkerExec(WorkerExec),
}

/// What to speak, and where to.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Say {
    /// The text; `-` reads it from standard input
    pub(super) text: String,
    /// Voice; else by the language of the text
    #[arg(long)]
    pub(super) voice: Option<String>,
    /// File to write; `-` or a pipe gets the bytes. The format is told by the ending of the name: wav, pcm, mp3, opus, flac, aac
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Speaking rate, 0.25 to 4
    #[arg(long, default_value_t = 1.0)]
    pub(super) speed: f64,
    /// Use a running server, such as <http://127.0.0.1:27121>
    #[arg(long, value_name = "URL")]
    pub(super) server: Option<String>,
}

/// What `worker-exec` sets before it becomes the program behind `--`.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct WorkerExec {
    #[arg(long)]
    parent: u32,
    #[arg(long, value_delimiter = ',')]
    cpus: Vec<usize>,
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    nice: i32,
    #[arg(long)]
    memory_mb: Option<u64>,
    program: PathBuf,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

impl From<WorkerExec> for ExecPlan {
    fn from(given: WorkerExec) -> Self {
        Self {
            parent: given.parent,
            limits: ExecLimits { cpus: given.cpus, nice: given.nice, memory_mb: given.memory_mb },
            program: given.program,
            args: given.args,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_make_sense() {
        Args::command().debug_assert();
        let args = Args::parse_from(["ishowtts", "say", "Hi", "-o", "a.wav", "--log-level", "debug"]);
        assert!(matches!(args.task(), Task::Say(say) if say.text == "Hi"));
        assert!(matches!(Args::parse_from(["ishowtts"]).task(), Task::Serve));
        let exec = Args::parse_from(["ishowtts", "worker-exec", "--parent", "7", "--", "py", "-m", "x"]);
        assert!(matches!(exec.task(), Task::WorkerExec(exec) if exec.args == ["-m", "x"]));
    }
}
