use std::io::{Cursor, Write};

use proptest::prelude::*;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{
    super::{self as intake, IntakeError, Kind, limits},
    read, told,
};

const CONTAINER: &str = r#"<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
  <rootfiles><rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"#;

/// Files of a book, beside its container.
fn packed<B: AsRef<[u8]>>(files: &[(&str, B)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    zip.start_file("mimetype", stored).unwrap();
    zip.write_all(b"application/epub+zip").unwrap();
    zip.start_file("META-INF/container.xml", deflated).unwrap();
    zip.write_all(CONTAINER.as_bytes()).unwrap();
    for (name, content) in files {
        zip.start_file(*name, deflated).unwrap();
        zip.write_all(content.as_ref()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The package document of a book with these pages, and more in its manifest and around its spine.
fn package(pages: &[&str], manifest: &str, spine: &str) -> String {
    let items = pages
        .iter()
        .map(|page| format!(r#"<item id="{page}" href="{page}" media-type="application/xhtml+xml"/>"#));
    let refs = pages.iter().map(|page| format!(r#"<itemref idref="{page}"/>"#));
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Tom &amp; Jerry</dc:title>
<dc:creator id="a">Ann One</dc:creator><dc:creator>Bob Two</dc:creator><dc:language>en</dc:language></metadata>
<manifest>{}{manifest}</manifest><spine {spine}>{}</spine></package>"#,
        items.collect::<String>(),
        refs.collect::<String>(),
    )
}

fn page(body: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><head><title>In the head</title>
<style>p {{ color: red }}</style><script>alert("no")</script></head><body>{body}</body></html>"#
    )
}

fn of_page(body: &str) -> String {
    let files = [("OEBPS/content.opf", package(&["a.xhtml"], "", "")), ("OEBPS/a.xhtml", page(body))];
    read(Kind::Epub, &packed(&files)).unwrap().chapters[0].text.clone()
}

#[test]
fn epub_3_is_read_in_its_order_with_the_titles_of_its_contents() {
    let nav = page(
        r#"<nav epub:type="landmarks"><ol><li><a href="c.xhtml">Start</a></li></ol></nav>
        <nav epub:type="toc"><h1>Contents</h1><ol><li><a href="text/b.xhtml">Part <b>One</b></a><ol>
        <li><a href="text/b.xhtml#two">Chapter&nbsp;Two</a><ol><li><a href="text/b.xhtml#deep">Section</a></li></ol></li></ol></li>
        <li><a href="c.xhtml">Last</a></li></ol></nav>"#,
    );
    let manifest = r#"<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>"#;
    let opf = package(&["text/b.xhtml", "text/b2.xhtml", "nav", "c.xhtml"], manifest, "");
    let opf = opf.replace(r#"<item id="nav" href="nav" media-type="application/xhtml+xml"/>"#, "");
    let files = [
        ("OEBPS/content.opf", opf),
        ("OEBPS/nav.xhtml", nav),
        (
            "OEBPS/text/b.xhtml",
            page(
                r#"<h1>Part One</h1><p>Begun.</p><h2><a id="two"/>Chapter Two</h2><p>Two.</p><h3 id="deep">Section</h3><p>Deep.</p>"#,
            ),
        ),
        ("OEBPS/text/b2.xhtml", page("<p>Goes on.</p>")),
        ("OEBPS/c.xhtml", page("<p>The end.</p>")),
    ];
    let book = read(Kind::Epub, &packed(&files)).unwrap();
    assert_eq!(book.title.as_deref(), Some("Tom & Jerry"));
    assert_eq!(book.author.as_deref(), Some("Ann One, Bob Two"));
    assert_eq!(book.language.as_deref(), Some("en"));
    assert_eq!(
        told(&book),
        [
            (Some("Part One"), "Part One\n\nBegun."),
            (Some("Chapter Two"), "Chapter Two\n\nTwo.\n\nSection\n\nDeep.\n\nGoes on."),
            (Some("Last"), "The end."),
        ]
    );
}

#[test]
fn epub_2_is_read_with_its_ncx_and_without_its_page_of_contents() {
    let ncx = r#"<?xml version="1.0"?><!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "http://www.daisy.org/z3986/2005/ncx-2005-1.dtd">
        <ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><docTitle><text>No chapter</text></docTitle><navMap>
        <navPoint id="p" playOrder="1"><navLabel><text>第一章</text></navLabel><content src="a.xhtml"/></navPoint>
        <navPoint id="q"><navLabel><text>第二章</text></navLabel><content src="b.xhtml"/></navPoint></navMap></ncx>"#;
    let opf = package(
        &["toc.xhtml", "a.xhtml", "b.xhtml"],
        r#"<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>"#,
        r#"toc="ncx""#,
    );
    let opf =
        opf.replace("</package>", r#"<guide><reference type="toc" href="toc.xhtml"/></guide></package>"#);
    let files = [
        ("OEBPS/content.opf", opf),
        ("OEBPS/toc.ncx", ncx.to_owned()),
        ("OEBPS/toc.xhtml", page("<p>Contents</p>")),
        ("OEBPS/a.xhtml", page("<p>一。</p>")),
        ("OEBPS/b.xhtml", page("<p>二。</p>")),
    ];
    let book = read(Kind::Epub, &packed(&files)).unwrap();
    assert_eq!(told(&book), [(Some("第一章"), "一。"), (Some("第二章"), "二。")]);
}

#[test]
fn without_contents_every_page_is_a_chapter() {
    let files = [
        ("OEBPS/content.opf", package(&["a.xhtml", "b.xhtml", "empty.xhtml"], "", "")),
        ("OEBPS/a.xhtml", page("<h2>One<br/>of two</h2><p>A.</p>")),
        ("OEBPS/b.xhtml", page("<p>B.</p>")),
        ("OEBPS/empty.xhtml", page(r#"<img src="cover.jpg" alt="Cover"/>"#)),
    ];
    let book = read(Kind::Epub, &packed(&files)).unwrap();
    assert_eq!(told(&book), [(Some("One of two"), "One\nof two\n\nA."), (Some("In the head"), "B.")]);
}

#[test]
fn blocks_are_paragraphs_and_blanks_are_what_a_reader_sees() {
    assert_eq!(
        of_page("<div>One\n  two<p>three&mdash;&#x66;our</p>\nfive</div><ul><li>six</li><li>seven</li></ul>"),
        "One two\n\nthree—four\n\nfive\n\nsix\n\nseven"
    );
    assert_eq!(
        of_page("<p>寒い\n夜。</p><p>a<br/>b &amp; c &nope; d & e</p>"),
        "寒い夜。\n\na\nb & c &nope; d & e"
    );
    assert_eq!(of_page("<table><tr><th>a</th><td>b</td></tr><tr><td>c</td></tr></table>"), "a, b\n\nc");
    assert_eq!(
        of_page("<pre>one\n  two</pre><pre><code>let x;</code></pre><p>soft&shy;hyphen</p>"),
        "one\ntwo\n\nsofthyphen"
    );
    assert_eq!(of_page("<p><![CDATA[1 < 2]]></p>"), "1 < 2");
}

#[test]
fn markup_that_nobody_closed_loses_no_text() {
    assert_eq!(
        of_page("<p>One<p>Two<br>three</i></p><ul><li>a<li>b</ul><span>End"),
        "One\n\nTwo\nthree\n\na\n\nb\n\nEnd"
    );
}

#[test]
fn what_is_hidden_or_beside_the_text_is_left_out() {
    let body = r##"<p>Text<a epub:type="noteref" href="#n1">1</a> and<sup><a href="#n2">[2]</a></sup> more.</p>
        <span epub:type="pagebreak" title="5">5</span><p hidden="hidden">a</p><p style="display: none">b</p><p aria-hidden="true">c</p>
        <aside epub:type="footnote" id="n1"><p>A note.</p></aside><section role="doc-endnotes"><p>d</p></section>
        <svg><title>e</title><text>f</text></svg><math><mi>x</mi></math><object><p>g</p></object><p>See <a href="b.xhtml">page 12</a>.</p>"##;
    assert_eq!(of_page(body), "Text and more.\n\nSee page 12.");
}

#[test]
fn ruby_is_spoken_by_its_kana_or_its_characters() {
    assert_eq!(of_page("<p><ruby>漢<rt>かん</rt>字<rt>じ</rt></ruby>を読む</p>"), "かんじを読む");
    assert_eq!(of_page("<p>私の<ruby>本<rp>(</rp><rt>ほん</rt><rp>)</rp></ruby></p>"), "私のほん");
    assert_eq!(of_page("<p><ruby><rb>漢</rb><rt>hàn</rt></ruby>语</p>"), "漢语");
}

#[test]
fn locked_books_are_refused_and_scrambled_fonts_are_none_of_our_concern() {
    let lock = |method: &str| {
        format!(
            r#"<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:enc="http://www.w3.org/2001/04/xmlenc#">
            <enc:EncryptedData><enc:EncryptionMethod Algorithm="{method}"/><enc:CipherData><enc:CipherReference URI="OEBPS/a.xhtml"/>
            </enc:CipherData></enc:EncryptedData></encryption>"#
        )
    };
    let book = |method: &str| {
        let files = [
            ("META-INF/encryption.xml", lock(method)),
            ("OEBPS/content.opf", package(&["a.xhtml"], "", "")),
            ("OEBPS/a.xhtml", page("<p>Text.</p>")),
        ];
        read(Kind::Epub, &packed(&files))
    };
    let error = book("http://www.w3.org/2001/04/xmlenc#aes256-cbc").unwrap_err();
    assert!(matches!(&error, IntakeError::Encrypted(method) if method.contains("aes256")), "{error}");
    assert!(error.to_string().contains("DRM"));
    book("http://www.idpf.org/2008/embedding").unwrap();
}

#[test]
fn what_is_no_book_is_told_with_its_reason() {
    let error = |files: &[(&str, String)]| read(Kind::Epub, &packed(files)).unwrap_err();
    assert!(matches!(read(Kind::Epub, b"no zip").unwrap_err(), IntakeError::NotEpub(_)));
    assert_eq!(error(&[]), IntakeError::Missing("OEBPS/content.opf".into()));
    let opf = ("OEBPS/content.opf", package(&["a.xhtml"], "", ""));
    assert_eq!(error(std::slice::from_ref(&opf)), IntakeError::Missing("OEBPS/a.xhtml".into()));
    let broken = error(&[opf, ("OEBPS/a.xhtml", page("<p>One <!-- two"))]);
    assert!(matches!(&broken, IntakeError::Damaged { file, .. } if file == "OEBPS/a.xhtml"), "{broken}");
    let outside = [("OEBPS/content.opf", package(&["../../../etc/passwd"], "", ""))];
    assert_eq!(error(&outside), IntakeError::Missing("etc/passwd".into()));
}

#[test]
fn bombs_stop_at_their_limits() {
    let opf = ("OEBPS/content.opf", package(&["a.xhtml"], "", "").into_bytes());
    let of =
        |content: Vec<u8>| read(Kind::Epub, &packed(&[opf.clone(), ("OEBPS/a.xhtml", content)])).unwrap_err();
    let most = usize::try_from(limits::DOCUMENT).unwrap();
    assert!(matches!(of(vec![b' '; most + 1]), IntakeError::TooLarge { limit: limits::DOCUMENT, .. }));
    assert!(matches!(of(vec![b' '; most / 4]), IntakeError::TooLarge { limit: limits::RATIO, .. }));
    let deep = of(page(&"<div>".repeat(limits::DEPTH + 1)).into_bytes());
    assert!(
        matches!(&deep, IntakeError::Damaged { reason, .. } if reason.contains("within each other")),
        "{deep}"
    );

    // The same page over and over counts each time.
    let text = (0..200_000).map(|number: u32| number.to_string()).collect::<Vec<_>>().join(" ");
    let reference = r#"<itemref idref="a.xhtml"/>"#;
    let many = package(&["a.xhtml"], "", "").replace(reference, &reference.repeat(200));
    let files = [("OEBPS/content.opf", many), ("OEBPS/a.xhtml", page(&format!("<p>{text}</p>")))];
    let error = read(Kind::Epub, &packed(&files)).unwrap_err();
    assert!(matches!(error, IntakeError::TooLarge { limit: limits::EXPANDED, .. }), "{error}");

    let entry = b"PK\x01\x02".repeat(limits::ENTRIES + 1);
    assert!(matches!(read(Kind::Epub, &entry).unwrap_err(), IntakeError::TooLarge { what: "files", .. }));
}

#[test]
fn a_book_that_is_too_long_is_read_no_further_than_that() {
    let pages = ["a.xhtml", "b.xhtml", "gone.xhtml"];
    let files = [
        ("OEBPS/content.opf", package(&pages, "", "")),
        ("OEBPS/a.xhtml", page("<p>12345</p>")),
        ("OEBPS/b.xhtml", page("<p>67890</p>")),
    ];
    let of = |most| intake::read(Kind::Epub, &packed(&files), most).unwrap_err();
    // The third page would be missed.
    assert_eq!(of(9), IntakeError::TooLong { most: 9 });
    assert_eq!(of(10), IntakeError::Missing("OEBPS/gone.xhtml".into()));
}

#[test]
fn work_that_comes_in_small_pieces_stops_at_its_limits() {
    let of = |opf: String, content: &str| {
        let files = [("OEBPS/content.opf", opf), ("OEBPS/a.xhtml", page(content))];
        read(Kind::Epub, &packed(&files)).unwrap_err().to_string()
    };
    let opf = package(&["a.xhtml"], "", "");
    // Of a thousand pages of some elements and attributes each, of which none is long.
    let reference = r#"<itemref idref="a.xhtml"/>"#;
    let pages = opf.replace(reference, &reference.repeat(1000));
    let small = (0..1000)
        .map(|number| format!("<p class=\"{number}\" id=\"x\">a{number}</p>"))
        .collect::<Vec<_>>()
        .concat();
    let error = of(pages, &small);
    assert!(error.contains(&format!("more than {} pieces", limits::STEPS)), "{error}");
    // One element has as many attributes as it likes.
    let attributes =
        (0..limits::ATTRIBUTES * 100).map(|number| format!(" a{number}=\"\"")).collect::<Vec<_>>().concat();
    assert_eq!(of_page(&format!("<p{attributes}>Read.</p>")), "Read.");

    let many = opf.replace(reference, &reference.repeat(limits::ENTRIES + 1));
    assert!(of(many, "<p>a</p>").contains("more than 10000 files"));
    let item = |number| format!(r#"<item id="i{number}" href="x" media-type="a/b"/>"#);
    let many = package(&["a.xhtml"], &(0..=limits::ENTRIES).map(item).collect::<String>(), "");
    assert!(of(many, "<p>a</p>").contains("more than 10000 files"));
    let long = opf.replace("href=\"a.xhtml\"", &format!("href=\"{}\"", "a".repeat(limits::ADDRESS + 1)));
    assert_eq!(of(long, "<p>a</p>"), IntakeError::Nothing.to_string());
}

#[test]
fn titles_of_empty_chapters_do_not_grow() {
    let files: Vec<String> = (0..50).map(|number| format!("p{number}.xhtml")).collect();
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    let title = "word ".repeat(100);
    let links = names
        .iter()
        .map(|name| format!(r#"<li><a href="{name}">{title}</a></li>"#))
        .collect::<Vec<_>>()
        .concat();
    let nav = page(&format!(r#"<nav epub:type="toc"><ol>{links}</ol></nav>"#));
    let manifest = r#"<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>"#;
    let mut all = vec![
        ("OEBPS/content.opf".to_owned(), package(&names, manifest, "")),
        ("OEBPS/nav.xhtml".to_owned(), nav),
    ];
    let body = |name: &&str| if *name == "p49.xhtml" { "<p>Words.</p>" } else { "" };
    all.extend(names.iter().map(|name| (format!("OEBPS/{name}"), page(body(name)))));
    let all: Vec<(&str, String)> =
        all.iter().map(|(name, content)| (name.as_str(), content.clone())).collect();
    let book = read(Kind::Epub, &packed(&all)).unwrap();
    assert_eq!(book.chapters.len(), 1);
    assert_eq!(book.chapters[0].title.as_ref().unwrap().chars().count(), limits::TITLE);
}

#[test]
fn another_encoding_inside_is_told_as_what_it_is() {
    let opf = package(&["a.xhtml"], "", "").into_bytes();
    let files =
        [("OEBPS/content.opf", opf), ("OEBPS/a.xhtml", b"<html><body>\xc4\xe3</body></html>".to_vec())];
    let error = read(Kind::Epub, &packed(&files)).unwrap_err().to_string();
    assert!(error.contains("OEBPS/a.xhtml") && error.contains("not UTF-8 (at byte 12)"), "{error}");
    assert!(!error.contains("iconv"), "nobody converts a file inside an archive: {error}");
}

#[test]
fn entities_do_not_grow() {
    let body = r#"<!DOCTYPE html [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><html><body><p>&b; x</p></body></html>"#;
    let files = [("OEBPS/content.opf", package(&["a.xhtml"], "", "")), ("OEBPS/a.xhtml", body.to_owned())];
    assert_eq!(read(Kind::Epub, &packed(&files)).unwrap().chapters[0].text, "&b; x");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_page_loses_no_word_of_its_paragraphs(words in proptest::collection::vec(("[a-z]{1,8}", 0..6_usize), 1..40)) {
        let tags = [("<p>", "</p>"), ("<div>", "</div>"), ("<b>", "</b>"), ("<li>", ""), ("<br/>", ""), ("<i>", "")];
        let body: String = words.iter().flat_map(|(word, tag)| [tags[*tag].0, word, tags[*tag].1, " "]).collect();
        let letters: String = of_page(&body).split_whitespace().collect();
        prop_assert_eq!(letters, words.iter().map(|(word, _)| word.as_str()).collect::<String>());
    }

    #[test]
    fn a_damaged_book_is_a_book_or_an_error(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let files = [("OEBPS/content.opf", package(&["a.xhtml"], "", "")), ("OEBPS/a.xhtml", page("<p>Text.</p>"))];
        let mut bytes = packed(&files);
        let place = at.index(bytes.len());
        bytes[place] = byte;
        if let Err(error) = read(Kind::Epub, &bytes) {
            prop_assert!(!error.to_string().is_empty());
        }
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(read(Kind::Epub, &bytes).is_err());
    }
}
