//! EPUB 2 and 3: the pages in their order, cut into chapters where the list of contents says that one begins.
//!
//! A page that the list does not name goes on with the chapter before it. Without a list every page is a chapter.

mod address;
mod archive;
mod contents;
mod package;

use std::collections::{HashMap, HashSet};

use self::{archive::Archive, contents::Entry, package::Package};
use super::{
    Book, Chapter, IntakeError, line, xhtml,
    xml::{Reason, Steps},
};

pub(super) fn read(bytes: &[u8], most: usize) -> Result<Book, IntakeError> {
    let mut archive = Archive::open(bytes)?;
    let mut steps = Steps::default();
    let package = package(&mut archive, &mut steps)?;
    let entries = contents(&mut archive, &package, &mut steps);
    let is_listed = !entries.is_empty();
    let mut titles = Titles::of(entries);
    let mut chapters: Vec<Chapter> = Vec::new();
    let mut left = most;
    for item in package.pages() {
        let document = archive.required(&item.file)?;
        let page =
            xhtml::read(&document, titles.anchors(&item.file), &mut steps).map_err(damaged(&item.file))?;
        for piece in page.pieces {
            let characters = piece.text.chars().count();
            left = left.checked_sub(characters).ok_or(IntakeError::TooLong { most })?;
            let title = match titles.take(&item.file, piece.anchor.as_deref()) {
                None if !is_listed => page.title.clone(),
                found => found,
            };
            match chapters.last_mut() {
                Some(last) if is_listed && title.is_none() => append(&mut last.text, &piece.text),
                // Nothing stands between a part's name and its first chapter's: they are one chapter.
                Some(last) if last.text.is_empty() => {
                    let both = [last.title.take(), title].into_iter().flatten();
                    last.title = both.reduce(|a, b| format!("{a} {b}")).and_then(|title| line(&title));
                    last.text = piece.text;
                }
                _ => chapters.push(Chapter { title, text: piece.text }),
            }
        }
    }
    let author = package.authors.join(", ");
    Ok(Book {
        title: package.title,
        author: (!author.is_empty()).then_some(author),
        language: package.language,
        chapters,
    })
}

fn damaged(file: &str) -> impl Fn(Reason) -> IntakeError {
    move |reason| IntakeError::Damaged { file: file.to_owned(), reason }
}

fn package(archive: &mut Archive<'_>, steps: &mut Steps) -> Result<Package, IntakeError> {
    const CONTAINER: &str = "META-INF/container.xml";
    const ENCRYPTION: &str = "META-INF/encryption.xml";
    let container = archive.text(CONTAINER)?;
    let container =
        container.ok_or_else(|| IntakeError::NotEpub(format!("the archive has no {CONTAINER}")))?;
    if let Some(encryption) = archive.text(ENCRYPTION)?
        && let Some(lock) = package::lock(&encryption, steps).map_err(damaged(ENCRYPTION))?
    {
        return Err(IntakeError::Encrypted(lock));
    }
    let root = package::root(&container, steps).map_err(damaged(CONTAINER))?;
    let root = root.ok_or_else(|| IntakeError::NotEpub(format!("{CONTAINER} names no package document")))?;
    let document = archive.required(&root)?;
    package::read(&document, &root, steps).map_err(damaged(&root))
}

/// The list of contents, the newer sort first. A book whose list cannot be read is still a book.
fn contents(archive: &mut Archive<'_>, package: &Package, steps: &mut Steps) -> Vec<Entry> {
    let sorts = [
        (&package.nav, contents::of_nav as fn(&str, &str, &mut Steps) -> Result<Vec<Entry>, Reason>),
        (&package.ncx, contents::of_ncx),
    ];
    let mut lists = sorts.into_iter().filter_map(|(file, read)| {
        let file = file.as_ref()?;
        let document = archive.text(file).ok().flatten()?;
        read(&document, file, steps).ok().filter(|entries| !entries.is_empty())
    });
    lists.next().unwrap_or_default()
}

/// Which chapters begin at which places, until they were begun.
#[derive(Default)]
struct Titles {
    by_file: HashMap<String, HashMap<Option<String>, String>>,
    anchors: HashMap<String, HashSet<String>>,
    none: HashSet<String>,
}

impl Titles {
    fn of(entries: Vec<Entry>) -> Self {
        let mut all = Self::default();
        for Entry { at, title } in entries {
            if let Some(anchor) = &at.anchor {
                all.anchors.entry(at.file.clone()).or_default().insert(anchor.clone());
            }
            // The first of those that begin at one place is the widest.
            all.by_file.entry(at.file).or_default().entry(at.anchor).or_insert(title);
        }
        all
    }

    fn anchors(&self, file: &str) -> &HashSet<String> {
        self.anchors.get(file).unwrap_or(&self.none)
    }

    fn take(&mut self, file: &str, anchor: Option<&str>) -> Option<String> {
        let titles = self.by_file.get_mut(file)?;
        titles.remove(&anchor.map(ToOwned::to_owned))
    }
}

fn append(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str(more);
}
