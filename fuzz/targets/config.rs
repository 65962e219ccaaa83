//! The configuration. Whatever the file says, it is either right, and then its limits are such that the server can
//! keep to them, or all of its problems are told, in order and each at its line.

#![no_main]

use std::{
    path::{Path, PathBuf},
    str,
    time::Duration,
};

use ishowtts::{
    config::{self, Config, Overrides, Problems},
    surface::Live,
    voices::Shelf,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(source) = str::from_utf8(input) else { return };
    let overrides = Overrides {
        // Nobody is asked for the address of a name.
        listen: Some("127.0.0.1:0".into()),
        state_dir: Some("/nowhere/state".into()),
        ..Overrides::default()
    };
    match config::parse(Some(PathBuf::from("/nowhere/ishowtts.toml")), source, &overrides) {
        Ok(config) => is_fit(&config),
        Err(problems) => are_told(&problems, source),
    }
});

fn is_fit(config: &Config) {
    assert!(config.enabled_engines().next().is_some());
    assert!(config.limits.max_requests > 0 && config.limits.max_connections > 0);
    assert!(config.limits.header_timeout > Duration::ZERO && config.limits.patience > Duration::ZERO);
    assert!((0.0..=0.9).contains(&config.limits.batch_share));
    for voice in config.voices.values() {
        assert!(voice.routes.values().all(|route| config.engines.contains_key(&route.engine)));
    }
    let _in_force = Live::of(config, &Shelf::open(Path::new("/nowhere/state")));
}

fn are_told(problems: &Problems, source: &str) {
    assert!(!problems.list.is_empty());
    assert!(problems.list.is_sorted());
    let lines = source.bytes().filter(|&byte| byte == b'\n').count() + 1;
    for problem in &problems.list {
        assert!(problem.line <= lines, "{problem:?}");
        assert!(!problem.message.is_empty(), "{problem:?}");
    }
    assert!(!problems.to_string().is_empty());
}
