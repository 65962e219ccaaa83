//! How the workers of this configuration are confined, and what the machine has to confine them with.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use ishowtts_workers::sandbox::{Confinement, Kernel, Needs, Policy, Protection, State, cgroup, protections};
use serde_json::{Map, Value, json};

use crate::{
    config::{self, Config, Engine},
    environments::{Layout, find_program, listed},
};

/// Engines that compile kernels for a GPU, with the tools of a compiler.
const COMPILERS: [&str; 2] = ["f5", "indextts"];
/// Variables that name a worker's own folder, gone with its process.
const SCRATCH: [&str; 4] = ["HOME", "TMPDIR", "TEMP", "TMP"];
/// Variables by which packages find a folder for what they keep, and its name in the engine's own.
const KEPT: [(&str, &str); 6] = [
    ("XDG_CACHE_HOME", "cache"),
    ("MPLCONFIGDIR", "matplotlib"),
    ("NUMBA_CACHE_DIR", "numba"),
    ("TRITON_CACHE_DIR", "triton"),
    ("TORCHINDUCTOR_CACHE_DIR", "inductor"),
    ("CUDA_CACHE_PATH", "cuda"),
];
/// Variables that list folders, or name one, which an engine's programs and libraries come from.
const FOLDERS: [&str; 5] = ["LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_PATH", "TRITON_LIBCUDA_PATH", "PYTHONPATH"];
/// Variables that name a tool of a compiler.
const TOOLS: [&str; 2] = ["CC", "TRITON_PTXAS_PATH"];
/// Where the library of NVIDIA's driver is found; triton would ask `ldconfig`, which on some systems is a script.
const LIBCUDA: [&str; 8] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu/nvidia",
    "/usr/lib/aarch64-linux-gnu/tegra",
    "/usr/lib64",
    "/usr/lib/wsl/lib",
    "/run/opengl-driver/lib",
    "/usr/local/nvidia/lib64",
];
/// How far and how much of a folder of models is searched for links that lead out of it.
const DEEP: u32 = 4;
const ENTRIES: usize = 10_000;

/// Folders that all workers have to do with.
#[derive(Clone, Copy, Debug)]
pub struct Folders<'f> {
    /// Our Python package.
    pub code: &'f Path,
    /// Where each engine has a folder for what it keeps.
    pub kept: &'f Path,
    /// Where the sockets are.
    pub runtime: &'f Path,
}

/// What was found and decided at the start.
#[derive(Clone, Debug, Default)]
pub struct Sandbox {
    enabled: bool,
    protections: Vec<Protection>,
    layouts: BTreeMap<String, Layout>,
    cgroup: Option<PathBuf>,
    /// Engines that are not confined.
    unconfined: Vec<String>,
}

impl Sandbox {
    /// Asks the kernel and the engines' interpreters, and takes the control group that is ours.
    pub async fn prepare(config: &Config, interpreters: &BTreeMap<String, PathBuf>) -> Self {
        sweep(&scratch(config));
        if !config.sandbox.enabled {
            return Self::default();
        }
        let kernel = Kernel::probe();
        if kernel.landlock == 0
            && let Err(error) = ishowtts_workers::sandbox::hide_memory()
        {
            tracing::warn!(%error, "Could not close the server's memory to its workers");
        }
        let group = group(&config.sandbox.cgroup);
        let mut layouts = BTreeMap::new();
        for (name, python) in interpreters {
            let Some(engine) = config.engines.get(name) else { continue };
            layouts.insert(name.clone(), Layout::of(python, engine.env.iter()).await);
        }
        Self {
            enabled: true,
            protections: protections(kernel, &group),
            layouts,
            cgroup: group.ok().map(|group| group.base),
            unconfined: unconfined(config).map(str::to_owned).collect(),
        }
    }

    /// Asks the interpreter of an engine that was switched on later, or that is started otherwise than before.
    pub async fn learn(&mut self, config: &Config, name: &str, engine: &Engine, python: &Path) {
        if self.enabled {
            self.layouts.insert(name.to_owned(), Layout::of(python, engine.env.iter()).await);
            self.unconfined = unconfined(config).map(str::to_owned).collect();
        }
    }

