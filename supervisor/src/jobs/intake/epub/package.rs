//! What a book says of itself: where its package document is, what stands in it, whether it is locked.

use std::collections::HashMap;

use super::address::{Address, resolve};
use crate::jobs::intake::{
    limits,
    xml::{Element, Node, Nodes, Reason, Steps},
};

/// A file of the book.
pub(super) struct Item {
    pub(super) file: String,
    pub(super) media_type: String,
}

/// The package document.
#[derive(Default)]
pub(super) struct Package {
    pub(super) title: Option<String>,
    pub(super) authors: Vec<String>,
    pub(super) language: Option<String>,
    items: HashMap<String, Item>,
    order: Vec<String>,
    /// The page that lists the contents (EPUB 3), the same as a page for readers (EPUB 2), and the file for programs.
    pub(super) nav: Option<String>,
    pub(super) toc_page: Option<String>,
    pub(super) ncx: Option<String>,
}

impl Package {
    /// What is read, in order: pages that are not beside the way, and not lists of contents.
    pub(super) fn pages(&self) -> impl Iterator<Item = &Item> {
        let listed = [&self.nav, &self.toc_page];
        let items = self.order.iter().filter_map(|id| self.items.get(id));
        items.filter(move |item| {
            let is_page = matches!(
                item.media_type.as_str(),
                "application/xhtml+xml" | "text/html" | "application/xml" | "text/x-oeb1-document" | ""
            );
            is_page && !listed.iter().any(|list| list.as_deref() == Some(&item.file))
        })
    }
}

/// Where the package document stands, as `META-INF/container.xml` tells.
pub(super) fn root(container: &str, steps: &mut Steps) -> Result<Option<String>, Reason> {
    let mut nodes = Nodes::of(container, steps);
    while let Some(node) = nodes.next()? {
        if let Node::Open(element) = node
            && element.name == "rootfile"
            && let Some(path) = element.attribute("full-path")
        {
            return Ok(resolve("", path).map(|address| address.file));
        }
    }
    Ok(None)
}

/// What the book is locked with, as `META-INF/encryption.xml` tells. Fonts may be scrambled: nobody speaks fonts.
pub(super) fn lock(encryption: &str, steps: &mut Steps) -> Result<Option<String>, Reason> {
    const SCRAMBLED_FONTS: [&str; 2] =
        ["http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"];
    // A key beside the data, or its method, is told in the same words.
    let mut is_data = false;
    let mut nodes = Nodes::of(encryption, steps);
    while let Some(node) = nodes.next()? {
        match node {
            Node::Open(element) if element.name == "encrypteddata" => is_data = true,
            Node::Close(name) if name == "encrypteddata" => is_data = false,
            Node::Open(element) if is_data && element.name == "encryptionmethod" => {
                let method = element.attribute("algorithm").unwrap_or("an unknown method");
                if !SCRAMBLED_FONTS.contains(&method) {
                    return Ok(Some(method.to_owned()));
                }
            }
            _ => {}
        }
    }
    Ok(None)
}

pub(super) fn read(document: &str, file: &str, steps: &mut Steps) -> Result<Package, Reason> {
    let mut package = Package::default();
    let mut text: Option<String> = None;
    let mut toc = None;
    let mut nodes = Nodes::of(document, steps);
    while let Some(node) = nodes.next()? {
        match node {
            Node::Open(element) => match element.name.as_str() {
                "title" | "creator" | "language" => text = Some(String::new()),
                "item" => package.take_item(&element, file),
                "spine" => toc = element.attribute("toc").map(ToOwned::to_owned),
                "itemref" if element.attribute("linear") != Some("no") => {
                    package.order.extend(element.attribute("idref").map(ToOwned::to_owned));
                }
                "reference" if element.attribute("type").is_some_and(|sort| sort == "toc") => {
                    let page = element.attribute("href").and_then(|href| resolve(file, href));
                    // A whole page, not a place on one that has more.
                    package.toc_page = page.filter(|page| page.anchor.is_none()).map(|page| page.file);
                }
                _ => {}
            },
            Node::Text(piece) => {
                if let Some(text) = &mut text {
                    text.push_str(&piece);
                }
            }
            Node::Close(name) => {
                if let Some(text) =
                    text.take_if(|_| matches!(name.as_str(), "title" | "creator" | "language"))
                {
                    package.take_fact(&name, text);
                }
            }
        }
        if package.items.len().max(package.order.len()) > limits::ENTRIES {
            return Err(format!("it lists more than {} files", limits::ENTRIES));
        }
    }
    let by_name = || package.items.values().find(|item| item.media_type == "application/x-dtbncx+xml");
    package.ncx = toc.and_then(|id| package.items.get(&id)).or_else(by_name).map(|item| item.file.clone());
    Ok(package)
}

impl Package {
    fn take_item(&mut self, element: &Element, package: &str) {
        let Some((id, href)) = element.attribute("id").zip(element.attribute("href")) else { return };
        let Some(Address { file, .. }) = resolve(package, href) else { return };
        if element.says("properties", "nav") {
            self.nav = Some(file.clone());
        }
        let media_type = element.attribute("media-type").unwrap_or_default().trim().to_ascii_lowercase();
        self.items.insert(id.to_owned(), Item { file, media_type });
    }

    /// The first title and language count, and every author.
    fn take_fact(&mut self, name: &str, text: String) {
        if text.trim().is_empty() {
            return;
        }
        match name {
            "title" => drop(self.title.get_or_insert(text)),
            "language" => drop(self.language.get_or_insert(text)),
            _ => self.authors.push(text.trim().to_owned()),
        }
    }
}
