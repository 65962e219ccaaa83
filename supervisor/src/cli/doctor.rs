//! `ishowtts doctor`: what is missing, and the command that mends it.

use std::{error::Error, net::TcpListener, path::Path, process::ExitCode};

use super::say_line;
use crate::{
    config::{Config, Python},
    environments::{Environments, Tool},
    package,
};

/// How a check came out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Finding {
    Good,
    /// Works, with something to know.
    Note,
    /// Keeps the server from doing its job.
    Bad,
}

/// Collects findings as they are told.
struct Report {
    bad: usize,
}

impl Report {
    fn tell(&mut self, finding: Finding, what: &str, details: &str) {
        let mark = match finding {
            Finding::Good => "ok  ",
            Finding::Note => "note",
            Finding::Bad => "MISS",
        };
        self.bad += usize::from(finding == Finding::Bad);
        say_line(&format!("[{mark}] {what}: {details}"));
    }
}

/// Looks at everything that a start needs. Exit code 1 if anything is missing.
pub(super) async fn run(config: &Config) -> Result<ExitCode, Box<dyn Error>> {
    let mut report = Report { bad: 0 };
    let file = config.file.as_ref().map_or("built in".into(), |path| path.display().to_string());
    report.tell(Finding::Good, "configuration", &file);
    state_dir(config, &mut report);
    listen(config, &mut report);
    match Environments::new(&config.server.state_dir, config.server.python.as_deref()).await {
        Err(error) => report.tell(Finding::Bad, "python", &error.to_string()),
        Ok(environments) => engines(config, &environments, &mut report).await,
    }
    voices(config, &mut report);
    if report.bad == 0 {
        say_line("Nothing is missing.");
        return Ok(ExitCode::SUCCESS);
    }
    say_line(&format!("{} missing; see the lines marked MISS.", report.bad));
    Ok(ExitCode::FAILURE)
}

fn state_dir(config: &Config, report: &mut Report) {
    let dir = &config.server.state_dir;
    // A look does not make anything: what is not there yet is made by whoever may write to what is.
    let existing = dir.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(dir);
    let writable = tempfile::tempfile_in(existing).map(drop);
    match writable {
        Ok(()) => report.tell(Finding::Good, "state directory", &free(dir, existing)),
        Err(error) => {
            let mend =
                format!("{}: {error}; choose another with --state-dir or [server] state_dir", dir.display());
            report.tell(Finding::Bad, "state directory", &mend);
        }
    }
}

fn free(dir: &Path, existing: &Path) -> String {
    let free =
        nix::sys::statvfs::statvfs(existing).map(|stat| stat.blocks_available() * stat.fragment_size());
    let free = free.map_or("unknown".into(), |bytes| format!("{:.1} GiB", bytes / (1 << 20) / 1024));
    format!("{} ({free} free)", dir.display())
}

fn listen(config: &Config, report: &mut Report) {
    let address = config.server.listen;
    match TcpListener::bind(address) {
        Ok(_) => report.tell(Finding::Good, "address", &format!("{address} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let details =
                format!("{address} is in use: by a running server, or choose another with --listen");
            report.tell(Finding::Note, "address", &details);
        }
        Err(error) => {
            report.tell(
                Finding::Bad,
                "address",
                &format!("{address}: {error}; choose another with --listen"),
            );
        }
    }
}

async fn engines(config: &Config, environments: &Environments, report: &mut Report) {
    let python = environments.python();
    report.tell(Finding::Good, "python", &format!("{} ({})", python.path.display(), python.version()));
    match environments.tool() {
        Tool::Uv(path) => report.tell(Finding::Good, "installer", &format!("uv at {}", path.display())),
        Tool::Pip if python.has_venv().await => {
            report.tell(Finding::Good, "installer", "venv and pip (uv would be faster)");
        }
        Tool::Pip => {
            let mend = "neither uv nor Python's venv module; mend it with: apt install python3-venv";
            report.tell(Finding::Bad, "installer", mend);
        }
    }
    // The command is to work on the same state directory, whatever named it.
    let place = format!("--state-dir {} ", config.server.state_dir.display());
    for (name, engine) in config.enabled_engines() {
        let what = format!("engine {name}");
        match environments.interpreter(name, &engine.python) {
            Some(python) if engine.python == Python::Own(python.clone()) => {
                report.tell(Finding::Good, &what, &format!("runs on {}, as it is", python.display()));
            }
            Some(_) if package::lock(name).is_none() => {
                report.tell(Finding::Good, &what, "needs no packages");
            }
            Some(python) => {
                report.tell(Finding::Good, &what, &format!("its environment is there, {}", python.display()));
            }
            None => {
                let mend = format!(
                    "its environment is missing or outdated; mend it with: ishowtts {place}setup --engine {name}"
                );
                report.tell(Finding::Bad, &what, &mend);
            }
        }
    }
}

fn voices(config: &Config, report: &mut Report) {
    for (name, voice) in &config.voices {
        for (language, route) in &voice.routes {
            if !config.engines.get(&route.engine).is_some_and(|engine| engine.enabled) {
                let details = format!(
                    "speaks {language} by {}, which is off; mend it with `enabled = true` under [engines.{}]",
                    route.engine, route.engine
                );
                report.tell(Finding::Note, &format!("voice {name}"), &details);
            }
        }
    }
}