    /// Tells the log what is missing.
    pub fn tell(&self) {
        if !self.enabled {
            tracing::warn!("The sandbox is off: an engine may do whatever the server may");
        }
        for Protection { name, state, details } in &self.protections {
            match state {
                State::Missing => {
                    tracing::warn!(protection = name, "The sandbox lacks a protection: {details}");
                }
                State::Partial => {
                    tracing::info!(protection = name, "The sandbox protects in part: {details}");
                }
                State::Enforced => tracing::debug!(protection = name, "The sandbox protects: {details}"),
            }
        }
        for engine in &self.unconfined {
            tracing::warn!(engine, "The engine is not sandboxed, as its settings say");
        }
    }

    /// As `/api/status` tells it.
    pub fn told(&self) -> Value {
        let protection = |found: &Protection| {
            let told = json!({ "state": found.state.label(), "details": found.details });
            (found.name.to_owned(), told)
        };
        let protections: Map<_, _> = self.protections.iter().map(protection).collect();
        json!({ "enabled": self.enabled, "unconfined": self.unconfined, "protections": protections })
    }

    /// Whether the workers of an engine are confined.
    fn confines(&self, engine: &Engine) -> bool {
        self.enabled && !engine.openings.everything
    }

    /// How an engine's workers are confined, and the variables that belong to it.
    pub fn confinement(
        &self,
        config: &Config,
        name: &str,
        engine: &Engine,
        interpreter: &Path,
        folders: Folders<'_>,
    ) -> (Confinement, BTreeMap<String, String>) {
        let kept = folders.kept.join(name);
        let mut variables = BTreeMap::new();
        // An engine that cannot keep anything starts nevertheless; it says itself what it misses.
        if fs::create_dir_all(&kept).is_ok() {
            let folder = |(variable, folder): &(&str, &str)| {
                ((*variable).to_owned(), kept.join(folder).to_string_lossy().into_owned())
            };
            variables.extend(KEPT.iter().map(folder));
        }
        let gpu = engine.is_on_gpu();
        let compiles = gpu && COMPILERS.contains(&name);
        if compiles && let Some(dir) = LIBCUDA.iter().find(|dir| Path::new(dir).join("libcuda.so.1").exists())
        {
            variables.insert("TRITON_LIBCUDA_PATH".into(), (*dir).to_owned());
        }
        let policy = self.confines(engine).then(|| {
            let layout = self.layouts.get(name).cloned().unwrap_or_default();
            Policy::of(&Needs {
                programs: layout.programs.into_iter().chain([interpreter.to_owned()]).collect(),
                libraries: layout.libraries.into_iter().chain(listed_folders(engine)).collect(),
                code: folders.code.to_owned(),
                files: files(config, name, engine).into_iter().collect(),
                kept,
                sockets: folders.runtime.to_owned(),
                gpu,
                compiles,
                extra: [
                    engine.openings.read.clone(),
                    engine.openings.write.clone(),
                    [engine.openings.execute.clone(), if compiles { tools(engine) } else { Vec::new() }]
                        .concat(),
                ],
            })
        });
        if policy.is_some() {
            // Libraries that ask for the user's name get one, without a look into the system's list of users.
            variables.extend(["USER", "LOGNAME"].map(|name| (name.to_owned(), "ishowtts".to_owned())));
        }
        let own = |variable: &&str| !engine.env.contains_key(*variable);
        let confinement = Confinement {
            policy,
            scratch: Some(scratch(config)),
            scratch_variables: SCRATCH.iter().copied().filter(own).map(str::to_owned).collect(),
            cgroup: self.cgroup.clone(),
            cgroup_memory_mb: engine.memory_mb,
        };
        (confinement, variables)
    }
}

/// Where each life of a worker has a folder. Not beside the sockets: a runtime directory is small, in memory, and often
/// one that no library may be loaded from.
fn scratch(config: &Config) -> PathBuf {
    config.server.state_dir.join("scratch")
}

