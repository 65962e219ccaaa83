//! Engines: their interpreters, devices, workers, and keys of their own.

use std::path::{Path, PathBuf};

use super::{problems, read};
use crate::config::{Overrides, Python, validate};

#[test]
fn an_engines_own_keys_travel_with_their_paths_made_whole() {
    let config = read(
        "[engines.tone]\nenabled = true\nrtf = 0.5\nmodel = \"./m.bin\"\nnote = \"m.bin\"\nenv = { A = \"b\" }\n",
    )
    .unwrap();
    let tone = &config.engines["tone"];
    assert_eq!(tone.devices, ["none"]);
    assert_eq!(tone.env["A"], "b");
    assert_eq!(tone.settings["rtf"], 0.5);
    let model = tone.settings["model"].as_str().unwrap();
    assert_eq!(Path::new(model).components().collect::<PathBuf>(), Path::new("/etc/here/m.bin"));
    assert_eq!(tone.settings["note"], "m.bin");
    assert_eq!(tone.settings.len(), 3);
}

#[test]
fn an_engine_runs_in_an_environment_of_its_lock_unless_an_interpreter_is_named() {
    let python = |written: &str| {
        let config = read(&format!("[engines.tone]\nenabled = true\n{written}")).unwrap();
        assert!(config.engines["tone"].settings.is_empty(), "{written} is not the engine's own");
        config.engines["tone"].python.clone()
    };
    assert_eq!(python(""), Python::Made { system_site_packages: false });
    assert_eq!(python("system_site_packages = true\n"), Python::Made { system_site_packages: true });
    // Seen from the file, and not resolved: an environment's interpreter is a link out of it.
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/bin/sh", dir.path().join("python")).unwrap();
    let source = "[engines.tone]\nenabled = true\npython = \"./python\"\n";
    let overrides = Overrides { state_dir: Some("/state".into()), ..Overrides::default() };
    let config = validate::config(Some(dir.path().join("my.toml")), source, &overrides).unwrap();
    assert_eq!(config.engines["tone"].python, Python::Own(dir.path().join("python")));
}

#[test]
fn an_interpreter_must_be_there_and_leaves_no_environment_to_be_made() {
    let written = "python = \"venv/bin/python\"\n";
    let told = problems(&format!("[engines.tone]\nenabled = true\n{written}"));
    assert_eq!(told, ["line 3: engines.tone.python: there is no interpreter /etc/here/venv/bin/python"]);
    let told =
        problems("[engines.tone]\nenabled = true\npython = \"/bin/sh\"\nsystem_site_packages = true\n");
    assert!(told[0].starts_with("line 3: engines.tone.python: leaves nothing to"), "{told:?}");
    let off = read(&format!("[engines.tone]\nenabled = true\n[engines.piper]\n{written}"));
    assert!(off.is_ok(), "an engine that is off misses nothing");
}

#[test]
fn an_engine_has_one_worker_for_each_of_its_devices_unless_told_otherwise() {
    let engine = |keys: &str| {
        let config = read(&format!("[engines.tone]\nenabled = true\n{keys}\n")).unwrap();
        let tone = config.engines["tone"].clone();
        (tone.devices, tone.replicas)
    };
    let cards = vec!["cuda:0".to_owned(), "cuda:1".to_owned()];
    assert_eq!(engine("devices = [\"cuda:0\", \"cuda:1\"]"), (cards.clone(), 2));
    assert_eq!(engine("devices = [\"cuda:0\", \"cuda:1\"]\nreplicas = 3"), (cards, 3));
    assert_eq!(engine("device = \"cuda:3\""), (vec!["cuda:3".into()], 1));
    assert_eq!(engine("device = \"sim:7\"\nreplicas = 2"), (vec!["sim:7".into()], 2));
}

#[test]
fn devices_that_make_no_sense_are_told() {
    for (engine, keys, expected) in [
        ("f5", "devices = [\"cuda:0\", \"cuda:0\"]", "line 3: engines.f5.devices: cuda:0 stands twice; "),
        (
            "f5",
            "devices = [\"cuda:0\", \"gpu1\"]",
            "line 3: engines.f5.devices: must list cpu or cuda:N, not \"gpu1\"",
        ),
        (
            "f5",
            "devices = [\"cuda:01\"]",
            "line 3: engines.f5.devices: must list cpu or cuda:N, not \"cuda:01\"",
        ),
        (
            "f5",
            "device = \"cuda:0\"\ndevices = [\"cuda:1\"]",
            "line 3: engines.f5.device: leaves nothing to `devices`",
        ),
        (
            "f5",
            "devices = [\"cpu\", \"cuda:1\"]",
            "line 3: engines.f5.devices: cuda:1 is of another kind than the first",
        ),
        ("f5", "devices = []", "line 3: engines.f5.devices: names no device;"),
        ("f5", "devices = [0, 1]", "line 3: engines.f5.devices: must be a list of strings, not [0,1]"),
        (
            "f5",
            "device = \"sim:0\"",
            "line 3: engines.f5.device: must be cpu, cuda:N or none, not \"sim:0\"; sim:N is no",
        ),
        ("f5", "devices = [\"none\"]", "line 3: engines.f5.devices: must list cpu or cuda:N, not \"none\""),
        (
            "f5",
            "devices = [\"cuda:0\", \"cuda:1\"]\nenv = { CUDA_VISIBLE_DEVICES = \"0\" }",
            "line 4: engines.f5.env.CUDA_VISIBLE_DEVICES: would have every worker see the same GPUs",
        ),
    ] {
        let told = problems(&format!("[engines.{engine}]\nenabled = true\n{keys}\n"));
        assert!(told.len() == 1 && told[0].starts_with(expected), "{told:?}\n  instead of\n{expected}");
    }
    let told = problems("[engines.tone]\nenabled = true\n[devices.\"gpu:0\"]\noverlap = true\n");
    assert!(told.iter().any(|line| line.contains("must be cpu or cuda:N")), "{told:?}");
}
