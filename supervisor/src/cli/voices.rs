//! `ishowtts voices`.

use std::error::Error;

use super::say_line;
use crate::{ask::Server, config::Config, voices::VoiceBook};

/// Lists the voices of the configuration, or of a running server with those that its engines bring.
pub(super) async fn run(config: &Config, server: Option<Server>) -> Result<(), Box<dyn Error>> {
    let voices = match server {
        None => serde_json::to_value(VoiceBook::new(config).list(&|_| None))?,
        Some(server) => server.ask("/api/voices", None).await?.json()?["voices"].take(),
    };
    for voice in voices.as_array().into_iter().flatten() {
        let text = |key: &str| voice[key].as_str().unwrap_or_default();
        let engines = voice["engines"].as_object().into_iter().flatten();
        let engines: Vec<String> = engines
            .map(|(language, engine)| format!("{language} ({})", engine.as_str().unwrap_or("?")))
            .collect();
        say_line(&format!("{:<20} {:<12} {}", text("id"), text("kind"), engines.join(", ")));
    }
    Ok(())
}
