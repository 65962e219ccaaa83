//! What has changed between two configurations, and what becomes of it. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use super::{Outcome, Recordings};
use crate::config::{Config, Engine, Limits, Server, Voice, Wyoming};

/// An engine that a reload changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineChange {
    /// Its name.
    pub engine: String,
    /// What is to become of it.
    pub what: EngineFate,
    /// What of it has changed: its keys, and voices (`voices.mine`) whose recordings it imitates.
    pub keys: Vec<String>,
    /// Why it was not done, if it was to be done at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// What is to become of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineFate {
    /// It was off and is on.
    Started,
    /// It was on and is off.
    Stopped,
    /// It stays on, and has more workers, or fewer.
    Resized,
    /// It stays on, and other workers take the place of those that know nothing of the change.
    Replaced,
}

impl fmt::Display for EngineChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { engine, what, keys, failure } = self;
        let keys = keys.join(", ");
        match (what, failure) {
            (EngineFate::Started, Some(why)) => {
                write!(f, "not applied: engine {engine} is not started ({keys}): {why}")
            }
            (_, Some(why)) => write!(
                f,
                "not applied: engine {engine} keeps its workers ({keys}), since those with the change do not start: {why}"
            ),
            (EngineFate::Started, None) => {
                write!(f, "applied: engine {engine}, started ({keys})")
            }
            (EngineFate::Stopped, None) => {
                write!(f, "applied: engine {engine}, stopped ({keys})")
            }
            (EngineFate::Resized, None) => {
                write!(f, "applied: engine {engine}, the number of its workers ({keys})")
            }
            (EngineFate::Replaced, None) => {
                write!(f, "applied: engine {engine}, its workers replaced ({keys})")
            }
        }
    }
}

/// What a file that was read now changes: `started` is what the server was started with, `last` what is in force of what
/// was read before.
pub fn diff(started: &Config, last: Side<'_>, (new, recordings): Side<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    engines(started, last, (new, recordings), &mut outcome);
    let last = last.0;
    server(started, last, new, &mut outcome);
    limits(&started.limits, &last.limits, &new.limits, &mut outcome);
    wyoming(&started.wyoming, &last.wyoming, &new.wyoming, &mut outcome);
    let applied = &mut outcome.applied;
    note(applied, "auth.keys_file", &last.auth, &new.auth);
    note(applied, "cors.origins", &last.cors, &new.cors);
    note(applied, "log.level", &last.log.level, &new.log.level);
    for name in last.voices.keys().chain(new.voices.keys()).collect::<BTreeSet<_>>() {
        let (before, after) = (last.voices.get(name), new.voices.get(name));
        // One that imitates a recording comes and goes with the workers of its engine.
        if ![before, after].into_iter().flatten().any(|voice| voice.clone.is_some()) {
            note(applied, &format!("voices.{name}"), &before, &after);
        }
    }
    note(applied, "defaults.voices", &last.default_voices, &new.default_voices);
    note(applied, "pronunciation", &last.pronunciation, &new.pronunciation);
    for (name, engine) in &new.engines {
        if let Some(before) = last.engines.get(name).filter(|before| before.enabled && engine.enabled) {
            let mut noted = |key: &str, is_other: bool| {
                note(applied, &format!("engines.{name}.{key}"), &false, &is_other);
            };
            noted("normalise", before.normalise != engine.normalise);
            noted("required", before.required != engine.required);
            noted("warm_restart", before.warm_restart != engine.warm_restart);
        }
    }
    note(applied, "openai.models", &last.openai.models, &new.openai.models);
    note(applied, "openai.voices", &last.openai.voices, &new.openai.voices);
    let restart = &mut outcome.needs_restart;
    note(restart, "log.format", &started.log.format, &new.log.format);
    note(restart, "telemetry", &started.telemetry, &new.telemetry);
    note(restart, "cache", &started.cache, &new.cache);
    note(restart, "jobs", &started.jobs, &new.jobs);
    note(restart, "cluster", &started.cluster, &new.cluster);
    note(restart, "gpu", &started.gpu, &new.gpu);
    note(restart, "sandbox", &started.sandbox, &new.sandbox);
    note(restart, "devices", &started.devices, &new.devices);
    outcome
}

fn note<T: PartialEq + ?Sized>(list: &mut Vec<String>, key: &str, old: &T, new: &T) {
    if old != new {
        list.push(key.to_owned());
    }
}

