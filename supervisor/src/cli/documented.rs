//! Command lines that the documentation shows are command lines that the program takes.

use clap::{Parser, error::ErrorKind};

use super::args::Args;
use crate::documentation::{each_block, none_of, shell};

/// The words of a command of ours, if it is one: called by its name, out of the checkout, or by systemd.
fn ours(words: &[String]) -> Option<&[String]> {
    let words = shell::program(words);
    let behind = |mark: &str| words.get(words.iter().position(|word| word == mark)?..);
    match words.first()?.as_str() {
        "ishowtts" => Some(words),
        "cargo" if words.get(1).is_some_and(|word| word == "run") => behind("--"),
        "systemd-run" => behind("ishowtts"),
        path if path.ends_with("/release/ishowtts") => Some(words),
        _ => None,
    }
}

fn fault(words: &[String]) -> Option<String> {
    let error = Args::try_parse_from(words).err()?;
    let shows = matches!(error.kind(), ErrorKind::DisplayVersion | ErrorKind::DisplayHelp);
    (!shows).then(|| format!("{}: {error}", words.join(" ")))
}

#[test]
fn every_command_line_that_a_page_shows_is_taken() {
    let (mut faults, mut seen) = (Vec::new(), 0);
    each_block(&["sh"], |block| {
        for words in shell::commands(&block.text).iter().filter_map(|words| ours(words)) {
            seen += 1;
            faults.extend(fault(words).map(|fault| format!("{}: {fault}", block.place)));
        }
    });
    assert!(seen > 30, "only {seen} were found");
    none_of(&faults);
}

#[test]
fn a_command_line_that_is_none_is_a_fault() {
    let is_fault = |line: &str| {
        let commands = shell::commands(line);
        commands.iter().filter_map(|words| ours(words)).any(|words| fault(words).is_some())
    };
    for wrong in [
        "ishowtts say",
        "A=b sudo ishowtts --colour | jq",
        "cargo run --release -- sing hello",
        "sudo systemd-run --pipe -p User=x ishowtts --config f doctr",
    ] {
        assert!(is_fault(wrong), "{wrong}");
    }
    assert!(!is_fault("ishowtts --version && ishowtts | head; cargo build; echo ishowtts nonsense"));
}
