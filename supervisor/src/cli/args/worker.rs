//! Arguments of `worker-exec`, which the supervisor writes.

use std::{ffi::OsString, path::PathBuf};

use clap::Args as ClapArgs;
use ishowtts_workers::{ExecLimits, process::exec::ExecPlan, sandbox::Confinement};

fn confinement(text: &str) -> Result<Box<Confinement>, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// What `worker-exec` sets before it becomes the program behind `--`.
#[derive(Clone, Debug, ClapArgs)]
pub(in crate::cli) struct WorkerExec {
    #[arg(long)]
    parent: u32,
    #[arg(long, value_delimiter = ',')]
    cpus: Vec<usize>,
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    nice: i32,
    #[arg(long)]
    memory_mb: Option<u64>,
    #[arg(long, default_value = "{}", value_parser = confinement)]
    confinement: Box<Confinement>,
    program: PathBuf,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) args: Vec<OsString>,
}

impl From<WorkerExec> for ExecPlan {
    fn from(given: WorkerExec) -> Self {
        Self {
            parent: given.parent,
            limits: ExecLimits { cpus: given.cpus, nice: given.nice, memory_mb: given.memory_mb },
            confinement: *given.confinement,
            program: given.program,
            args: given.args,
        }
    }
}