fn server(started: &Config, last: &Config, new: &Config, outcome: &mut Outcome) {
    // Taken apart, so that a key that is added later is not forgotten here.
    let Server { listen, allow_without_keys: _, hosts, state_dir, trusted_proxies, python, grace } =
        &new.server;
    let (applied, restart) = (&mut outcome.applied, &mut outcome.needs_restart);
    note(restart, "server.listen", &started.server.listen, listen);
    note(restart, "server.state_dir", &started.server.state_dir, state_dir);
    note(restart, "server.python", &started.server.python, python);
    note(applied, "server.hosts", &last.server.hosts, hosts);
    note(applied, "server.trusted_proxies", &last.server.trusted_proxies, trusted_proxies);
    note(applied, "server.grace_s", &last.server.grace, grace);
    let chain = |config: &Config| {
        config.tls.as_ref().map(|tls| (tls.cert.clone(), tls.key.clone(), tls.chain.clone()))
    };
    if started.tls.is_some() == new.tls.is_some() {
        note(applied, "server.tls_cert", &chain(last), &chain(new));
    } else {
        restart.push("server.tls_cert".into());
    }
}

fn wyoming(started: &Wyoming, last: &Wyoming, new: &Wyoming, outcome: &mut Outcome) {
    let Wyoming { listen, allow_without_keys: _, max_connections, max_connections_per_client } = new;
    note(&mut outcome.needs_restart, "wyoming.listen", &started.listen, listen);
    let applied = &mut outcome.applied;
    note(applied, "wyoming.max_connections", &last.max_connections, max_connections);
    let per_client = (&last.max_connections_per_client, max_connections_per_client);
    note(applied, "wyoming.max_connections_per_client", per_client.0, per_client.1);
}

fn limits(started: &Limits, last: &Limits, new: &Limits, outcome: &mut Outcome) {
    let Limits {
        max_text_chars,
        max_body_bytes,
        max_requests,
        patience,
        body_timeout,
        stream_buffer,
        max_audio_mb,
        batch_share,
        max_header_bytes,
        max_connections,
        max_connections_per_client,
        header_timeout,
        keep_alive,
        slow_reader,
        probe,
        quarantine,
    } = new;
    let applied = &mut outcome.applied;
    note(applied, "limits.max_text_chars", &last.max_text_chars, max_text_chars);
    note(applied, "limits.max_body_bytes", &last.max_body_bytes, max_body_bytes);
    note(applied, "limits.max_requests", &last.max_requests, max_requests);
    note(applied, "limits.patience_s", &last.patience, patience);
    note(applied, "limits.body_timeout_s", &last.body_timeout, body_timeout);
    note(applied, "limits.max_audio_mb", &last.max_audio_mb, max_audio_mb);
    note(applied, "limits.batch_share", &last.batch_share, batch_share);
    note(applied, "limits.max_header_bytes", &last.max_header_bytes, max_header_bytes);
    note(applied, "limits.max_connections", &last.max_connections, max_connections);
    let per_client = (&last.max_connections_per_client, max_connections_per_client);
    note(applied, "limits.max_connections_per_client", per_client.0, per_client.1);
    note(applied, "limits.header_timeout_s", &last.header_timeout, header_timeout);
    note(applied, "limits.keep_alive_s", &last.keep_alive, keep_alive);
    note(applied, "limits.slow_reader_s", &last.slow_reader, slow_reader);
    let restart = &mut outcome.needs_restart;
    note(restart, "limits.stream_buffer_s", &started.stream_buffer, stream_buffer);
    note(restart, "limits.probe_s", &started.probe, probe);
    note(restart, "limits.quarantine_s", &started.quarantine, quarantine);
}

/// A configuration and what its recordings hold.
pub type Side<'c> = (&'c Config, &'c Recordings);

fn engines(started: &Config, last: Side<'_>, new: Side<'_>, outcome: &mut Outcome) {
    let names: BTreeSet<&String> = started.engines.keys().chain(new.0.engines.keys()).collect();
    for name in names {
        let enabled = |config: &'_ Config| config.engines.get(name).is_some_and(|engine| engine.enabled);
        let change = |what, keys| EngineChange { engine: name.clone(), what, keys, failure: None };
        let of_enabled = || vec![format!("engines.{name}.enabled")];
        match (enabled(started), enabled(new.0)) {
            (false, false) => {}
            (false, true) => {
                let (first, after) = (started.engines.get(name), new.0.engines.get(name));
                if first.and_then(|engine| engine.cache) != after.and_then(|engine| engine.cache) {
                    outcome.needs_restart.push(format!("engines.{name}.cache"));
                }
                outcome.engines.push(change(EngineFate::Started, of_enabled()));
            }
            (true, false) => outcome.engines.push(change(EngineFate::Stopped, of_enabled())),
            (true, true) => {
                let (Some(first), Some(before), Some(after)) =
                    (started.engines.get(name), last.0.engines.get(name), new.0.engines.get(name))
                else {
                    continue;
                };
                outcome.needs_restart.extend(fixed_keys(name, first, after));
                let mut keys = renewed_keys(name, before, after);
                keys.extend(changed_samples(name, last, new));
                let fate = if keys.is_empty() { EngineFate::Resized } else { EngineFate::Replaced };
                keys.extend(counted_keys(name, before, after));
                if !keys.is_empty() {
                    outcome.engines.push(change(fate, keys));
                }
            }
        }
    }
}

