//! The command line: what may be asked for, and the way to it.

mod args;
mod bench;
mod check_config;
mod doctor;
#[cfg(test)]
mod documented;
mod form;
mod jobs;
mod keys;
mod progress;
mod say;
mod setup;
mod simulate;
mod voices;

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use ishowtts_workers::process::exec::{ExecPlan, exec};

use self::args::{Args, Task};
use crate::{
    app, config, control,
    telemetry::{self, LogFormat},
};

/// Exit code of a command line or a configuration that cannot be followed.
const MISUSE: u8 = 2;

/// Runs the process from its arguments to its exit code.
pub fn main() -> ExitCode {
    let args = Args::parse();
    match args.task() {
        // Becomes another program: no runtime, no threads, nothing of what follows.
        Task::WorkerExec(plan) => match exec(ExecPlan::from(plan)) {
            Err(error) => {
                complain(&error);
                ExitCode::from(126)
            }
        },
        task => run(&args, task),
    }
}

fn run(args: &Args, task: Task) -> ExitCode {
    // A server tells what it does; a command tells what went wrong, on stderr.
    let is_server = matches!(task, Task::Serve);
    let usual = if is_server { telemetry::USUAL } else { "warn" };
    let level = args.log_level.as_deref().unwrap_or(usual);
    // How a server logs stands in its configuration.
    if !is_server && let Err(code) = log(level, args.log_format().unwrap_or(LogFormat::Text)) {
        return code;
    }
    let task = match task {
        // It asks a server, which has a configuration of its own.
        Task::Bench(given) => return finish(bench::run(*given)),
        Task::Jobs { task } => {
            return finish(async { jobs::run(*task).await.map(|()| ExitCode::SUCCESS) });
        }
        Task::Reload { pid, wait_s } => return finish(reload(pid, wait_s)),
        // They stand in a file of their own, and the first one mends a configuration that asks for keys.
        Task::Keys(given) => return finish(async move { keys::run(&args.overrides(), given) }),
        task => task,
    };
    let config = match config::load(&args.overrides()) {
        Ok(config) => config,
        Err(problems) => {
            complain(&problems);
            return ExitCode::from(MISUSE);
        }
    };
    if is_server {
        let level = args.log_level.as_deref().or(config.log.level.as_deref()).unwrap_or(usual);
        if let Err(code) = log(level, args.log_format().unwrap_or(config.log.format)) {
            return code;
        }
    }
    finish(async {
        match task {
            Task::Serve => {
                let served = app::serve(config, args.overrides(), args.log_level.clone());
                Box::pin(served).await.map(|()| ExitCode::SUCCESS)
            }
            Task::Say(say) => say::run(config, level, say).await.map(|()| ExitCode::SUCCESS),
            Task::Setup { engine } => {
                setup::run(&config, engine.as_deref()).await.map(|()| ExitCode::SUCCESS)
            }
            Task::Voices { remote, task } => {
                voices::run(&config, remote, task).await.map(|()| ExitCode::SUCCESS)
            }
            Task::Doctor => doctor::run(&config).await,
            Task::CheckConfig => check_config::run(&config).map(|()| ExitCode::SUCCESS),
            Task::Bench(_)
            | Task::Jobs { .. }
            | Task::WorkerExec(_)
            | Task::Reload { .. }
            | Task::Keys(_) => Ok(ExitCode::SUCCESS),
        }
    })
}

/// Starts logging, or tells why not.
fn log(level: &str, format: LogFormat) -> Result<(), ExitCode> {
    telemetry::start(level, format).map_err(|message| {
        complain(&io::Error::other(message));
        ExitCode::from(MISUSE)
    })
}

/// Does a task's work on a runtime of its own, and tells what went wrong.
fn finish(work: impl Future<Output = Result<ExitCode, Box<dyn Error>>>) -> ExitCode {
    // One thread moves bytes for everybody, and codecs have threads of their own: with several, tokio wakes a second
    // one for each request, which costs more than all that there is to do for it.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(work);
    // Threads that wait for a file lock or a name look-up are not waited for.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|error| {
        complain(error.as_ref());
        ExitCode::FAILURE
    })
}

/// `ishowtts reload`.
async fn reload(pid: Option<u32>, wait_s: u32) -> Result<ExitCode, Box<dyn Error>> {
    let outcome = control::reload(pid, Duration::from_secs(wait_s.into())).await?;
    if outcome.has_failed() {
        complain_line(&outcome.to_string());
        return Ok(ExitCode::FAILURE);
    }
    say_line(&outcome.to_string());
    Ok(ExitCode::SUCCESS)
}

/// Tells an error and what caused it, in one line.
fn complain(error: &(dyn Error + 'static)) {
    let mut line = format!("ishowtts: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        line = format!("{line}: {cause}");
        source = cause.source();
    }
    complain_line(&line);
}

/// A line for whoever reads our output; a reader that went away wants no more.
fn say_line(line: &str) {
    drop(writeln!(io::stdout(), "{line}"));
}

/// A line for whoever watches us; with stderr closed that is nobody.
fn complain_line(line: &str) {
    drop(writeln!(io::stderr(), "{line}"));
}
