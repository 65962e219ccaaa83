//! Raw → typed, and everything that does not fit together.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use toml::de::DeTable;

use super::{
    Config, Problems, Route, access,
    auth::auth,
    cache::cache,
    cluster::cluster,
    device::{device, is_device},
    engine::engine,
    gpu::gpu,
    jobs::jobs,
    locate::Overrides,
    log::log,
    openai::openai,
    pronunciation::pronunciations,
    raw::{Notes, Table},
    sandbox::sandbox,
    server::{limits, server},
    telemetry::telemetry,
    tls::tls,
    voice::voice,
    wyoming::wyoming,
};
use crate::package;

pub(super) fn config(file: Option<PathBuf>, source: &str, overrides: &Overrides) -> Result<Config, Problems> {
    let notes = Notes::new(source);
    let (document, errors) = DeTable::parse_recoverable(source);
    for error in &errors {
        notes.problem(error.span(), "", error.message());
    }
    let base = file.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
    let config = read(&document, &notes, overrides, &base);
    let list = notes.into_problems();
    if list.is_empty() {
        return Ok(Config { file, ..config });
    }
    let file = file.map_or("the embedded configuration".into(), |path| path.display().to_string());
    Err(Problems { file, list })
}

fn read(document: &toml::Spanned<DeTable<'_>>, notes: &Notes, overrides: &Overrides, base: &Path) -> Config {
    let root = Table::root(document.get_ref(), notes);
    let auth = auth(&root.table("auth"), notes, base);
    let server_table = root.table("server");
    let tls = tls(&server_table, notes, base);
    let server = server(&server_table, notes, overrides, base, auth.file.is_some());
    let wyoming = wyoming(&root.table("wyoming"), notes, overrides);
    let cors = access::cors(&root.table("cors"), notes);
    let log = log(&root.table("log"), notes);
    let telemetry = telemetry(&root.table("telemetry"), notes);
    let limits = limits(&root.table("limits"));
    let cache = cache(&root.table("cache"), base);
    let jobs = jobs(&root.table("jobs"), notes, base);
    let cluster = cluster(&root.table("cluster"), notes, base);

    let gpu = gpu(&root.table("gpu"), base);
    let sandbox = sandbox(&root.table("sandbox"), notes);

    let mut devices = BTreeMap::new();
    for (name, table) in root.table("devices").tables() {
        if !is_device(&name.value) {
            name.problem(notes, "must be cpu or cuda:N");
        }
        devices.insert(name.value, device(&table));
    }
    let mut engines = BTreeMap::new();
    for (name, table) in root.table("engines").tables() {
        let known = package::engines();
        if !known.contains(&name.value) && table.boolean("enabled", false) {
            name.problem(notes, format!("this version has no such engine; it has {}", known.join(", ")));
        }
        engines.insert(name.value.clone(), engine(&name.value, &table, notes, base));
    }
    if !engines.values().any(|engine| engine.enabled) {
        notes.problem(None, "engines", "no engine is enabled: set `enabled = true` for at least one");
    }

    let mut voices = BTreeMap::new();
    for (name, table) in root.table("voices").tables() {
        let voice = voice(&name, &table, notes, &engines, base);
        voices.insert(name.value, voice);
    }

    let pronunciation = pronunciations(&root.table("pronunciation"), notes, &engines, &voices);

    let defaults = root.table("defaults");
    let mut default_voices = BTreeMap::new();
    for (language, found) in defaults.table("voices").strings() {
        let is_engines_own = engines.contains_key(&Route::parse(&found.value).engine);
        match voices.get(&found.value) {
            Some(voice) if !voice.routes.contains_key(&language) => {
                found.problem(notes, format!("the voice {:?} does not speak {language}", found.value));
            }
            None if !is_engines_own => {
                found.problem(notes, format!("there is no voice {:?} in this file", found.value));
            }
            _ => {}
        }
        default_voices.insert(language, found.value);
    }
    defaults.finish();
    let openai = openai(&root.table("openai"), notes, &engines, &voices);
    root.finish();
    Config {
        file: None,
        server,
        tls,
        auth,
        wyoming,
        cors,
        log,
        telemetry,
        limits,
        devices,
        cache,
        jobs,
        cluster,
        gpu,
        sandbox,
        default_voices,
        engines,
        voices,
        pronunciation,
        openai,
    }
}

/// `[auth] keys_file`, whatever else is wrong.
pub(super) fn keys_file(source: &str, base: &Path) -> Option<PathBuf> {
    let notes = Notes::new(source);
    let (document, _errors) = DeTable::parse_recoverable(source);
    super::auth::keys_file(&Table::root(document.get_ref(), &notes).table("auth"), base)
}
