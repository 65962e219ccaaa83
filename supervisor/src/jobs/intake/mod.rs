//! What a job speaks: a text in chapters, however it was sent.

use serde::{Deserialize, Serialize};

/// A text in chapters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// Its title, where it has one.
    pub title: Option<String>,
    /// Who wrote it, where that is told.
    pub author: Option<String>,
    /// Its language (`en`, `zh`), where that is told.
    pub language: Option<String>,
    /// In order. What has no chapters is one chapter without a title.
    pub chapters: Vec<Chapter>,
}

/// One chapter of a [`Book`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chapter {
    /// Its title: a mark, not spoken unless the text has it too.
    pub title: Option<String>,
    /// What is spoken.
    pub text: String,
}

impl Book {
    /// A text without chapters.
    pub fn plain(text: String) -> Self {
        Self { chapters: vec![Chapter { title: None, text }], ..Self::default() }
    }

    /// Characters that are to be spoken.
    pub fn characters(&self) -> usize {
        self.chapters.iter().map(|chapter| chapter.text.chars().count()).sum()
    }
}
