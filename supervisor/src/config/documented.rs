//! Settings that the documentation shows are settings that the program takes.

use std::{fs, path::Path};

use tempfile::TempDir;
use toml::{Table, Value};

use super::{DEFAULT, Overrides, parse};
use crate::documentation::{each_block, none_of, shell};

/// What settings name and the configuration looks for: a certificate, files of keys and secrets, recordings.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    fs::create_dir(place.path().join("config")).unwrap();
    let write = |name: &str, text: &str| fs::write(place.path().join("config").join(name), text).unwrap();
    write("cert.pem", &made.cert.pem());
    write("key.pem", &made.signing_key.serialize_pem());
    write("keys", &format!("me sha256:{}\n", "0".repeat(64)));
    write("webhook-secret", &format!("whsec_{}\n", "A".repeat(32)));
    fs::create_dir_all(place.path().join("data/voices")).unwrap();
    for recording in ["mine", "cheerful"] {
        write(&format!("../data/voices/{recording}.wav"), "");
    }
    place
}

/// The configuration that we ship, with a page's settings in their places. A voice is one thing: it is replaced.
fn merged(fragment: Table) -> String {
    let mut whole: Table = DEFAULT.parse().unwrap();
    for (section, given) in fragment {
        let Value::Table(given) = given else { panic!("{section} stands outside of a table") };
        let there = whole.entry(&section).or_insert_with(|| Table::new().into()).as_table_mut().unwrap();
        for (key, value) in given {
            match (value, there.get_mut(&key)) {
                (Value::Table(value), Some(Value::Table(there))) if section != "voices" => {
                    // One takes the other's place.
                    if value.contains_key("devices") {
                        there.remove("device");
                    }
                    there.extend(value);
                }
                (value, _) => drop(there.insert(key, value)),
            }
        }
    }
    toml::to_string(&whole).unwrap()
}

fn taken(file: &Path, text: &str) -> Result<(), String> {
    let overrides = Overrides { state_dir: Some("/state".into()), ..Overrides::default() };
    parse(Some(file.to_owned()), text, &overrides).map(drop).map_err(|problems| problems.to_string())
}

fn taken_with_ours(file: &Path, fragment: &str) -> Result<(), String> {
    let fragment: Table = fragment.parse().map_err(|error| format!("{error}"))?;
    taken(file, &merged(fragment))
}

#[test]
fn every_setting_that_a_page_shows_is_taken() {
    let place = place();
    let file = place.path().join("config/ishowtts.toml");
    let (mut faults, mut seen) = (Vec::new(), 0);
    each_block(&["toml"], |block| {
        seen += 1;
        // The guide's example is an engine that is not there yet.
        let text = block.text.replace("morse", "tone");
        faults.extend(taken_with_ours(&file, &text).err().map(|why| format!("{}: {why}", block.place)));
    });
    // Files that a page writes stand by themselves.
    each_block(&["sh"], |block| {
        for (_, text) in shell::documents(&block.text)
            .iter()
            .filter(|(name, _)| Path::new(name).extension().is_some_and(|ending| ending == "toml"))
        {
            seen += 1;
            faults.extend(taken(&file, text).err().map(|why| format!("{}: {why}", block.place)));
        }
    });
    assert!(seen > 10, "only {seen} were found");
    none_of(&faults);
}

#[test]
fn a_setting_that_is_none_is_a_fault() {
    let place = place();
    let file = place.path().join("config/ishowtts.toml");
    for wrong in ["[limits]\ntext = 5\n", "[engines.nobody]\nenabled = true\n", "[server\n"] {
        assert!(taken_with_ours(&file, wrong).is_err(), "{wrong}");
    }
    assert_eq!(taken_with_ours(&file, "[engines.piper]\nthreads = 1\n"), Ok(()));
}