/// Removes what the workers of a killed server left. Another server may use the same folder, so a process that is
/// there keeps its own.
fn sweep(scratch: &Path) {
    for entry in fs::read_dir(scratch).into_iter().flatten().filter_map(Result::ok) {
        let pid = entry.file_name().to_string_lossy().parse::<u32>();
        if pid.is_ok_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            // What cannot be removed is no reason not to start.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

/// What the kernel offers, for a look that changes nothing.
pub fn look(config: &config::Sandbox) -> Vec<Protection> {
    let group = match &config.cgroup {
        config::Cgroup::Off => Err("switched off".to_owned()),
        config::Cgroup::Auto => cgroup::find(),
        config::Cgroup::At(base) => cgroup::look(base),
    };
    protections(Kernel::probe(), &group)
}

/// Engines in use whose settings take them out of the sandbox.
pub fn unconfined(config: &Config) -> impl Iterator<Item = &str> {
    let engines = config.enabled_engines().filter(|(_, engine)| engine.openings.everything);
    engines.map(|(name, _)| name.as_str())
}

fn group(wanted: &config::Cgroup) -> Result<cgroup::Delegated, String> {
    match wanted {
        config::Cgroup::Off => Err("switched off".into()),
        config::Cgroup::Auto => cgroup::find().and_then(|found| cgroup::take(&found.base)),
        config::Cgroup::At(base) => cgroup::take(base),
    }
}

/// Folders that an engine's variables name.
fn listed_folders(engine: &Engine) -> Vec<PathBuf> {
    let lists = FOLDERS.iter().filter_map(|name| variable(engine, name));
    lists.flat_map(|list| listed(&list).collect::<Vec<_>>()).collect()
}

/// Programs that they name.
fn tools(engine: &Engine) -> Vec<PathBuf> {
    TOOLS.iter().filter_map(|name| find_program(&variable(engine, name)?)).collect()
}

fn variable(engine: &Engine, name: &str) -> Option<String> {
    engine.env.get(name).cloned().or_else(|| std::env::var(name).ok())
}

/// Models that an engine's settings name, and the recordings of its voices.
fn files(config: &Config, name: &str, engine: &Engine) -> BTreeSet<PathBuf> {
    let mut named = BTreeSet::new();
    engine.settings.values().for_each(|value| collect(value, &mut named));
    let mut files = BTreeSet::new();
    for path in named {
        if path.is_dir() {
            links(&path, DEEP, &mut files);
            files.insert(path);
        } else {
            // With what stands beside it under a longer name: `voice.onnx.json`.
            let mut beside = path.clone().into_os_string();
            beside.push("*");
            files.extend([path, beside.into()]);
        }
    }
    let clones =
        config.voices.values().filter(|voice| voice.routes.values().any(|route| route.engine == name));
    files.extend(clones.filter_map(|voice| voice.clone.as_ref()).map(|clone| clone.reference.clone()));
    files
}

fn collect(value: &Value, paths: &mut BTreeSet<PathBuf>) {
    match value {
        Value::String(text) if text.starts_with('/') => {
            paths.insert(text.into());
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, paths)),
        Value::Object(table) => table.values().for_each(|item| collect(item, paths)),
        _ => {}
    }
}

/// What the links in a folder lead to: a hub's folder of a model holds nothing else.
fn links(dir: &Path, deep: u32, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok).take(ENTRIES) {
        let (path, kind) = (entry.path(), entry.file_type());
        match kind {
            Ok(kind) if kind.is_symlink() => found.extend(fs::canonicalize(path).ok()),
            Ok(kind) if kind.is_dir() && deep > 0 => links(&path, deep - 1, found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_among_the_settings_is_a_file_of_the_engine_and_links_are_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("snapshot/part")).unwrap();
        fs::write(dir.path().join("blob"), "").unwrap();
        std::os::unix::fs::symlink("../../blob", dir.path().join("snapshot/part/model")).unwrap();
        let mut found = BTreeSet::new();
        links(&dir.path().join("snapshot"), DEEP, &mut found);
        let blob = fs::canonicalize(dir.path().join("blob")).unwrap();
        assert_eq!(found, BTreeSet::from([blob]));

        let mut paths = BTreeSet::new();
        collect(&json!({ "model": "/m/a", "n": 3, "more": ["/m/b", "none"] }), &mut paths);
        assert_eq!(paths, BTreeSet::from(["/m/a".into(), "/m/b".into()]));
    }
}