/// What is laid out when the server starts: the schedule, environments, who is waited for.
fn fixed_keys(name: &str, started: &Engine, after: &Engine) -> Vec<String> {
    let mut keys = Vec::new();
    let key = |key: &str| format!("engines.{name}.{key}");
    note(&mut keys, &key("cache"), &started.cache, &after.cache);
    keys
}

/// How many workers there are.
fn counted_keys(name: &str, before: &Engine, after: &Engine) -> Vec<String> {
    let mut keys = Vec::new();
    let key = |key: &str| format!("engines.{name}.{key}");
    note(&mut keys, &key("replicas"), &before.replicas, &after.replicas);
    note(&mut keys, &key("spares"), &before.spares, &after.spares);
    keys
}

/// What a worker is started with.
fn renewed_keys(name: &str, before: &Engine, after: &Engine) -> Vec<String> {
    // Taken apart, so that a key that is added later is not forgotten here.
    let Engine {
        enabled: _,
        devices,
        replicas: _,
        spares: _,
        threads,
        required: _,
        cache: _,
        python,
        warm_restart: _,
        // It is seen to before a text reaches a worker.
        normalise: _,
        env,
        cpus,
        nice,
        memory_mb,
        device_memory_mb,
        max_segments,
        rss_growth,
        stall_s,
        start_patience_s,
        openings,
        settings,
    } = after;
    let mut keys = Vec::new();
    let key = |key: &str| format!("engines.{name}.{key}");
    let is_one = before.devices.len() == 1 && devices.len() == 1;
    note(&mut keys, &key(if is_one { "device" } else { "devices" }), &before.devices, devices);
    note(&mut keys, &key("threads"), &before.threads, threads);
    note(&mut keys, &key("python"), &before.python, python);
    note(&mut keys, &key("env"), &before.env, env);
    note(&mut keys, &key("cpus"), &before.cpus, cpus);
    note(&mut keys, &key("nice"), &before.nice, nice);
    note(&mut keys, &key("memory_mb"), &before.memory_mb, memory_mb);
    note(&mut keys, &key("device_memory_mb"), &before.device_memory_mb, device_memory_mb);
    note(&mut keys, &key("max_segments"), &before.max_segments, max_segments);
    note(&mut keys, &key("rss_growth"), &before.rss_growth, rss_growth);
    note(&mut keys, &key("stall_s"), &before.stall_s, stall_s);
    note(&mut keys, &key("start_patience_s"), &before.start_patience_s, start_patience_s);
    note(&mut keys, &key("sandbox"), &before.openings, openings);
    for setting in before.settings.keys().chain(settings.keys()).collect::<BTreeSet<_>>() {
        note(&mut keys, &key(setting), &before.settings.get(setting), &settings.get(setting));
    }
    keys
}

/// The voices of an engine whose recordings are others now, or hold something else.
fn changed_samples(name: &str, old: Side<'_>, new: Side<'_>) -> Vec<String> {
    let samples = |(config, recordings): Side<'_>| -> BTreeMap<String, _> {
        let imitated = |voice: &&Voice| voice.routes.values().any(|route| route.engine == name);
        let of_engine = config.voices.iter().filter(|(_, voice)| imitated(voice));
        let samples = of_engine.filter_map(|(id, voice)| {
            let clone = voice.clone.clone()?;
            let held = recordings.0.get(&clone.reference).copied();
            Some((id.clone(), (clone, held)))
        });
        samples.collect()
    };
    let (old, new) = (samples(old), samples(new));
    let voices: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed = voices.into_iter().filter(|voice| old.get(*voice) != new.get(*voice));
    changed.map(|voice| format!("voices.{voice}")).collect()
}

#[cfg(test)]
mod tests;
