//! A book's list of contents: where its chapters begin, and what they are called.

use super::address::{Address, resolve};
use crate::jobs::intake::{
    limits,
    xml::{Node, Nodes, Reason, Steps},
};

/// Parts, and the chapters in them; sections of a chapter are no chapters.
const DEEPEST: usize = 2;

/// A chapter, as the list has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) at: Address,
    pub(super) title: String,
}

/// The list of EPUB 3: `<nav epub:type="toc">`, lists within lists.
pub(super) fn of_nav(document: &str, file: &str, steps: &mut Steps) -> Result<Vec<Entry>, Reason> {
    let mut entries = Vec::new();
    let (mut is_toc, mut depth) = (false, 0_usize);
    let mut link: Option<(Address, String)> = None;
    let mut nodes = Nodes::of(document, steps);
    while let Some(node) = nodes.next()? {
        match node {
            Node::Open(element) => match element.name.as_str() {
                "nav" => is_toc = element.says("epub:type", "toc") || element.says("role", "doc-toc"),
                "ol" => depth += 1,
                "a" if is_toc && depth <= DEEPEST => {
                    let at = element.attribute("href").and_then(|href| resolve(file, href));
                    link = at.map(|at| (at, String::new()));
                }
                _ => {}
            },
            Node::Text(text) => {
                if let Some((_, title)) = &mut link {
                    title.push_str(&text);
                }
            }
            Node::Close(name) => match name.as_str() {
                "nav" => is_toc = false,
                "ol" => depth = depth.saturating_sub(1),
                "a" => {
                    if let Some((at, title)) = link.take() {
                        entries.push(Entry { at, title });
                    }
                }
                _ => {}
            },
        }
        if entries.len() > limits::CONTENTS {
            break;
        }
    }
    Ok(entries)
}

/// The list of EPUB 2: `<navPoint>` within `<navPoint>`.
pub(super) fn of_ncx(document: &str, file: &str, steps: &mut Steps) -> Result<Vec<Entry>, Reason> {
    let mut entries = Vec::new();
    let mut depth = 0_usize;
    let (mut is_map, mut is_label) = (false, false);
    let mut title = String::new();
    let mut nodes = Nodes::of(document, steps);
    while let Some(node) = nodes.next()? {
        match node {
            Node::Open(element) => match element.name.as_str() {
                "navmap" => is_map = true,
                "navpoint" => {
                    depth += 1;
                    title.clear();
                }
                "navlabel" => is_label = true,
                // It stands behind the label.
                "content" if is_map && depth <= DEEPEST => {
                    let at = element.attribute("src").and_then(|src| resolve(file, src));
                    entries.extend(at.map(|at| Entry { at, title: std::mem::take(&mut title) }));
                }
                _ => {}
            },
            Node::Text(text) if is_label => title.push_str(&text),
            Node::Text(_) => {}
            Node::Close(name) => match name.as_str() {
                "navmap" => is_map = false,
                "navpoint" => depth = depth.saturating_sub(1),
                "navlabel" => is_label = false,
                _ => {}
            },
        }
        if entries.len() > limits::CONTENTS {
            break;
        }
    }
    Ok(entries)
}
