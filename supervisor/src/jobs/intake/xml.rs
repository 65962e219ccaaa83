//! XML as it stands in books, piece by piece: names in lower case, references resolved, and lenient where readers of
//! books are, with `&` alone, HTML's names of characters and ends without a beginning.

use std::borrow::Cow;

use quick_xml::{
    Reader, XmlVersion,
    escape::{resolve_html5_entity, unescape_with},
    events::{BytesStart, Event},
};

use super::limits;

/// A piece of a document.
pub(super) enum Node<'a> {
    /// An element begins. One without content is followed by its end too.
    Open(Element),
    /// The end of an element of this name.
    Close(String),
    /// Text, or a part of one.
    Text(Cow<'a, str>),
}

/// How an element begins.
pub(super) struct Element {
    /// Without the prefix of its namespace.
    pub(super) name: String,
    attributes: Vec<(String, String)>,
}

impl Element {
    /// What an attribute says; its name with the prefix that everybody gives it.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether an attribute that holds several words holds this one.
    pub(super) fn says(&self, attribute: &str, word: &str) -> bool {
        let mut words = self.attribute(attribute).unwrap_or_default().split_ascii_whitespace();
        words.any(|found| found.eq_ignore_ascii_case(word))
    }
}

/// How much of a book may still be read, counted in pieces and attributes.
pub(super) struct Steps {
    left: u64,
}

impl Default for Steps {
    /// For one book.
    fn default() -> Self {
        Self { left: limits::STEPS }
    }
}

impl Steps {
    /// So many are taken.
    pub(super) fn take(&mut self, count: usize) -> Result<(), Reason> {
        let left = u64::try_from(count).ok().and_then(|count| self.left.checked_sub(count));
        self.left = left.unwrap_or(0);
        let much = || format!("the book has more than {} pieces of text and markup", limits::STEPS);
        left.map(drop).ok_or_else(much)
    }
}

/// The pieces of a document, from its beginning.
pub(super) struct Nodes<'a, 's> {
    reader: Reader<&'a [u8]>,
    steps: &'s mut Steps,
}

/// What is wrong with a document.
pub(super) type Reason = String;

impl<'a, 's> Nodes<'a, 's> {
    pub(super) fn of(document: &'a str, steps: &'s mut Steps) -> Self {
        let mut reader = Reader::from_str(document);
        let config = reader.config_mut();
        config.allow_dangling_amp = true;
        config.allow_unmatched_ends = true;
        config.check_end_names = false;
        config.expand_empty_elements = true;
        Self { reader, steps }
    }

    /// The next piece, or `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Node<'a>>, Reason> {
        loop {
            self.steps.take(1)?;
            let event = self.reader.read_event().map_err(|error| {
                format!("it is not well-formed at byte {}: {error}", self.reader.error_position())
            })?;
            let node = match event {
                Event::Start(start) | Event::Empty(start) => {
                    let element = element(&start);
                    self.steps.take(element.attributes.len())?;
                    Node::Open(element)
                }
                Event::End(end) => Node::Close(lower(end.local_name().as_ref())),
                Event::Text(text) => Node::Text(text.xml_content(XmlVersion::Implicit1_0)),
                Event::CData(text) => Node::Text(text.xml_content(XmlVersion::Implicit1_0)),
                Event::GeneralRef(reference) => {
                    let character = reference.resolve_char_ref().ok().flatten();
                    let named = || resolve_html5_entity(&reference).map(Cow::Borrowed);
                    let known = character.map(|c| Cow::Owned(c.to_string())).or_else(named);
                    // One that nobody knows stays as it is written.
                    Node::Text(known.unwrap_or_else(|| Cow::Owned(format!("&{};", &*reference))))
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => continue,
                Event::Eof => return Ok(None),
            };
            return Ok(Some(node));
        }
    }
}

fn element(start: &BytesStart<'_>) -> Element {
    let mut found = start.html_attributes();
    found.with_checks(false);
    let attributes = found.flatten().take(limits::ATTRIBUTES).map(|attribute| {
        let value = unescape_with(&attribute.value, resolve_html5_entity);
        let value = value.map_or_else(|_unknown| attribute.value.to_string(), Cow::into_owned);
        (lower(attribute.key.as_ref()), value)
    });
    Element { name: lower(start.local_name().as_ref()), attributes: attributes.collect() }
}

fn lower(name: &str) -> String {
    name.to_ascii_lowercase()
}
