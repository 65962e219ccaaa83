//! What a page points to is there: files, headings, and paths that it names.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
};

use regex::Regex;

use super::{Page, none_of, pages, root};

/// A heading's address, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|sign| sign.is_alphanumeric() || matches!(sign, ' ' | '-' | '_'));
    kept.map(|sign| if sign == ' ' { '-' } else { sign }).collect()
}

/// The addresses within a page; a heading that comes again has a number behind it.
fn anchors(page: &Page) -> BTreeSet<String> {
    let link = Regex::new(r"\[([^\]]*)\]\([^)]*\)").unwrap();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let headings = page.prose().filter_map(|(_, line)| {
        let text = line.trim_start_matches('#');
        (text.len() < line.len() && text.starts_with(' ')).then_some(text)
    });
    let address = |heading| {
        let name = anchor(&link.replace_all(heading, "$1"));
        let before = times.entry(name.clone()).or_default();
        *before += 1;
        if *before == 1 { name } else { format!("{name}-{}", *before - 1) }
    };
    headings.map(address).collect()
}

/// `docs/engines/../api.md` is `docs/api.md`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = plain.pop(),
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let all: BTreeMap<&Path, BTreeSet<String>> =
        pages.iter().map(|page| (page.path.as_path(), anchors(page))).collect();
    let leads = |page: &Page, target: &str| {
        let (file, heading) = target.split_once('#').unwrap_or((target, ""));
        let beside = page.path.parent().unwrap_or(Path::new(""));
        let path = if file.is_empty() { page.path.clone() } else { plain(&beside.join(file)) };
        match all.get(path.as_path()) {
            Some(anchors) => heading.is_empty() || anchors.contains(heading),
            None => heading.is_empty() && root().join(&path).exists(),
        }
    };
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let code = Regex::new(r"`[^`]*`").unwrap();
    let mut faults = Vec::new();
    for page in &pages {
        for (number, line) in page.prose() {
            for found in link.captures_iter(&code.replace_all(line, "")) {
                let target = &found[1];
                if !target.contains("://") && !leads(page, target) {
                    faults.push(format!("{}:{number}: {target} is not there", page.path.display()));
                }
            }
        }
    }
    none_of(&faults);
}

#[test]
fn every_file_of_the_repository_that_a_page_names_is_there() {
    let name = Regex::new(
        r"`((?:\.ci|config|docs|examples|fuzz|python|supervisor|systemd|tools|workers)/[A-Za-z0-9_./-]*)`",
    )
    .unwrap();
    let mut faults = Vec::new();
    for page in pages() {
        for (number, line) in page.prose() {
            // `fuzz/corpus/TARGET`: whoever reads it puts a name there.
            let is_form = |path: &str| ["NAME", "TARGET"].iter().any(|form| path.contains(form));
            let is_there = |path: &str| is_form(path) || root().join(path).exists();
            for found in name.captures_iter(line).filter(|found| !is_there(&found[1])) {
                faults.push(format!("{}:{number}: there is no {}", page.path.display(), &found[1]));
            }
        }
    }
    none_of(&faults);
}

#[test]
fn both_indexes_lead_to_every_page() {
    let pages = pages();
    let mut faults = Vec::new();
    for index in ["README.md", "README.zh-CN.md"] {
        let text = &pages.iter().find(|page| page.path == Path::new(index)).unwrap().text;
        let missing = pages.iter().filter(|page| {
            page.path.starts_with("docs") && !text.contains(&format!("]({}", page.path.display()))
        });
        faults.extend(missing.map(|page| format!("{index} does not lead to {}", page.path.display())));
    }
    none_of(&faults);
}

#[test]
fn headings_have_the_addresses_that_github_gives_them() {
    for (heading, address) in [
        ("`POST /api/tts`", "post-apitts"),
        ("`invalid_json`, `body_broken`", "invalid_json-body_broken"),
        ("With OpenAI's clients", "with-openais-clients"),
        ("从零开始", "从零开始"),
    ] {
        assert_eq!(anchor(heading), address);
    }
}
