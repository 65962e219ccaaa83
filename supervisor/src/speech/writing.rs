//! Which writing a stretch of text is in, so that each goes to an engine that can read it.

use unicode_script::{Script, UnicodeScript};

/// A writing, as far as choosing an engine needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Writing {
    /// Han characters without any kana beside them.
    Chinese,
    /// Kana, and Han beside it.
    Japanese,
    /// Hangul.
    Korean,
    /// Letters of the Latin alphabet.
    Latin,
    /// Any other script.
    Other(Script),
}

impl Writing {
    /// The writing of a language, by its tag (`en`, `zh-CN`).
    pub fn of_language(tag: &str) -> Self {
        match tag.split(['-', '_']).next().unwrap_or_default() {
            "zh" | "yue" | "cmn" => Self::Chinese,
            "ja" => Self::Japanese,
            "ko" => Self::Korean,
            "ru" | "uk" | "bg" | "sr" | "kk" | "be" => Self::Other(Script::Cyrillic),
            "ar" | "fa" | "ur" => Self::Other(Script::Arabic),
            "el" => Self::Other(Script::Greek),
            "he" => Self::Other(Script::Hebrew),
            "hi" | "ne" | "mr" => Self::Other(Script::Devanagari),
            "th" => Self::Other(Script::Thai),
            "ka" => Self::Other(Script::Georgian),
            _ => Self::Latin,
        }
    }

    fn of_letter(c: char, japanese: bool) -> Option<Self> {
        if c.is_ascii() {
            return c.is_ascii_alphabetic().then_some(Self::Latin);
        }
        if !c.is_alphabetic() {
            return None;
        }
        match c.script() {
            Script::Common | Script::Inherited | Script::Unknown => None,
            Script::Han | Script::Bopomofo if japanese => Some(Self::Japanese),
            Script::Han | Script::Bopomofo => Some(Self::Chinese),
            Script::Hiragana | Script::Katakana => Some(Self::Japanese),
            Script::Hangul => Some(Self::Korean),
            Script::Latin => Some(Self::Latin),
            other => Some(Self::Other(other)),
        }
    }
}

/// A stretch of text in one writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run<'t> {
    /// The writing; `None` where there is no letter at all.
    pub writing: Option<Writing>,
    /// The stretch.
    pub text: &'t str,
}

/// Cuts a text where its writing changes. Digits, signs and punctuation go with the letters before them; what
/// follows white space or opens a quotation goes with the letters after it. Nothing is lost: the runs are the text.
///
/// `reads_japanese`: somebody does, so that Han characters beside kana are Japanese; else they are Chinese.
pub fn runs(text: &str, reads_japanese: bool) -> Vec<Run<'_>> {
    let japanese =
        reads_japanese && text.chars().any(|c| matches!(c.script(), Script::Hiragana | Script::Katakana));
    let mut runs = Vec::new();
    let (mut start, mut writing) = (0, None);
    // Where a run that begins with the next letter would begin: behind the last white space, or at an opening mark.
    let mut border = None;
    for (at, c) in text.char_indices() {
        match (Writing::of_letter(c, japanese), writing) {
            (Some(next), Some(present)) if next != present => {
                let cut = border.unwrap_or(at);
                runs.extend(text.get(start..cut).map(|text| Run { writing, text }));
                (start, writing, border) = (cut, Some(next), None);
            }
            (Some(next), _) => (writing, border) = (Some(next), None),
            (None, _) if c.is_whitespace() => border = Some(at + c.len_utf8()),
            (None, _) if opens(c) => border = border.or(Some(at)),
            (None, _) => {}
        }
    }
    runs.extend(text.get(start..).filter(|text| !text.is_empty()).map(|text| Run { writing, text }));
    runs
}

fn opens(c: char) -> bool {
    matches!(c, '(' | '[' | '{' | '“' | '‘' | '«' | '「' | '『' | '（' | '《' | '〈' | '【' | '［' | '〔')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Writing::*, *};

    fn cut(text: &str) -> Vec<(Option<Writing>, &str)> {
        runs(text, true).into_iter().map(|run| (run.writing, run.text)).collect()
    }

    #[test]
    fn mixed_chat_is_cut_where_the_writing_changes() {
        assert_eq!(cut("Hello, world 42!"), [(Some(Latin), "Hello, world 42!")]);
        assert_eq!(
            cut("我用iPhone15拍照，共 3 张。"),
            [(Some(Chinese), "我用"), (Some(Latin), "iPhone15"), (Some(Chinese), "拍照，共 3 张。")]
        );
        assert_eq!(
            cut("版本v2.0发布了，see (更新) notes"),
            [
                (Some(Chinese), "版本"),
                (Some(Latin), "v2.0"),
                (Some(Chinese), "发布了，"),
                (Some(Latin), "see "),
                (Some(Chinese), "(更新) "),
                (Some(Latin), "notes"),
            ]
        );
        assert_eq!(cut("2020年3月"), [(Some(Chinese), "2020年3月")]);
        assert_eq!(cut("12345"), [(None, "12345")]);
        assert_eq!(cut("東京へ行く"), [(Some(Japanese), "東京へ行く")]);
        let chinese = runs("你好の世界", false);
        assert_eq!(chinese[0], Run { writing: Some(Chinese), text: "你好" });
        assert_eq!(chinese[2], Run { writing: Some(Chinese), text: "世界" });
        assert_eq!(cut(""), []);
    }

    proptest! {
        #[test]
        fn the_runs_are_the_text(text in any::<String>()) {
            let whole: String = runs(&text, true).into_iter().map(|run| run.text).collect();
            prop_assert_eq!(whole, text);
        }
    }
}
