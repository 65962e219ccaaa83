//! A page of XHTML → what a reader would read out of it.
//!
//! Every block is a paragraph. Scripts, styles, pictures, formulas and whatever is hidden are left out, as are the
//! numbers of notes and pages, notes that a book marks as such, and program code. Of ruby the reading is spoken where
//! it is in kana, since it tells how the characters beside it sound; else the characters.

use std::collections::HashSet;

use unicode_script::{Script, UnicodeScript};

use super::{
    limits,
    prose::Prose,
    xml::{Element, Node, Nodes, Reason, Steps},
};

/// Text from one anchor to the next.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Piece {
    /// The anchor that it begins at, one of those that were asked for; none at the beginning of the page.
    pub(super) anchor: Option<String>,
    /// Paragraphs; may be empty.
    pub(super) text: String,
}

/// What a page says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Its first heading, else the title in its head.
    pub(super) title: Option<String>,
    /// In order; the first one begins with the page.
    pub(super) pieces: Vec<Piece>,
}

/// They have neither content nor an end, whether or not somebody has written one.
const VOID: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
    "wbr",
];
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "caption",
    "center",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hgroup",
    "hr",
    "html",
    "legend",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "tbody",
    "tfoot",
    "thead",
    "tr",
    "ul",
];
/// Nothing in them is text that is read.
const UNREAD: &[&str] = &[
    "audio", "button", "canvas", "del", "head", "iframe", "math", "noscript", "object", "rp", "script",
    "select", "style", "svg", "template", "textarea", "video",
];
/// What books call the parts that nobody reads out (`epub:type`, and the same as `role="doc-…"`).
const ASIDE: &[&str] = &[
    "pagebreak",
    "noteref",
    "footnote",
    "footnotes",
    "endnote",
    "endnotes",
    "rearnote",
    "rearnotes",
    "page-list",
    "backlink",
];

pub(super) fn read(document: &str, anchors: &HashSet<String>, steps: &mut Steps) -> Result<Page, Reason> {
    let mut reading = Reading::new(anchors);
    let mut nodes = Nodes::of(document, steps);
    while let Some(node) = nodes.next()? {
        match node {
            Node::Open(element) => reading.open(&element)?,
            Node::Close(name) => reading.close(&name),
            Node::Text(text) => reading.text(&text),
        }
    }
    Ok(reading.finish())
}

struct Reading<'a> {
    anchors: &'a HashSet<String>,
    /// Names of the elements that are open.
    open: Vec<String>,
    /// How many of them were open when one began that is not read.
    unread_from: Option<usize>,
    prose: Prose,
    page: Page,
    anchor: Option<String>,
    /// The title in the page's head.
    head: String,
    /// Where in the paragraph the first heading, a link, a ruby's characters and their reading began.
    heading: Option<usize>,
    link: Option<usize>,
    base: Option<usize>,
    ruby_text: Option<usize>,
    /// Whether the preformatted text that is open has program code in it.
    has_code: bool,
}

impl<'a> Reading<'a> {
    fn new(anchors: &'a HashSet<String>) -> Self {
        Self {
            anchors,
            open: Vec::new(),
            unread_from: None,
            prose: Prose::default(),
            page: Page::default(),
            anchor: None,
            head: String::new(),
            heading: None,
            link: None,
            base: None,
            ruby_text: None,
            has_code: false,
        }
    }

    fn open(&mut self, element: &Element) -> Result<(), Reason> {
        let name = element.name.as_str();
        // What opens beside a paragraph or an item that nobody has closed closes it.
        if matches!(name, "p" | "li") && self.open.last().is_some_and(|last| last == name) {
            self.close(name);
        }
        let is_block = BLOCKS.contains(&name);
        if self.unread_from.is_none() && is_block {
            self.block();
        }
        self.split_at(element);
        if VOID.contains(&name) {
            if self.unread_from.is_none() && name == "br" {
                self.prose.line();
            }
            return Ok(());
        }
        if self.open.len() >= limits::DEPTH {
            return Err(format!("more than {} elements stand within each other", limits::DEPTH));
        }
        if self.unread_from.is_none() && is_unread(element) {
            self.unread_from = Some(self.open.len());
        }
        self.open.push(name.to_owned());
        if self.unread_from.is_none() {
            self.begin(name, element);
        }
        Ok(())
    }

