//! Markdown. The highest headings that there is more than one of begin chapters, and those above them; an only one
//! above all others, at the beginning, is the title of the book. Code blocks, pictures, footnotes and the addresses of
//! links are left out; a row of a table is a paragraph, its cells with commas between them.

use std::collections::HashSet;

use pulldown_cmark::{Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

use super::{Book, Chapter, IntakeError, limits, prose::Prose, xhtml, xml::Steps};

/// Parts of a text, each from its heading to the next one.
struct Part {
    level: Option<HeadingLevel>,
    title: String,
    text: String,
}

pub(super) fn read(text: &str, most: usize) -> Result<Book, IntakeError> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut reading = Reading::default();
    for event in Parser::new_ext(text, options) {
        let much = |_| IntakeError::TooLarge { what: "pieces of text and markup", limit: limits::STEPS };
        reading.steps.take(1).map_err(much)?;
        reading.take(event);
        // No character has more than four bytes.
        if reading.characters + reading.prose.size() / 4 > most {
            return Err(IntakeError::TooLong { most });
        }
    }
    Ok(reading.finish())
}

#[derive(Default)]
struct Reading {
    steps: Steps,
    /// Of the parts that have ended.
    characters: usize,
    prose: Prose,
    parts: Vec<Part>,
    level: Option<HeadingLevel>,
    title: String,
    /// How many elements are open that are left out.
    unread: usize,
    is_front: bool,
    front: String,
    html: String,
    /// The next number of each list that is open, if it has numbers.
    lists: Vec<Option<u64>>,
    /// Of each link that is open, whether it is left out: the end of one does not tell its sort.
    links: Vec<bool>,
}

impl Reading {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.open(&tag),
            Event::End(tag) => self.close(tag),
            Event::Text(text) if self.is_front => self.front.push_str(&text),
            Event::Html(html) => self.html.push_str(&html),
            _ if self.unread > 0 => {}
            Event::Text(text) | Event::Code(text) => self.prose.words(&text),
            Event::InlineHtml(html) if html.to_ascii_lowercase().starts_with("<br") => self.prose.line(),
            Event::SoftBreak => self.prose.words("\n"),
            Event::HardBreak => self.prose.line(),
            Event::Rule => self.prose.end(),
            Event::InlineHtml(_)
            | Event::FootnoteReference(_)
            | Event::TaskListMarker(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_) => {}
        }
    }

    fn open(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } if self.unread == 0 && self.lists.is_empty() => self.next_part(*level),
            Tag::List(first) => {
                self.prose.end();
                self.lists.push(*first);
            }
            Tag::Item => {
                self.prose.end();
                if let Some(Some(number)) = self.lists.last_mut() {
                    let told = format!("{number}. ");
                    *number = number.saturating_add(1);
                    if self.unread == 0 {
                        self.prose.words(&told);
                    }
                }
            }
            Tag::TableCell if !self.prose.paragraph().is_empty() => self.prose.words(", "),
            Tag::MetadataBlock(_) => self.is_front = true,
            Tag::Link { .. } => self.links.push(is_unread(tag)),
            _ => {}
        }
        self.unread += usize::from(is_unread(tag));
    }

    fn close(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                if self.level.is_some() && self.title.is_empty() && self.unread == 0 {
                    self.title = self.prose.paragraph().trim().to_owned();
                }
                self.prose.end();
            }
            TagEnd::Paragraph
            | TagEnd::Item
            | TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::BlockQuote(_) => {
                self.prose.end();
            }
            TagEnd::List(_) => {
                self.prose.end();
                self.lists.pop();
            }
            TagEnd::MetadataBlock(_) => self.is_front = false,
            TagEnd::HtmlBlock => self.html(),
            _ => {}
        }
        let is_link_over = tag == TagEnd::Link && self.links.pop() == Some(true);
        let was_unread = matches!(
            tag,
            TagEnd::CodeBlock | TagEnd::FootnoteDefinition | TagEnd::Image | TagEnd::Strikethrough
        );
        self.unread -= usize::from((was_unread || is_link_over) && self.unread > 0);
    }

    /// What stands before the next heading is a part.
    fn next_part(&mut self, level: HeadingLevel) {
        self.end_part();
        self.level = Some(level);
    }

    fn end_part(&mut self) {
        self.prose.end();
        let title = std::mem::take(&mut self.title);
        let text = self.prose.take();
        self.characters += text.chars().count();
        self.parts.push(Part { level: self.level, title, text });
    }

    /// Reads what stands in HTML as an EPUB's pages are read.
    fn html(&mut self) {
        let html = std::mem::take(&mut self.html);
        if self.unread > 0 {
            return;
        }
        // What is no XML is rarely more than a comment or a tag of its own.
        let page = xhtml::read(&html, &HashSet::new(), &mut self.steps).unwrap_or_default();
        for paragraph in page.pieces.iter().flat_map(|piece| piece.text.split("\n\n")) {
            for line in paragraph.split('\n') {
                self.prose.words(line);
                self.prose.line();
            }
            self.prose.end();
        }
    }

    fn finish(mut self) -> Book {
        self.end_part();
        let front = |key: &str| {
            self.front.lines().find_map(|line| {
                let (found, value) = line.split_once(':')?;
                let value = value.trim().trim_matches(['"', '\'']);
                (found.trim() == key && !value.is_empty()).then(|| value.to_owned())
            })
        };
        let level = chapter_level(&self.parts);
        let headed: Vec<&Part> = self.parts.iter().filter(|part| part.level.is_some()).collect();
        // A heading above all chapters, that there is but one of, at the beginning.
        let heading = headed.first().filter(|first| {
            first.level < level && headed.iter().filter(|part| part.level == first.level).count() == 1
        });
        let title = front("title").or_else(|| heading.map(|part| part.title.clone()));
        let (author, language) = (front("author"), front("language").or_else(|| front("lang")));
        let mut chapters: Vec<Chapter> = Vec::new();
        for part in self.parts {
            match chapters.last_mut() {
                Some(last) if part.level > level => {
                    if !last.text.is_empty() && !part.text.is_empty() {
                        last.text.push_str("\n\n");
                    }
                    last.text.push_str(&part.text);
                }
                _ => {
                    let title = (!part.title.is_empty()).then_some(part.title);
                    chapters.push(Chapter { title, text: part.text });
                }
            }
        }
        Book { title, author, language, chapters }
    }
}

/// The level of the headings that chapters begin at: the highest that there are several of, else the lowest there is.
fn chapter_level(parts: &[Part]) -> Option<HeadingLevel> {
    let levels = || parts.iter().filter_map(|part| part.level);
    let is_several = |level: &HeadingLevel| levels().filter(|other| other == level).take(2).count() == 2;
    let all = [
        HeadingLevel::H1,
        HeadingLevel::H2,
        HeadingLevel::H3,
        HeadingLevel::H4,
        HeadingLevel::H5,
        HeadingLevel::H6,
    ];
    all.into_iter().find(is_several).or_else(|| levels().max())
}

fn is_unread(tag: &Tag<'_>) -> bool {
    match tag {
        Tag::CodeBlock(_) | Tag::FootnoteDefinition(_) | Tag::Image { .. } | Tag::Strikethrough => true,
        // Its text is its address.
        Tag::Link { link_type, .. } => matches!(link_type, LinkType::Autolink | LinkType::Email),
        _ => false,
    }
}
