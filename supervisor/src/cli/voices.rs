//! `ishowtts voices`.

use std::{error::Error, fs, path::Path, sync::Arc};

use bytes::Bytes;
use serde_json::Value;

use super::{
    args::{Remote, VoicesTask},
    form::Form,
    say, say_line,
};
use crate::{
    ask::Server,
    config::Config,
    voices::{Shelf, VoiceBook},
};

/// Where a server is asked when nobody says where: the usual address.
pub(super) const USUAL: &str = "http://127.0.0.1:27121";

/// Lists, adds, removes or plays voices.
pub(super) async fn run(
    config: &Config,
    remote: Remote,
    task: Option<Box<VoicesTask>>,
) -> Result<(), Box<dyn Error>> {
    match task.map_or(VoicesTask::List { remote }, |task| *task) {
        VoicesTask::List { remote } => list(config, remote.server()).await,
        VoicesTask::Add { id, engine, language, audio, transcript, name, tag, remote } => {
            let file = fs::read(&audio)
                .map_err(|error| format!("could not read the recording {}: {error}", audio.display()))?;
            let mut form = Form::new();
            for (field, value) in [
                ("id", id.as_str()),
                ("engine", &engine),
                ("language", &language),
                ("transcript", &transcript),
                ("name", name.as_deref().unwrap_or_default()),
                ("tags", &tag.join(",")),
            ] {
                form.add(field, value);
            }
            form.add_file("audio", "recording", &file);
            let (media_type, body) = form.end();
            let answer = server(&remote)?.send("POST", "/api/voices", &media_type, body).await?;
            let voice = answer.json()?;
            say_line(&format!("{id}: {}", voice["state"].as_str().unwrap_or("added")));
            Ok(())
        }
        VoicesTask::Remove { id, remote } => {
            let route = format!("/api/voices/{}", encoded(&id));
            server(&remote)?.send("DELETE", &route, "", Bytes::new()).await?.accepted()?;
            say_line(&format!("{id}: removed"));
            Ok(())
        }
        VoicesTask::Preview { id, output, remote } => {
            let answer = server(&remote)?.ask(&format!("/api/voices/{}/preview", encoded(&id)), None).await?;
            answer.accepted()?;
            let target = output.as_deref().filter(|path| *path != Path::new("-"));
            Ok(say::write(target, &[answer.body])?)
        }
    }
}

/// The voices of the configuration and those that were sent, or of a running server with those that its engines bring.
async fn list(config: &Config, server: Option<Server>) -> Result<(), Box<dyn Error>> {
    let voices = match server {
        None => {
            let shelf = Arc::new(Shelf::look(&config.server.state_dir));
            serde_json::to_value(VoiceBook::new(config).with(&shelf).list(&|_| None))?
        }
        Some(server) => server.ask("/api/voices", None).await?.json()?["voices"].take(),
    };
    for voice in voices.as_array().into_iter().flatten() {
        let text = |key: &str| voice[key].as_str().unwrap_or_default();
        let engines = voice["engines"].as_object().into_iter().flatten();
        let engines: Vec<String> = engines
            .map(|(language, engine)| format!("{language} ({})", engine.as_str().unwrap_or("?")))
            .collect();
        let condition = match (text("state"), &voice["reason"]) {
            ("" | "ready", _) => String::new(),
            (state, Value::String(reason)) => format!("  {state}: {reason}"),
            (state, _) => format!("  {state}"),
        };
        say_line(&format!("{:<20} {:<12} {}{condition}", text("id"), text("kind"), engines.join(", ")));
    }
    Ok(())
}

fn server(remote: &Remote) -> Result<Server, String> {
    remote.server_or(USUAL)
}

/// A name as one part of a path.
fn encoded(id: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
    let part = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    id.bytes().map(part).collect()
}
