//! Text on its way in: taken at once, and given out as far as it is complete.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::speech::{complete, complete_with_breaks, half_break};

/// The text has become too long; what was there before it is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text has {length} characters; at most {most} are allowed")]
pub struct TooLong {
    /// How long it would be.
    pub length: usize,
    /// How long it may be.
    pub most: usize,
}

/// Where text comes in. Dropping it ends the text as [`end`](Self::end) does.
#[derive(Debug)]
pub struct TextIn {
    pub(super) inbox: Arc<Inbox>,
    pub(super) most: usize,
}

impl TextIn {
    /// More of the text, cut wherever its writer happened to stop. Complete clauses of it are spoken at once; the rest
    /// waits for more. If the text becomes too long for it, none of this piece is taken.
    pub fn push(&self, text: &str) -> Result<(), TooLong> {
        let mut page = self.inbox.page();
        let length = page.length + text.chars().count();
        if length > self.most {
            return Err(TooLong { length, most: self.most });
        }
        page.length = length;
        page.text.push_str(text);
        drop(page);
        self.inbox.news.notify_one();
        Ok(())
    }

    /// What has come so far is spoken, complete or not.
    pub fn flush(&self) {
        let mut page = self.inbox.page();
        page.flushed = page.text.len();
        drop(page);
        self.inbox.news.notify_one();
    }

    /// All of the text has come.
    pub fn end(&self) {
        self.inbox.page().ended = true;
        self.inbox.news.notify_one();
    }
}

impl Drop for TextIn {
    fn drop(&mut self) {
        self.end();
    }
}

/// Text that nobody has looked at yet. Its length is limited, and so it is all that ever waits.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    page: Mutex<Page>,
    /// There is more to look at.
    pub(super) news: Notify,
}

#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
    /// Whether breaks in it are silences.
    pub(super) has_breaks: bool,
    /// So many bytes of it are to be spoken even if no clause ends there.
    flushed: usize,
    ended: bool,
    /// Characters of the whole text so far.
    length: usize,
}

impl Inbox {
    pub(super) fn page(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What can be spoken now, and whether nothing follows it.
    pub(super) fn take(&self) -> (String, bool) {
        let mut page = self.page();
        let end = match (page.ended, page.has_breaks) {
            (true, _) => page.text.len(),
            (false, false) => page.flushed.max(complete(&page.text)),
            // What may be half a silence is no text that could be spoken.
            (false, true) => page.flushed.min(half_break(&page.text)).max(complete_with_breaks(&page.text)),
        };
        page.flushed = 0;
        let rest = page.text.split_off(end);
        (std::mem::replace(&mut page.text, rest), page.ended)
    }
}
