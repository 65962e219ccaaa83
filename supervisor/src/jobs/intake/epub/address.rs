//! Where something stands in a book: its addresses are relative, and lead nowhere outside of it.

use percent_encoding::percent_decode_str;
use reqwest::Url;

use crate::jobs::intake::limits;

/// A file in the archive, and perhaps an anchor in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address {
    /// Its name in the archive, without `.` and `..`.
    pub(super) file: String,
    pub(super) anchor: Option<String>,
}

/// What `reference` means in the file `from`; `None` if it leads out of the book, or is longer than any.
pub(super) fn resolve(from: &str, reference: &str) -> Option<Address> {
    if from.len().max(reference.len()) > limits::ADDRESS {
        return None;
    }
    // The rules for addresses of the web are those for a book's, with its root where a host's would be.
    let mut base = Url::parse("book://root/").ok()?;
    base.path_segments_mut().ok()?.clear().extend(from.split('/'));
    let found = base.join(reference.trim()).ok()?;
    if found.scheme() != "book" || found.host_str() != Some("root") {
        return None;
    }
    let decode = |text: &str| percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned);
    let file = decode(found.path().trim_start_matches('/'))?;
    let anchor = found.fragment().filter(|anchor| !anchor.is_empty()).and_then(decode);
    (!file.is_empty()).then_some(Address { file, anchor })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(from: &str, reference: &str) -> Option<String> {
        resolve(from, reference).map(|address| address.file)
    }

    #[test]
    fn addresses_are_relative_to_their_file_and_stay_in_the_book() {
        assert_eq!(file("OEBPS/content.opf", "text/one.xhtml").unwrap(), "OEBPS/text/one.xhtml");
        assert_eq!(file("OEBPS/nav/toc.xhtml", "../text/a%20b.xhtml").unwrap(), "OEBPS/text/a b.xhtml");
        assert_eq!(file("a b/content.opf", "第一章.xhtml").unwrap(), "a b/第一章.xhtml");
        assert_eq!(file("OEBPS/content.opf", "../../../../etc/passwd").unwrap(), "etc/passwd");
        assert_eq!(file("OEBPS/content.opf", "/one.xhtml").unwrap(), "one.xhtml");
        for outside in ["https://example.org/", "//host/one", "file:///etc/passwd", "data:text/html,x"] {
            assert_eq!(file("OEBPS/content.opf", outside), None, "{outside}");
        }
        let found = resolve("a/toc.ncx", "one.html#c2").unwrap();
        assert_eq!(found, Address { file: "a/one.html".into(), anchor: Some("c2".into()) });
        assert_eq!(resolve("a/one.html", "#c2"), Some(found));
    }
}
