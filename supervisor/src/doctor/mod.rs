//! What a start needs, and the command that mends what is missing.
//!
//! Each check tells what it found to a [`Report`]; nobody prints here. Only what an enabled engine needs can be
//! missing: a machine without a GPU has nothing to complain of until an engine wants one.

mod cluster;
mod engines;
mod gpu;
mod models;
mod place;
mod power;
mod report;
mod sandbox;
mod server;
mod tls;
mod wyoming;

pub use report::{Finding, Report, Verdict};

use crate::{VERSION, config::Config, environments::Environments, gpu::Sensors};

/// Looks at everything that a start needs.
pub async fn examine(config: &Config) -> Report {
    let mut report = Report::default();
    report.good("version", VERSION);
    let file = config.file.as_ref().map_or("built in".into(), |path| path.display().to_string());
    report.good("configuration", file);
    server::check(config, &mut report).await;
    wyoming::check(config, &mut report).await;
    tls::check(config, &mut report);
    cluster::check(config, &mut report).await;
    let environments = Environments::new(&config.server.state_dir, config.server.python.as_deref()).await;
    let room = match &environments {
        Err(error) => {
            report.miss("python", error.to_string());
            0
        }
        Ok(environments) => engines::check(config, environments, &mut report).await,
    };
    place::state_dir(&config.server.state_dir, room, &mut report);
    place::memory(&config.gpu.root, &mut report);
    sandbox::check(config, &mut report);
    gpu::check(config, &Sensors::open(&config.gpu.root), &mut report);
    models::check(config, &mut report);
    engines::voices(config, &mut report);
    report
}
