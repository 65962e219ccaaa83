use std::fs;

use tempfile::TempDir;

use super::*;
use crate::config::{Overrides, load};

fn meta(id: &str) -> Meta {
    Meta {
        id: id.into(),
        name: id.into(),
        language: "en".into(),
        engine: "f5".into(),
        transcript: "Hello there.".into(),
        tags: Vec::new(),
        audio_ms: 2_000,
    }
}

fn config(dir: &TempDir) -> Config {
    let file = dir.path().join("ishowtts.toml");
    fs::write(&file, "[engines.f5]\nenabled = true\ndevice = \"cpu\"\n").unwrap();
    let overrides =
        Overrides { config: Some(file), state_dir: Some(dir.path().to_owned()), ..Overrides::default() };
    load(&overrides).unwrap()
}

fn ids(shelf: &Shelf) -> Vec<String> {
    shelf.list().iter().map(|meta| meta.id.clone()).collect()
}

#[test]
fn a_voice_is_there_after_a_restart_and_a_half_written_one_is_not() {
    let dir = TempDir::new().unwrap();
    let shelf = Shelf::open(dir.path());
    shelf.add(meta("one"), b"RIFF").unwrap();
    shelf.add(meta("two"), b"RIFF").unwrap();
    assert!(matches!(shelf.add(meta("one"), b"RIFF"), Err(ShelfError::Taken(_))));
    assert!(shelf.remove("two").unwrap());
    assert!(!shelf.remove("two").unwrap());
    let root = dir.path().join("voices");
    fs::create_dir_all(root.join(".drafts/abc")).unwrap();
    fs::write(root.join(".drafts/abc/recording.wav"), b"RI").unwrap();
    fs::create_dir_all(root.join("f5/broken")).unwrap();
    fs::write(root.join("f5/broken/voice.json"), b"{").unwrap();
    fs::create_dir_all(root.join("f5/moved")).unwrap();
    fs::write(root.join("f5/moved/voice.json"), serde_json::to_vec(&meta("../../out")).unwrap()).unwrap();
    let again = Shelf::open(dir.path());
    assert_eq!(ids(&again), ["one"]);
    assert_eq!(again.standing("one"), Some(Standing::InForce));
    assert!(!root.join("f5/two").exists() && !root.join(".drafts").exists(), "swept");
    assert_eq!(fs::read(root.join("f5/one/recording.wav")).unwrap(), b"RIFF");
}

#[tokio::test]
async fn a_removed_voice_stays_with_the_workers_until_nobody_listens_to_it() {
    let dir = TempDir::new().unwrap();
    let (shelf, config) = (Shelf::open(dir.path()), config(&dir));
    let heard = || {
        let mut config = config.clone();
        let heard = shelf.hear_in(&mut config, Some("f5"), false);
        (config.voices.keys().cloned().collect::<Vec<_>>(), heard)
    };
    shelf.add(meta("one"), b"RIFF").unwrap();
    assert_eq!(shelf.unsettled(), ["f5".to_owned()].into());
    let (voices, known) = heard();
    assert_eq!((voices, known.new_ones()), (vec!["one".to_owned()], 1));
    shelf.in_force(&known);
    assert_eq!((shelf.standing("one"), shelf.unsettled().len()), (Some(Standing::InForce), 0));

    let held = shelf.hold("f5", "one").await.unwrap();
    assert!(held.is_some() && shelf.hold("f5", "other").await.unwrap().is_none());
    shelf.remove("one").unwrap();
    assert!(shelf.hold("f5", "one").await.unwrap().is_none() && shelf.get("one").is_none());
    assert!(matches!(shelf.add(meta("one"), b"RIFF"), Err(ShelfError::Leaving(_))));
    assert_eq!((shelf.unsettled().len(), heard().0), (0, vec!["one".to_owned()]));
    drop(held);
    shelf.changed().await;
    assert_eq!((shelf.unsettled().len(), heard().0.len()), (1, 0));
    shelf.in_force(&heard().1);
    assert!(shelf.unsettled().is_empty() && !dir.path().join("voices/f5/one").exists());
    shelf.add(meta("one"), b"RIFF").unwrap();
}

#[tokio::test]
async fn a_refused_voice_is_told_and_not_tried_again() {
    let dir = TempDir::new().unwrap();
    let (shelf, config) = (Shelf::open(dir.path()), config(&dir));
    shelf.add(meta("one"), b"RIFF").unwrap();
    shelf.add(meta("two"), b"RIFF").unwrap();
    let waiting = shelf.hold("f5", "one");
    let heard = shelf.hear_in(&mut config.clone(), Some("f5"), true);
    assert_eq!(heard.new_ones(), 1);
    shelf.refuse(&heard, "it is no good");
    assert_eq!(waiting.await.unwrap_err(), "it is no good");
    assert_eq!(shelf.hear_in(&mut config.clone(), Some("f5"), false).new_ones(), 1, "the other one");
    let again = Shelf::open(dir.path());
    assert_eq!(again.standing("one"), Some(Standing::Refused("it is no good".into())));
}
