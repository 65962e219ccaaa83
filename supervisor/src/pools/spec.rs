//! What the configuration makes of one worker.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use ishowtts_workers::{ExecLimits, Patience, Upkeep, VoiceSample, WorkerSpec};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Places;
use crate::{
    config::{Config, Engine, VISIBLE_GPUS},
    sandbox::Folders,
};

/// Longest audio of one segment: at the slowest rate a segment's text takes a few minutes; more is an engine
/// gone astray.
const MAX_SEGMENT_AUDIO: usize = 32 * 1024 * 1024;

/// Everything that decides how an engine speaks, besides what a request asks for.
pub(super) fn identity(config: &Config, name: &str, engine: &Engine, places: &Places) -> String {
    // Both are named after what they hold.
    let code = places.code.file_name().unwrap_or_default().to_string_lossy();
    let packages = places.interpreters.get(name).map(|python| python.to_string_lossy()).unwrap_or_default();
    let mut hash = Sha256::new();
    for voice in
        config.voices.values().filter(|voice| voice.routes.values().any(|route| route.engine == name))
    {
        if let Some(clone) = &voice.clone {
            hash.update(&clone.transcript);
            // A recording that cannot be read fails its worker, which says so.
            hash.update(fs::read(&clone.reference).unwrap_or_default());
        }
    }
    let settings = Value::Object(engine.settings.clone());
    format!(
        "{code} {packages} {settings} {} {} {:x?}",
        engine.devices.join(","),
        engine.threads,
        hash.finalize()
    )
}

/// A text that asks for far too much is stopped by this before the machine runs out of memory. CUDA maps far more than
/// it uses.
fn address_space(engine: &Engine) -> Option<u64> {
    engine.memory_mb.filter(|_| !engine.is_on_gpu()).map(|mb| mb.saturating_mul(2))
}

/// A worker of an engine, on this device.
pub(super) fn spec(
    config: &Config,
    name: &str,
    engine: &Engine,
    (replica, device): (u32, &str),
    places: &Places,
    interpreter: &Path,
) -> WorkerSpec {
    let samples = config.voices.iter().filter_map(|(id, voice)| {
        let clone = voice.clone.as_ref()?;
        let speaks = voice.routes.values().any(|route| route.engine == name);
        speaks.then(|| VoiceSample {
            id: id.clone(),
            language: clone.language.clone(),
            reference: clone.reference.clone(),
            transcript: clone.transcript.clone(),
        })
    });
    let mut env = BTreeMap::from([
        ("PYTHONPATH".to_owned(), places.code.to_string_lossy().into_owned()),
        // Nothing that lies about in a user's home or in the scratch directory takes a module's place.
        ("PYTHONNOUSERSITE".to_owned(), "1".to_owned()),
        ("PYTHONSAFEPATH".to_owned(), "1".to_owned()),
        ("PYTHONUNBUFFERED".to_owned(), "1".to_owned()),
        // Threads that wait actively would take the very cores that the others compute on.
        ("OMP_WAIT_POLICY".to_owned(), "PASSIVE".to_owned()),
        ("OMP_NUM_THREADS".to_owned(), engine.threads.to_string()),
        // `cuda:1` is the same card for workers, for the metrics and for `nvidia-smi`.
        ("CUDA_DEVICE_ORDER".to_owned(), "PCI_BUS_ID".to_owned()),
        // A server never downloads behind its user's back.
        ("HF_HUB_OFFLINE".to_owned(), "1".to_owned()),
        ("ISHOWTTS_CACHE".to_owned(), places.kept.join(name).to_string_lossy().into_owned()),
    ]);
    let folders = Folders { code: &places.code, kept: &places.kept, runtime: &places.runtime };
    let (confinement, own) = places.sandbox.confinement(config, name, engine, interpreter, folders);
    env.extend(own);
    env.extend(engine.env.clone());
    let spec = WorkerSpec {
        engine: name.to_owned(),
        replica,
        device: device.to_owned(),
        seen_as: device.to_owned(),
        threads: engine.threads,
        settings: engine.settings.clone(),
        voices: samples.collect(),
        launcher: places.launcher.clone(),
        program: interpreter.to_owned(),
        args: ["-s", "-m", "ishowtts_worker", "--log-level", &places.log_level].map(Into::into).into(),
        env,
        working_dir: places.runtime.clone(),
        socket_dir: places.runtime.clone(),
        limits: ExecLimits { cpus: engine.cpus.clone(), nice: engine.nice, memory_mb: address_space(engine) },
        confinement,
        patience: Patience {
            stall: Duration::from_secs(engine.stall_s.into()),
            startup_stillness: Duration::from_secs(engine.start_patience_s.into()),
            ..Patience::default()
        },
        upkeep: Upkeep {
            max_segments: engine.max_segments,
            rss_growth: engine.rss_growth,
            rss_bytes: engine.memory_mb.map(|mb| mb << 20),
            device_bytes: engine.device_memory_mb.map(|mb| mb << 20),
        },
        max_audio_bytes: MAX_SEGMENT_AUDIO,
    };
    places.cards.assign(spec, device, engine.env.contains_key(VISIBLE_GPUS))
}
