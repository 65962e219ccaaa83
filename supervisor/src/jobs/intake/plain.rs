//! Plain text. A chapter begins at a line `# Title`. A text without such a line has its chapters where a line is
//! plainly the heading of one, such as `Chapter 3` or `第三章 风起`.

use std::sync::LazyLock;

use regex::Regex;

use super::{Book, Chapter, IntakeError, prose::is_unspaced};

/// Characters of a line that may be a heading.
const HEADING: usize = 60;
/// Headings that may follow each other: a part's and its first chapter's. More are a table of contents.
const TOGETHER: usize = 2;
/// Characters of a line that was cut to fit a page: shorter ones are verses, longer ones whole paragraphs.
const CUT: std::ops::RangeInclusive<usize> = 40..=100;

/// Numbers in digits, as Roman numerals or in words; what follows is a title, or nothing.
static HEADINGS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let latin = r"(?:chapter|part|book)\s+(?:\d{1,4}|[ivxlc]{1,8}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty(?:-\w+)?)(?:\s*[.:：—–-].*|\s*$)";
    let alone = r"(?:prologue|epilogue|序章|序言|楔子|引子|尾声|后记)\s*$";
    let chinese = r"第\s*[0-9０-９零〇一二三四五六七八九十百千两]{1,9}\s*[章回卷部](?:[\s:：、.·—-].*|\s*$)";
    Regex::new(&format!(r"(?i)^(?:{latin}|{alone}|{chinese})")).ok()
});

pub(super) fn read(text: &str, most: usize) -> Result<Book, IntakeError> {
    // All of them are spoken, but for the signs of marks.
    if text.chars().filter(|c| !c.is_whitespace() && *c != '#').nth(most).is_some() {
        return Err(IntakeError::TooLong { most });
    }
    let lines: Vec<&str> = text.lines().collect();
    let mut marks: Vec<(usize, String)> = lines
        .iter()
        .enumerate()
        .filter_map(|(number, line)| Some((number, title_of(line)?.to_owned())))
        .collect();
    let told = !marks.is_empty();
    if !told {
        marks = headings(&lines);
    }
    let mut chapters = Vec::new();
    let before = lines.get(..marks.first().map_or(lines.len(), |(first, _)| *first)).unwrap_or_default();
    chapters.push(Chapter { title: None, text: paragraphs(before.iter().copied()) });
    for (index, (from, title)) in marks.iter().enumerate() {
        let until = marks.get(index + 1).map_or(lines.len(), |(next, _)| *next);
        let lines = lines.get(*from..until).unwrap_or_default().iter().copied();
        // A mark is a paragraph of its own, without its sign.
        let text = if told { join(title, &paragraphs(lines.skip(1))) } else { paragraphs(lines) };
        chapters.push(Chapter { title: Some(title.clone()), text });
    }
    Ok(Book { chapters, ..Book::default() })
}

/// The title that a mark gives.
fn title_of(line: &str) -> Option<&str> {
    let title = line.strip_prefix("# ")?.trim();
    (!title.is_empty()).then_some(title)
}

fn is_heading(line: &str) -> bool {
    line.chars().count() <= HEADING
        && !line.ends_with(['.', '。', ',', '，', ';', '；', '…'])
        && HEADINGS.as_ref().is_some_and(|headings| headings.is_match(line))
}

/// Where chapters begin, by lines that look like it, and what they are called.
fn headings(lines: &[&str]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut run: Vec<(usize, &str)> = Vec::new();
    let mut close = |run: &mut Vec<(usize, &str)>| {
        // Of a table of contents, only the last line can be the heading of what follows.
        let from = if run.len() > TOGETHER { run.len() - 1 } else { 0 };
        let run: Vec<_> = run.drain(..).skip(from).collect();
        if let Some((number, _)) = run.first() {
            let title = run.iter().map(|(_, line)| *line).collect::<Vec<_>>().join(" ");
            found.push((*number, title));
        }
    };
    for (number, line) in lines.iter().enumerate() {
        let line = line.trim();
        if is_heading(line) {
            run.push((number, line));
        } else if !line.is_empty() {
            close(&mut run);
        }
    }
    close(&mut run);
    found
}

fn join(first: &str, rest: &str) -> String {
    if rest.is_empty() { first.to_owned() } else { format!("{first}\n\n{rest}") }
}

/// Paragraphs with an empty line between them; lines that were only cut to fit a page are put together.
fn paragraphs<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    // Lines since the last empty one.
    let mut is_first = true;
    let mut before = "";
    for line in lines {
        let line = line.trim();
        if line.is_empty() {
            is_first = true;
            continue;
        }
        if is_first {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
        } else {
            text.push(if was_cut(before, line) { ' ' } else { '\n' });
        }
        text.push_str(line);
        is_first = false;
        before = line;
    }
    text
}

/// Whether a sentence goes on behind the end of a line that is about as long as a page is wide.
fn was_cut(line: &str, next: &str) -> bool {
    let goes_on = |c: char| (c.is_alphanumeric() || matches!(c, ',' | ';' | '-' | '—')) && !is_unspaced(c);
    CUT.contains(&line.chars().count())
        && line.chars().next_back().is_some_and(goes_on)
        && next.chars().next().is_some_and(|c| !is_unspaced(c))
        && !is_heading(next)
}
