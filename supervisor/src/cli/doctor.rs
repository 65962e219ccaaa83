//! `ishowtts doctor`: what was found, line by line.

use std::{error::Error, process::ExitCode};

use super::say_line;
use crate::{config::Config, doctor};

/// Exit code 1 if anything is missing.
pub(super) async fn run(config: &Config) -> Result<ExitCode, Box<dyn Error>> {
    let report = doctor::examine(config).await;
    for finding in &report.findings {
        say_line(&finding.to_string());
    }
    if report.missing() == 0 {
        say_line("Nothing is missing.");
        return Ok(ExitCode::SUCCESS);
    }
    say_line(&format!("{} missing; see the lines marked MISS.", report.missing()));
    Ok(ExitCode::FAILURE)
}
