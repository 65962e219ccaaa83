//! `ishowtts setup`.

use std::error::Error;

use super::progress::Spinner;
use crate::{config::Config, environments::Environments, package};

/// Builds what is missing.
pub(super) async fn run(config: &Config, engine: Option<&str>) -> Result<(), Box<dyn Error>> {
    let engines: Vec<String> = match engine {
        Some(engine) if !package::engines().iter().any(|known| known == engine) => {
            let known = package::engines().join(", ");
            return Err(format!("there is no engine {engine:?}; there are {known}").into());
        }
        Some(engine) => vec![engine.to_owned()],
        None => config.enabled_engines().map(|(name, _)| name.clone()).collect(),
    };
    let spinner = Spinner::start().with_notices();
    let environments = Environments::new(&config.server.state_dir, config.server.python.as_deref()).await?;
    for engine in engines {
        let wanted = config.engines.get(&engine).map(|engine| engine.python.clone()).unwrap_or_default();
        let python = environments.ensure(&engine, &wanted, &spinner).await?;
        spinner.tell(&format!("{engine}: ready, runs on {}", python.display()));
    }
    Ok(())
}
