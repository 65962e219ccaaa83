//! Python, what each enabled engine runs on, and who speaks.

use super::Report;
use crate::{
    config::{Config, Python},
    environments::{Environments, Tool},
    package,
};

/// What an environment takes on the disk while it is made: with torch for a GPU, and without.
const ROOM: (u64, u64) = (9 << 30, 1 << 30);

/// Returns what the missing environments will take on the disk.
pub(super) async fn check(config: &Config, environments: &Environments, report: &mut Report) -> u64 {
    let python = environments.python();
    report.good("python", format!("{} ({})", python.path.display(), python.version()));
    match environments.tool() {
        Tool::Uv(path) => report.good("installer", format!("uv at {}", path.display())),
        Tool::Pip if python.has_venv().await => report.good("installer", "venv and pip (uv would be faster)"),
        Tool::Pip => {
            let mend = "neither uv nor Python's venv module; mend it with: apt install python3-venv";
            report.miss("installer", mend);
        }
    }
    // The command is to work on the same configuration and state directory, whatever named them.
    let file = config.file.as_ref().map(|file| format!("--config {} ", file.display())).unwrap_or_default();
    let place = format!("{file}--state-dir {} ", config.server.state_dir.display());
    let mut room = 0;
    for (name, engine) in config.enabled_engines() {
        let what = format!("engine {name}");
        if let Python::Own(path) = &engine.python {
            match environments.ensure_own(name, path).await {
                Ok(()) => report.good(what, format!("runs on {}, as it is", path.display())),
                Err(error) => report.miss(what, error.to_string()),
            }
            continue;
        }
        match (environments.interpreter(name, &engine.python), package::lock(name)) {
            (_, None) => report.good(what, "needs no packages"),
            (Some(python), _) => {
                report.good(what, format!("its environment is there, {}", python.display()));
            }
            (None, Some(lock)) => {
                let brings_torch = engine.python == Python::default()
                    && lock.lines().any(|line| line.starts_with("torch=="));
                room += if brings_torch { ROOM.0 } else { ROOM.1 };
                let mend = format!("mend it with: ishowtts {place}setup --engine {name}");
                report.miss(what, format!("its environment is missing or outdated; {mend}"));
            }
        }
    }
    room
}

pub(super) fn voices(config: &Config, report: &mut Report) {
    for (name, voice) in &config.voices {
        for (language, route) in &voice.routes {
            let engine = &route.engine;
            if !config.engines.get(engine).is_some_and(|engine| engine.enabled) {
                let mend = format!("mend it with `enabled = true` under [engines.{engine}]");
                let details = format!("speaks {language} by {engine}, which is off; {mend}");
                report.note(format!("voice {name}"), details);
            }
        }
    }
}
