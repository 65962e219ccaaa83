//! Markup → script.

use std::sync::LazyLock;

use regex::Regex;
use roxmltree::{Document, Error, Node, ParsingOptions, TextPos};

use super::{ALL_BREAKS_MS, DEEPEST, Line, MOST_NODES, Script, SsmlError, values};
use crate::speech::words::Reading;

/// Reads a document. Entities of XML itself and numbers of characters are all that it may refer to: with a document
/// type, which could name files or make a text grow without end, it is refused.
pub(super) fn document(text: &str) -> Result<Script, SsmlError> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| {
        let ends_early = matches!(error, Error::UnclosedRootNode | Error::UnexpectedEndOfStream);
        let place = if ends_early { place(text, text.len()) } else { error.pos() };
        wrong(place, without_place(&error.to_string()))
    })?;
    let root = document.root_element();
    if root.tag_name().name() != "speak" {
        return Err(at(&root, format!("the outermost element must be speak, not {}", name(&root))));
    }
    let mut reader = Reader::default();
    reader.walk(root)?;
    Ok(Script(reader.lines))
}

/// What holds for the text within an element.
#[derive(Clone, Copy)]
struct Manner {
    rate: f64,
    reading: Reading,
}

#[derive(Default)]
struct Reader {
    lines: Vec<Line>,
    breaks_ms: u32,
}

impl Reader {
    /// The elements within `root`, by a stack of our own: no document can make the program's overflow.
    fn walk(&mut self, root: Node<'_, '_>) -> Result<(), SsmlError> {
        let usual = Manner { rate: 1.0, reading: Reading::Plain };
        let mut open = vec![(root.children(), usual, false)];
        while let Some((children, manner, is_block)) = open.last_mut() {
            let manner = *manner;
            let Some(node) = children.next() else {
                if *is_block {
                    self.text("\n", manner);
                }
                open.pop();
                continue;
            };
            if node.is_text() {
                self.text(node.text().unwrap_or_default(), manner);
            }
            if !node.is_element() {
                continue;
            }
            if open.len() >= DEEPEST {
                return Err(at(&node, format!("at most {DEEPEST} elements may stand within each other")));
            }
            let inner = self.enter(node, manner)?;
            let is_block = matches!(node.tag_name().name(), "p" | "s");
            if is_block {
                self.text("\n", manner);
            }
            open.extend(inner.map(|inner| (node.children(), inner, is_block)));
        }
        Ok(())
    }

    /// What holds within an element; nothing if its content is not spoken.
    fn enter(&mut self, node: Node<'_, '_>, manner: Manner) -> Result<Option<Manner>, SsmlError> {
        let within = |message: String| at(&node, format!("{}: {message}", name(&node)));
        match node.tag_name().name() {
            "break" => {
                let pause = values::pause_ms(node.attribute("time"), node.attribute("strength"));
                self.rest(pause.map_err(within)?).map_err(within)?;
            }
            "sub" => {
                if let Some(alias) = node.attribute("alias").filter(|alias| !alias.trim().is_empty()) {
                    self.text(alias, manner);
                    return Ok(None);
                }
            }
            "prosody" => {
                if let Some(rate) = node.attribute("rate") {
                    let rate = manner.rate * values::rate(rate).map_err(within)?;
                    if !(0.25..=4.0).contains(&rate) {
                        return Err(within(format!(
                            "rates within each other come to {rate}; 0.25 to 4 is allowed"
                        )));
                    }
                    return Ok(Some(Manner { rate, ..manner }));
                }
            }
            "say-as" => {
                let reading = values::reading(node.attribute("interpret-as"), node.attribute("format"));
                return Ok(Some(Manner { reading, ..manner }));
            }
            _ => {}
        }
        Ok(Some(manner))
    }

    fn text(&mut self, more: &str, manner: Manner) {
        match self.lines.last_mut() {
            _ if more.is_empty() => {}
            Some(Line::Text { text, rate, reading })
                if rate.to_bits() == manner.rate.to_bits()
                    && *reading == manner.reading
                    && *reading == Reading::Plain =>
            {
                text.push_str(more);
            }
            _ => self.lines.push(Line::Text {
                text: more.to_owned(),
                rate: manner.rate,
                reading: manner.reading,
            }),
        }
    }

    fn rest(&mut self, pause_ms: u32) -> Result<(), String> {
        self.breaks_ms += pause_ms;
        if self.breaks_ms > ALL_BREAKS_MS {
            let most = ALL_BREAKS_MS / 1000;
            return Err(format!("all breaks of a text may come to {most} s at most"));
        }
        self.lines.push(Line::Break(pause_ms));
        Ok(())
    }
}

pub(super) static BREAK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)<break(?:\s+time\s*=\s*["']([^"'<>]*)["'])?\s*/?\s*>"#).expect("the pattern is valid")
});

/// A plain text with breaks in it.
pub(super) fn breaks(text: &str) -> Result<Script, SsmlError> {
    let usual = Manner { rate: 1.0, reading: Reading::Plain };
    let mut reader = Reader::default();
    let mut end = 0;
    for found in BREAK.captures_iter(text) {
        let whole = found.get_match();
        reader.text(text.get(end..whole.start()).unwrap_or_default(), usual);
        let pause = values::pause_ms(found.get(1).map(|time| time.as_str()), None);
        let rested = pause.and_then(|pause| reader.rest(pause));
        rested.map_err(|message| wrong(place(text, whole.start()), format!("break: {message}")))?;
        end = whole.end();
    }
    reader.text(text.get(end..).unwrap_or_default(), usual);
    Ok(Script(reader.lines))
}

fn place(text: &str, offset: usize) -> TextPos {
    let before = text.get(..offset).unwrap_or_default();
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    TextPos { row: count(before.matches('\n').count()), col: count(column) }
}

fn name(node: &Node<'_, '_>) -> String {
    format!("<{}>", node.tag_name().name().chars().take(40).collect::<String>())
}

fn at(node: &Node<'_, '_>, message: String) -> SsmlError {
    wrong(node.document().text_pos_at(node.range().start), message)
}

fn wrong(place: TextPos, message: String) -> SsmlError {
    SsmlError { row: place.row, column: place.col, message }
}

/// The library's message says where in its own words; ours says it in one way for all.
fn without_place(message: &str) -> String {
    match message.rfind(" at ") {
        Some(end) if message.get(end + 4..).is_some_and(|place| place.contains(':')) => {
            message.get(..end).unwrap_or(message).to_owned()
        }
        _ => message.to_owned(),
    }
}
