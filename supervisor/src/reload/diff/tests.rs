use std::fs;

use super::*;
use crate::config::{Overrides, load};

const TONE: &str = "[engines.tone]\nenabled = true\n";
const VOICE: &str = "[voices.walter]\nengines = { en = \"tone\" }\n";

/// A folder with a configuration and a recording in it.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.record("la la la");
        home
    }

    fn record(&self, sound: &str) {
        fs::write(self.0.path().join("me.wav"), sound).unwrap();
    }

    fn read(&self, source: &str) -> (Config, Recordings) {
        let file = self.0.path().join("ishowtts.toml");
        fs::write(&file, source).unwrap();
        let overrides =
            Overrides { config: Some(file), state_dir: Some("/state".into()), ..Overrides::default() };
        let config = load(&overrides).unwrap();
        let recordings = Recordings::of(&config);
        (config, recordings)
    }

    /// What a change from one file to another comes to.
    fn change(&self, old: &str, new: &str) -> Outcome {
        let started = self.read(old);
        let (config, recordings) = self.read(new);
        diff(&started.0, (&started.0, &started.1), (&config, &recordings))
    }
}

fn lists(outcome: &Outcome) -> (Vec<&str>, Vec<&str>) {
    let list = |keys| <[String]>::iter(keys).map(String::as_str).collect();
    (list(&outcome.applied), list(&outcome.needs_restart))
}

#[test]
fn the_same_file_changes_nothing() {
    let source = format!("{TONE}{VOICE}[limits]\nmax_requests = 3\n");
    assert!(Home::new().change(&source, &source).is_nothing());
    // What is written out as it is anyway changes nothing either.
    assert!(
        Home::new().change(TONE, &format!("{TONE}replicas = 1\n[limits]\npatience_s = 30\n")).is_nothing()
    );
}

#[test]
fn what_can_be_applied_is_told_apart_from_what_cannot() {
    let new = format!(
        "[server]\nlisten = \"127.0.0.1:1\"\ngrace_s = 1\nhosts = [\"a.lan\"]\npython = \"python3\"\n\
         [cors]\norigins = [\"https://a.example\"]\n[log]\nlevel = \"debug\"\n\
         [limits]\nmax_text_chars = 9\npatience_s = 9\nstream_buffer_s = 9\nslow_reader_s = 9\n\
         [cache]\nmemory_mb = 0\n[gpu]\nsample_s = 9\n[devices.cpu]\nslots = 1\n\
         {TONE}{VOICE}[defaults]\nvoices = {{ en = \"walter\" }}\n"
    );
    let outcome = Home::new().change(TONE, &new);
    let (applied, needs_restart) = lists(&outcome);
    let expected = [
        "server.hosts",
        "server.grace_s",
        "limits.max_text_chars",
        "limits.patience_s",
        "limits.slow_reader_s",
        "cors.origins",
        "log.level",
        "voices.walter",
        "defaults.voices",
    ];
    assert_eq!(applied, expected);
    let expected = ["server.listen", "server.python", "limits.stream_buffer_s", "cache", "gpu", "devices"];
    assert_eq!(needs_restart, expected);
    assert_eq!(outcome.engines, []);
}

#[test]
fn what_waits_for_a_restart_is_told_each_time_and_what_was_applied_only_once() {
    let home = Home::new();
    let started = home.read(TONE);
    let changed =
        home.read(&format!("{TONE}rtf = 0.5\n[limits]\nmax_requests = 3\n[cache]\nmemory_mb = 1\n"));
    let again = diff(&started.0, (&changed.0, &changed.1), (&changed.0, &changed.1));
    assert_eq!(lists(&again), (vec![], vec!["cache"]));
    assert_eq!(again.engines, [], "its workers know of it");
    let back = diff(&started.0, (&changed.0, &changed.1), (&started.0, &started.1));
    assert_eq!(
        lists(&back),
        (vec!["limits.max_requests"], vec![]),
        "and nothing has to be restarted any more"
    );
    assert_eq!(back.engines.len(), 1, "but its workers are replaced once more");
}

