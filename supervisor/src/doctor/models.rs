//! Files that enabled engines are told of, and settings that decide how fast they are.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::Report;
use crate::config::{Config, Engine};

/// Settings that are paths wherever they begin with one.
const PATHS: [&str; 7] = ["model", "checkpoint", "vocab", "vocoder", "model_dir", "config", "voices"];
/// Settings without which an engine has no model; none is downloaded behind anybody's back.
const NEEDED: [(&str, &str); 3] = [("f5", "checkpoint"), ("f5", "vocoder"), ("indextts", "model_dir")];
/// Files that can hold code besides numbers.
const PICKLES: [&str; 3] = ["pt", "pth", "bin"];
/// Files that a setting may name; what ends like one and begins with neither `/` nor `.` is seen from nowhere.
const FILES: [&str; 11] =
    ["pt", "pth", "bin", "safetensors", "onnx", "tflite", "npz", "txt", "yaml", "yml", "json"];
/// Steps that an engine takes at most to stay well within the time that speech lasts, on the machine it is made for.
const LIVE_NFE_STEPS: u64 = 8;

pub(super) fn check(config: &Config, report: &mut Report) {
    for (name, engine) in config.enabled_engines() {
        for (_, key) in
            NEEDED.iter().filter(|(needs, key)| needs == name && !engine.settings.contains_key(*key))
        {
            let mend = format!("mend it with `{key} = \"./…\"` under [engines.{name}]");
            report
                .miss(what(name, key), format!("is not set, and the engine has no model of its own; {mend}"));
        }
        for key in PATHS {
            if let Some(value) = engine.settings.get(key).and_then(|value| value.as_str()) {
                path(name, key, value, report);
            }
        }
        steps(name, engine, report);
    }
}

fn what(engine: &str, key: &str) -> String {
    format!("engine {engine}, {key}")
}

fn path(engine: &str, key: &str, value: &str, report: &mut Report) {
    let (what, path) = (what(engine, key), Path::new(value));
    let mend = format!("mend `{key}` under [engines.{engine}]");
    if !path.is_absolute() {
        // Anything else is a name that the engine knows.
        if ends_like(path, &FILES) {
            report.miss(what, format!("{value} is seen from nowhere; {mend}: write ./{value}"));
        }
        return;
    }
    if !path.exists() {
        return report.miss(what, format!("there is nothing at {value}; {mend}"));
    }
    let pickles = if key == "voices" { Vec::new() } else { pickles(path) };
    if pickles.is_empty() {
        return report.good(what, value);
    }
    let advice = "loaded with weights_only=True, so no code in it runs; safetensors would be better";
    report.note(what, format!("{value}: {} {advice}", pickles.join(", ")));
}

/// Names of files that could hold code: this one, or those in this folder.
fn pickles(path: &Path) -> Vec<String> {
    let inside = || {
        let entries = path.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
        let mut entries: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
        entries.sort();
        entries
    };
    let files = if path.is_dir() { inside() } else { vec![path.to_owned()] };
    let names = files.iter().filter(|path| ends_like(path, &PICKLES)).filter_map(|path| path.file_name());
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}

fn ends_like(path: &Path, extensions: &[&str]) -> bool {
    path.extension().and_then(OsStr::to_str).is_some_and(|found| extensions.contains(&found))
}

/// An engine that refines its audio in steps takes as long as it has steps.
fn steps(name: &str, engine: &Engine, report: &mut Report) {
    let key = "default_nfe_step";
    let Some(steps) = engine.settings.get(key).and_then(serde_json::Value::as_u64) else { return };
    if steps <= LIVE_NFE_STEPS {
        return report.good(what(name, key), steps.to_string());
    }
    let mend = format!("7 is usual for live speech; mend it with `{key} = 7` under [engines.{name}]");
    report.note(what(name, key), format!("{steps}: each step takes its time; {mend}"));
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config;

    fn look(engine: &str, settings: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        for file in ["m.safetensors", "m.pt", "whole/config.yaml", "mixed/gpt.pth", "mixed/s2mel.pth"] {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let file = dir.path().join("ishowtts.toml");
        // `tone` stands for an engine that takes anything: its worker would complain, and is not asked.
        fs::write(&file, format!("[engines.{engine}]\nenabled = true\n{settings}")).unwrap();
        let overrides = config::Overrides { config: Some(file), ..Default::default() };
        let mut report = Report::default();
        check(&config::load(&overrides).unwrap(), &mut report);
        let here = format!("{}/", dir.path().display());
        report.lines().into_iter().map(|line| line.replace("/./", "/").replace(&here, "")).collect()
    }

    #[test]
    fn a_path_must_lead_somewhere_and_a_name_need_not() {
        assert_eq!(look("tone", "model = \"F5TTS_v1_Base\"\nrtf = 0.5\nnote = \"./gone\"\n"), [""; 0]);
        let told = look(
            "tone",
            "model = \"./m.safetensors\"\nvocab = \"./gone.txt\"\ncheckpoint = \"m.safetensors\"\n",
        );
        let expected = [
            "[ok  ] engine tone, model: m.safetensors",
            "[MISS] engine tone, checkpoint: m.safetensors is seen from nowhere; \
             mend `checkpoint` under [engines.tone]: write ./m.safetensors",
            "[MISS] engine tone, vocab: there is nothing at gone.txt; mend `vocab` under [engines.tone]",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_file_that_could_hold_code_is_a_note_also_within_a_folder() {
        let advice = "loaded with weights_only=True, so no code in it runs; safetensors would be better";
        let told = look("tone", "checkpoint = \"./m.pt\"\nvocoder = \"./whole\"\nmodel_dir = \"./mixed\"\n");
        let expected = [
            format!("[note] engine tone, checkpoint: m.pt: m.pt {advice}"),
            "[ok  ] engine tone, vocoder: whole".into(),
            format!("[note] engine tone, model_dir: mixed: gpt.pth, s2mel.pth {advice}"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn many_steps_are_a_note() {
        assert_eq!(look("tone", "default_nfe_step = 7\n"), ["[ok  ] engine tone, default_nfe_step: 7"]);
        let told = look("tone", "default_nfe_step = 32\n");
        assert!(told[0].starts_with("[note] engine tone, default_nfe_step: 32: "), "{told:?}");
    }

    #[test]
    fn an_engine_that_has_no_model_of_its_own_needs_one_named() {
        let mut report = Report::default();
        let engine = Engine { enabled: true, ..plain() };
        let config = Config { engines: [("indextts".to_owned(), engine)].into(), ..shipped() };
        check(&config, &mut report);
        assert_eq!(report.missing(), 1, "{report:?}");
        assert!(report.lines()[0].starts_with("[MISS] engine indextts, model_dir: is not set"), "{report:?}");
    }

    /// Whether this version has that engine makes no difference here.
    fn shipped() -> Config {
        let overrides = config::Overrides { state_dir: Some("/state".into()), ..Default::default() };
        config::load(&overrides).unwrap()
    }

    fn plain() -> Engine {
        shipped().engines["tone"].clone()
    }
}
