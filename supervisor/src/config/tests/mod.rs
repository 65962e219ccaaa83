//! A file as somebody writes it, to types or to everything that is wrong with it.

mod access;
mod engines;
mod machine;
mod voices;

use std::path::PathBuf;

use super::{Config, DEFAULT, Overrides, Problems, validate};

fn read(source: &str) -> Result<Config, Problems> {
    let overrides = Overrides { state_dir: Some("/state".into()), ..Overrides::default() };
    validate::config(Some(PathBuf::from("/etc/here/ishowtts.toml")), source, &overrides)
}

fn problems(source: &str) -> Vec<String> {
    let lines = read(source).expect_err("these files are wrong").to_string();
    lines.lines().skip(1).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn the_file_we_ship_is_valid_and_speaks_two_languages() {
    let config = read(DEFAULT).unwrap();
    assert_eq!(config.server.listen.port(), 27121);
    let enabled: Vec<_> = config.enabled_engines().map(|(name, _)| name.as_str()).collect();
    assert_eq!(enabled, ["fastspeech2", "piper"]);
    let walter = &config.voices["walter"];
    assert_eq!(walter.routes["en"].engine, "piper");
    assert_eq!(walter.routes["zh"].engine, "fastspeech2");
}

#[test]
fn every_problem_is_told_at_once_with_its_line() {
    let told = problems(
        r#"[server]
listen = "nowhere"
colour = "red"

[engines.piper]
enabled = "yes"
device = "cuda"

[engines.espeak]
enabled = true

[voices.joe]
engines = { en = "pipr" }

[defaults]
voices = { en = "nobody", zh = "joe" }
"#,
    );
    let expected = [
        "line 2: server.listen: must be an address and a port, such as 127.0.0.1:27121, not \"nowhere\"",
        "line 3: server.colour: is not a key here;",
        "line 6: engines.piper.enabled: must be true or false, not \"yes\"",
        "line 7: engines.piper.device: must be cpu, cuda:N or none, not \"cuda\"",
        "line 9: engines.espeak: this version has no such engine; it has ",
        "line 13: voices.joe.engines.en: there is no engine \"pipr\" in this file",
        "line 16: defaults.voices.en: there is no voice \"nobody\" in this file",
        "line 16: defaults.voices.zh: the voice \"joe\" does not speak zh",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\n  instead of\n{expected}");
    }
}

#[test]
fn broken_toml_is_told_with_its_line() {
    let told = problems("[engines.tone]\nenabled = true\n[server\nlisten = 5");
    assert!(told.iter().any(|line| line.starts_with("line 3:")), "{told:?}");
}

#[test]
fn numbers_out_of_range_are_refused() {
    let told = problems("[engines.tone]\nenabled = true\nreplicas = 0\n[limits]\npatience_s = 1e3\n");
    assert!(told[0].contains("from 1 to 256, not 0"), "{told:?}");
    assert!(told[1].contains("limits.patience_s: must be a whole number"), "{told:?}");
}
