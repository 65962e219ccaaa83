//! `ishowtts check-config`: by the time it runs, the configuration has been found valid.

use std::error::Error;

use super::say_line;
use crate::{config::Config, gpu::Sensors};

/// Shows what is in force.
#[expect(clippy::unnecessary_wraps, reason = "all tasks are called alike")]
pub(super) fn run(config: &Config) -> Result<(), Box<dyn Error>> {
    let file = config.file.as_ref().map_or("built in".into(), |path| path.display().to_string());
    say_line(&format!("configuration: {file} (valid)"));
    say_line(&format!("listen:        {}", config.server.listen));
    let wyoming = config.wyoming.listen.map_or("off".into(), |address| address.to_string());
    say_line(&format!("wyoming:       {wyoming}"));
    say_line(&format!("access:        {}", access(config)));
    say_line(&format!("state:         {}", config.server.state_dir.display()));
    let uses_gpus = config.enabled_engines().any(|(_, engine)| engine.is_on_gpu());
    let sensors = uses_gpus.then(|| Sensors::open(&config.gpu.root));
    for (name, engine) in &config.engines {
        let how = if engine.enabled {
            format!(
                "on, {} worker(s) on {}, {} thread(s)",
                engine.replicas,
                engine.devices.join(", "),
                engine.threads
            )
        } else {
            "off".into()
        };
        say_line(&format!("engine {name}: {how}"));
        let wanted = engine.devices.iter().filter(|_| engine.enabled);
        for why in wanted.filter_map(|device| sensors.as_ref()?.lacks(device)) {
            say_line(&format!("engine {name}: will not find its device: {why}"));
        }
    }
    for (name, voice) in &config.voices {
        let routes: Vec<String> =
            voice.routes.iter().map(|(language, route)| format!("{language} by {}", route.engine)).collect();
        say_line(&format!("voice {name}: {}", routes.join(", ")));
    }
    Ok(())
}

/// Who may use the server, and how.
fn access(config: &Config) -> String {
    let scheme = if config.tls.is_some() { "HTTPS" } else { "HTTP" };
    let who = match &config.auth.keys {
        Some(keys) => format!("with one of {} API key(s)", keys.entries().len()),
        None if config.server.allow_without_keys => "without a key, from everywhere".into(),
        None => "without a key, from this machine".into(),
    };
    format!("{scheme}, {who}")
}