#[test]
fn each_change_of_an_engine_is_told_with_its_keys() {
    let change = |old: &str, new: &str| {
        let both = |engine: &str| format!("[engines.piper]\nenabled = true\n[engines.tone]\n{engine}");
        let outcome = Home::new().change(&both(old), &both(new));
        (outcome.engines, outcome.needs_restart)
    };
    let keys = |keys: &[&str]| keys.iter().map(|key| format!("engines.tone.{key}")).collect::<Vec<_>>();
    let told = |what, renewed: &[&str], fixed: &[&str]| {
        (vec![EngineChange { engine: "tone".into(), what, keys: keys(renewed), failure: None }], keys(fixed))
    };
    let resized = |keys: &[&str]| told(EngineFate::Resized, keys, &[]);
    let (on, off) = ("enabled = true\n", "enabled = false\n");
    assert_eq!(change(on, off), told(EngineFate::Stopped, &["enabled"], &[]));
    assert_eq!(change(off, on), told(EngineFate::Started, &["enabled"], &[]));
    assert_eq!(
        change(off, &format!("{off}replicas = 3\n")),
        (vec![], vec![]),
        "nothing runs that could be told"
    );
    let more = "enabled = true\nreplicas = 2\nnice = 3\nrtf = 0.5\nenv = { A = \"b\" }\n";
    assert_eq!(change(on, more), told(EngineFate::Replaced, &["env", "nice", "rtf", "replicas"], &[]));
    assert_eq!(change(more, on), told(EngineFate::Replaced, &["env", "nice", "rtf", "replicas"], &[]));
    let spare = "enabled = true\nreplicas = 3\nspares = 1\n";
    assert_eq!(change(on, spare), resized(&["replicas", "spares"]), "those that it has stay");
    let required = "enabled = true\nrequired = false\n";
    assert_eq!(change(on, required), (vec![], vec![]), "nothing becomes of its workers");
    let cached = "enabled = true\ncache = true\n";
    assert_eq!(change(on, cached), (vec![], keys(&["cache"])));
}

#[test]
fn a_recording_that_was_replaced_is_a_change_of_its_engine() {
    let mine = |words: &str| {
        format!(
            "{TONE}[voices.mine]\nengine = \"tone\"\nlanguage = \"en\"\nreference = \"me.wav\"\ntranscript = \"{words}\"\n"
        )
    };
    let home = Home::new();
    let expected = [EngineChange {
        engine: "tone".into(),
        what: EngineFate::Replaced,
        keys: vec!["voices.mine".into()],
        failure: None,
    }];
    assert_eq!(home.change(&mine("la"), &mine("lu")).engines, expected);
    assert_eq!(home.change(TONE, &mine("la")).engines, expected);
    assert_eq!(home.change(&mine("la"), TONE).engines, expected);
    assert_eq!(lists(&home.change(TONE, &mine("la"))).0, [""; 0], "it speaks with its engine's next workers");

    let started = home.read(&mine("la"));
    home.record("lu lu lu");
    let (config, recordings) = home.read(&mine("la"));
    assert_eq!(diff(&started.0, (&started.0, &started.1), (&config, &recordings)).engines, expected);
}

#[test]
fn it_is_told_in_lines() {
    let outcome = Home::new().change(
        TONE,
        &format!("[cache]\nmemory_mb = 1\n[limits]\nmax_requests = 3\npatience_s = 3\n{TONE}rtf = 0.5\n"),
    );
    let expected = "applied: limits.max_requests, limits.patience_s\nneeds a restart: cache (it is opened at the start)\n\
                    applied: engine tone, its workers replaced (engines.tone.rtf)";
    assert_eq!(outcome.to_string(), expected);
    assert_eq!(Outcome::default().to_string(), "nothing has changed");
}

#[test]
fn how_words_and_numbers_are_said_needs_no_other_workers() {
    let new = "[engines.tone]\nenabled = true\nnormalise = true\n[pronunciation.en]\n\"GIF\" = \"jiff\"\n";
    let outcome = Home::new().change(TONE, new);
    assert_eq!(lists(&outcome), (vec!["pronunciation", "engines.tone.normalise"], vec![]));
    assert!(outcome.engines.is_empty(), "{:?}", outcome.engines);
}
