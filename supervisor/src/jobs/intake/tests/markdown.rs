use super::{super::Kind, text, told};

#[test]
fn headings_begin_chapters_and_an_only_one_above_is_the_title() {
    let book = text(
        Kind::Markdown,
        "# The Book\n\nWords before.\n\n## One\n\nA.\n\n### Deeper\n\nB.\n\n## Two\n\nC.\n",
    );
    assert_eq!(book.title.as_deref(), Some("The Book"));
    assert_eq!(
        told(&book),
        [
            (Some("The Book"), "The Book\n\nWords before."),
            (Some("One"), "One\n\nA.\n\nDeeper\n\nB."),
            (Some("Two"), "Two\n\nC."),
        ]
    );
    let book = text(Kind::Markdown, "Setext\n======\n\nA.\n\nOther\n=====\n\nB.");
    assert_eq!(told(&book), [(Some("Setext"), "Setext\n\nA."), (Some("Other"), "Other\n\nB.")]);
    let book = text(Kind::Markdown, "# Only\n\nA.");
    assert_eq!((book.title.as_deref(), told(&book)), (None, vec![(Some("Only"), "Only\n\nA.")]));
}

#[test]
fn front_matter_names_the_book() {
    let source = "---\ntitle: \"A: Book\"\nauthor: Somebody\nlang: en-GB\n---\n\nText.\n";
    let book = text(Kind::Markdown, source);
    assert_eq!(book.title.as_deref(), Some("A: Book"));
    assert_eq!(book.author.as_deref(), Some("Somebody"));
    assert_eq!(book.language.as_deref(), Some("en-GB"));
    assert_eq!(told(&book), [(None, "Text.")]);
}

#[test]
fn what_is_not_spoken_is_left_out() {
    let source = "See [the page](https://example.org/a) or <https://example.org/b>.[^1]\n\n![A picture](a.png)\n\n\
                  ```rust\nfn main() {}\n```\n\nRun `make` ~~not~~ now.\n\n[^1]: A note.\n\n<!-- hidden -->\n\nEnd.\n";
    let book = text(Kind::Markdown, source);
    assert_eq!(told(&book), [(None, "See the page or .\n\nRun make now.\n\nEnd.")]);
}

#[test]
fn lists_tables_and_html_are_paragraphs() {
    let source = "3. three\n4. four\n   * inner\n\n- [x] done\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<div>One &amp; <b>two</b><br>three</div>\n\n> said\n> so\n";
    let book = text(Kind::Markdown, source);
    let paragraphs: Vec<&str> = book.chapters[0].text.split("\n\n").collect();
    assert_eq!(
        paragraphs,
        ["3. three", "4. four", "inner", "done", "a, b", "1, 2", "One & two\nthree", "said so"]
    );
}

#[test]
fn lines_of_a_paragraph_are_one_and_chinese_has_no_blanks_between_them() {
    let book = text(Kind::Markdown, "One\ntwo  \nthree\n\n第一行\n第二行 word\nnext\n");
    assert_eq!(told(&book), [(None, "One two\nthree\n\n第一行第二行 word next")]);
}