    fn begin(&mut self, name: &str, element: &Element) {
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" if self.page.title.is_none() => self.heading = Some(0),
            "a" if element.attribute("href").is_some() => self.link = Some(self.prose.place()),
            "ruby" | "rb" => self.base = Some(self.prose.place()),
            "rt" => self.ruby_text = Some(self.prose.place()),
            "pre" => self.has_code = false,
            "code" => self.has_code = true,
            "td" | "th" if !self.prose.paragraph().is_empty() => self.prose.words(", "),
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        // An end closes whatever its element left open; one that closes nothing is nothing.
        let Some(height) = self.open.iter().rposition(|open| open == name) else { return };
        self.open.truncate(height);
        match self.unread_from {
            Some(from) if from < height => return,
            Some(_) => {
                self.unread_from = None;
                return;
            }
            None => {}
        }
        match name {
            "a" => {
                let from = self.link.take();
                self.forget_if(from, is_note_number);
            }
            "rt" => self.choose(),
            "ruby" => (self.base, self.ruby_text) = (None, None),
            "pre" if self.has_code => self.forget_if(Some(0), |_| true),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.entitle(),
            _ => {}
        }
        if BLOCKS.contains(&name) {
            self.block();
        }
    }

    /// Takes back what was written since a place, if it is of that sort.
    fn forget_if(&mut self, from: Option<usize>, sort: fn(&str) -> bool) {
        if let Some(from) = from
            && sort(self.prose.since(from))
        {
            self.prose.rewrite(from, "");
        }
    }

    /// Leaves a ruby's characters or their reading, whichever tells how they sound.
    fn choose(&mut self) {
        let (Some(base), Some(reading)) = (self.base, self.ruby_text.take()) else { return };
        let told = self.prose.since(reading).trim().to_owned();
        let is_kana = |c: char| c == 'ー' || matches!(c.script(), Script::Hiragana | Script::Katakana);
        if !told.is_empty() && told.chars().all(is_kana) {
            self.prose.rewrite(base, &told);
        } else {
            self.prose.rewrite(reading, "");
        }
        // A ruby may go on with the next characters.
        self.base = Some(self.prose.place());
    }

    fn entitle(&mut self) {
        if let Some(from) = self.heading.take()
            && !self.prose.since(from).trim().is_empty()
        {
            self.page.title = Some(self.prose.since(from).trim().to_owned());
        }
    }

    /// Begins a piece at the block of an element with an anchor that was asked for.
    fn split_at(&mut self, element: &Element) {
        let named = || (element.name == "a").then(|| element.attribute("name")).flatten();
        let Some(id) = element.attribute("id").or_else(named) else { return };
        if !self.anchors.contains(id) {
            return;
        }
        self.page.pieces.push(Piece { anchor: self.anchor.take(), text: self.prose.take() });
        self.anchor = Some(id.to_owned());
    }

    fn block(&mut self) {
        self.prose.end();
        self.heading = self.heading.map(|_| 0);
        (self.link, self.base, self.ruby_text) = (None, None, None);
    }

    fn text(&mut self, text: &str) {
        if self.unread_from.is_some() {
            let is_title =
                matches!(self.open.as_slice(), [.., head, title] if head == "head" && title == "title");
            if is_title && self.head.len() < limits::TITLE * 4 {
                self.head.push_str(text);
            }
        } else if self.open.iter().any(|open| open == "pre") {
            for (number, line) in text.split('\n').enumerate() {
                if number > 0 {
                    self.prose.line();
                }
                self.prose.words(line);
            }
        } else {
            self.prose.words(text);
        }
    }

    fn finish(mut self) -> Page {
        self.block();
        self.page.pieces.push(Piece { anchor: self.anchor.take(), text: self.prose.take() });
        let head = self.head.trim();
        if self.page.title.is_none() && !head.is_empty() {
            self.page.title = Some(head.to_owned());
        }
        self.page
    }
}

fn is_unread(element: &Element) -> bool {
    let role = element.attribute("role").unwrap_or_default().to_ascii_lowercase();
    let is_aside = |word: &&str| {
        let mut roles = role.split_ascii_whitespace().filter_map(|role| role.strip_prefix("doc-"));
        element.says("epub:type", word) || roles.any(|role| role == *word)
    };
    let style = element.attribute("style").unwrap_or_default().replace(' ', "").to_ascii_lowercase();
    UNREAD.contains(&element.name.as_str())
        || element.attribute("hidden").is_some()
        || element.attribute("aria-hidden").is_some_and(|value| value.trim() == "true")
        || style.contains("display:none")
        || style.contains("visibility:hidden")
        || ASIDE.iter().any(is_aside)
}

/// Whether a link's text is but the number or the sign of a note: `12`, `[3]`, `*`.
fn is_note_number(text: &str) -> bool {
    let text = text.trim().trim_matches(['[', ']', '(', ')', '〔', '〕', '（', '）']);
    let is_number = text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_sign =
        text.chars().count() <= 3 && text.chars().all(|c| matches!(c, '*' | '†' | '‡' | '§' | '↩' | '※'));
    is_number || is_sign
}
