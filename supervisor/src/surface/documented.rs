//! Every error code is told: in the table of docs/api.md, and in docs/troubleshooting.md with what to do.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use regex::Regex;

use crate::documentation::{none_of, root};

/// The table that most come from.
const HTTP: &str = "supervisor/src/surface/error.rs";
/// The one that is answered before there is a request.
const CROWD: &str = "supervisor/src/surface/serve/mod.rs";

/// Where codes are given, and how they are written there.
const TABLES: [(&str, &str); 4] = [
    (HTTP, r#"(?:INVALID|AUTHENTICATION|CAPACITY|SERVER|invalid),\s*"([a-z_]+)""#),
    (CROWD, r#""code":"([a-z_]+)""#),
    ("supervisor/src/surface/wyoming/error.rs", r#""([a-z_]+)"\.into\(\)"#),
    ("python/src/ishowtts_worker/errors.py", r#"code(?:: ClassVar\[str\])? = "([a-z_]+)""#),
];

fn all(pattern: &str, text: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).unwrap();
    pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// Every code, by where it is given.
fn codes() -> BTreeMap<&'static str, BTreeSet<String>> {
    TABLES.map(|(file, pattern)| (file, all(pattern, &fs::read_to_string(root().join(file)).unwrap()))).into()
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// Codes that a heading names, or that begin a row of a table.
fn entries(page: &str) -> BTreeSet<String> {
    let told = page.lines().filter_map(|line| match line.strip_prefix("| ") {
        Some(row) => row.split(" | ").next(),
        None => line.strip_prefix("### "),
    });
    told.flat_map(|told| all("`([a-z_]+)`", told)).collect()
}

#[test]
fn every_error_code_has_an_entry_in_troubleshooting() {
    let entries = entries(&page("troubleshooting.md"));
    let mut faults = Vec::new();
    for (file, codes) in codes() {
        assert!(!codes.is_empty(), "no code was found in {file}");
        let missing = codes.difference(&entries);
        faults
            .extend(missing.map(|code| format!("docs/troubleshooting.md has no entry for {code} of {file}")));
    }
    none_of(&faults);
}

#[test]
fn no_heading_of_troubleshooting_tells_of_a_code_that_nobody_gives() {
    let given: BTreeSet<String> = codes().into_values().flatten().collect();
    let headings = all(r"(?m)^### (`[a-z_`, ]+`)$", &page("troubleshooting.md"));
    let told: BTreeSet<String> = headings.iter().flat_map(|heading| all("`([a-z_]+)`", heading)).collect();
    let stale = told.difference(&given).map(|code| format!("docs/troubleshooting.md: nobody gives {code}"));
    none_of(&stale.collect::<Vec<_>>());
}

#[test]
fn the_table_of_errors_has_every_code_of_http_and_no_other() {
    let told = all(r"(?m)^\| [45][0-9]{2} \| `([a-z_]+)` \|", &page("api.md"));
    let codes = codes();
    let given: BTreeSet<String> = codes[HTTP].union(&codes[CROWD]).cloned().collect();
    let missing = given.difference(&told).map(|code| format!("docs/api.md has no row for {code}"));
    let stale = told.difference(&given).map(|code| format!("docs/api.md: nobody gives {code}"));
    none_of(&missing.chain(stale).collect::<Vec<_>>());
}
