use super::{super::Kind, told};

fn chapters(source: &str) -> Vec<(Option<String>, String)> {
    let book = super::text(Kind::Text, source);
    told(&book).into_iter().map(|(title, text)| (title.map(Into::into), text.into())).collect()
}

fn expect(source: &str, wanted: &[(Option<&str>, &str)]) {
    let wanted: Vec<_> = wanted.iter().map(|(title, text)| (title.map(Into::into), (*text).into())).collect();
    assert_eq!(chapters(source), wanted, "{source}");
}

#[test]
fn a_text_without_marks_is_one_chapter() {
    expect("One.\n\nTwo.\r\n", &[(None, "One.\n\nTwo.")]);
    expect("The chapter 3 of my life\nbegan.", &[(None, "The chapter 3 of my life\nbegan.")]);
}

#[test]
fn a_line_with_a_mark_begins_a_chapter_and_is_spoken() {
    expect(
        "Before.\n# One\nFirst.\n# Two\n\nSecond.\n",
        &[(None, "Before."), (Some("One"), "One\n\nFirst."), (Some("Two"), "Two\n\nSecond.")],
    );
    // What begins otherwise is text, as is a number sign with nothing behind it.
    expect("#tag\n## deeper\n# \nText", &[(None, "#tag\n## deeper\n#\nText")]);
}

#[test]
fn headings_of_chapters_are_found_where_there_are_no_marks() {
    expect(
        "Chapter 1\n\nIt began.\n\nCHAPTER II: The End\n\nIt ended.",
        &[
            (Some("Chapter 1"), "Chapter 1\n\nIt began."),
            (Some("CHAPTER II: The End"), "CHAPTER II: The End\n\nIt ended."),
        ],
    );
    expect(
        "楔子\n很久以前。\n第一章 风起\n　　天亮了。\n　　他走了。\n第二十三回 云涌\n下雨了。",
        &[
            (Some("楔子"), "楔子\n很久以前。"),
            (Some("第一章 风起"), "第一章 风起\n天亮了。\n他走了。"),
            (Some("第二十三回 云涌"), "第二十三回 云涌\n下雨了。"),
        ],
    );
    // A mark that was made on purpose counts alone.
    expect("# Mine\nChapter 1\nText.", &[(Some("Mine"), "Mine\n\nChapter 1\nText.")]);
}

#[test]
fn sentences_about_chapters_are_no_headings() {
    for sentence in
        ["第一章的故事很长", "Chapter 1 was the best of all", "Part one of the plan is done.", "Chapter 5."]
    {
        expect(&format!("Text.\n{sentence}\nMore."), &[(None, &format!("Text.\n{sentence}\nMore."))]);
    }
}

#[test]
fn a_part_and_its_first_chapter_are_one_and_a_list_of_contents_is_text() {
    expect(
        "Part One\n\nChapter 1\n\nText.",
        &[(Some("Part One Chapter 1"), "Part One\n\nChapter 1\n\nText.")],
    );
    expect(
        "Chapter 1\nChapter 2\nChapter 3\n\nChapter 1\n\nText.\n\nChapter 2\n\nMore.",
        &[
            (None, "Chapter 1\nChapter 2\nChapter 3"),
            (Some("Chapter 1"), "Chapter 1\n\nText."),
            (Some("Chapter 2"), "Chapter 2\n\nMore."),
        ],
    );
}

#[test]
fn lines_that_were_cut_to_fit_a_page_are_put_together_and_verses_are_not() {
    let page = "It was the best of times, it was the worst of times,\nit was the age of wisdom, it was the age of\nfoolishness.";
    expect(page, &[(None, &page.replace('\n', " "))]);
    let verse = "Tyger Tyger, burning bright,\nIn the forests of the night;";
    expect(verse, &[(None, verse)]);
}
