//! A production that one or several listeners read. What one of them has made the others find; what all have read is
//! let go, unless it is kept from its beginning for the cache, or for those who come later.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::Mutex as AsyncMutex;

use super::{
    SpeechError,
    production::{Production, Totals},
};
use crate::{
    cache::{Cache, Key, Recording},
    schedule::plan::StreamId,
};

/// A production and what it has made.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) stream: StreamId,
    pub(super) rate: u32,
    log: Mutex<Log>,
    production: AsyncMutex<Production>,
    /// Where it is kept when it is complete, if it may be.
    keep: Option<(Key, Arc<Cache>)>,
}

#[derive(Debug, Default)]
struct Log {
    pieces: VecDeque<Bytes>,
    /// Pieces that were let go before the first one here.
    gone: usize,
    bytes: usize,
    /// How many pieces each listener has read.
    readers: HashMap<u32, usize>,
    keeps: bool,
    /// How it ended, once it has.
    end: Option<Result<Totals, SpeechError>>,
    totals: Totals,
}

impl Shared {
    pub(super) fn new(
        stream: StreamId,
        rate: u32,
        production: Production,
        keep: Option<(Key, Arc<Cache>)>,
    ) -> Self {
        let log = Log { keeps: keep.is_some(), ..Log::default() };
        Self { stream, rate, log: Mutex::new(log), production: AsyncMutex::new(production), keep }
    }

    /// A new listener reads from the beginning, if that is still here.
    pub(super) fn join(&self, reader: u32) -> bool {
        let mut log = self.log();
        let whole = log.gone == 0 && !matches!(log.end, Some(Err(_)));
        if whole {
            log.readers.insert(reader, 0);
        }
        whole
    }

    /// A listener has gone.
    pub(super) fn leave(&self, reader: u32) {
        let mut log = self.log();
        log.readers.remove(&reader);
        log.let_go();
    }

    /// The next piece for a listener, made if nobody made it yet, or `None` at the end. Safe to cancel: another
    /// listener goes on where this one stopped.
    pub(super) async fn next(&self, reader: u32) -> Option<Result<Bytes, SpeechError>> {
        loop {
            if let Some(found) = self.log().read(reader) {
                return found;
            }
            let mut production = self.production.lock().await;
            // Whoever had it before may have made just this.
            if self.log().has(reader) {
                continue;
            }
            let made = production.next().await;
            let mut log = self.log();
            log.totals = production.totals;
            match made {
                Some(Ok(piece)) => {
                    log.bytes += piece.len();
                    log.pieces.push_back(piece);
                    let longest = self.keep.as_ref().map_or(0, |(_, cache)| cache.longest());
                    log.keeps &= log.bytes <= longest;
                }
                Some(Err(error)) => log.end = Some(Err(error)),
                None => {
                    log.end = Some(Ok(production.totals));
                    self.keep_recording(&log);
                }
            }
        }
    }

    fn keep_recording(&self, log: &Log) {
        if let Some((key, cache)) = self.keep.as_ref().filter(|_| log.keeps && log.gone == 0 && log.bytes > 0)
        {
            let pieces = log.pieces.iter().cloned().collect();
            cache.put(*key, Recording { rate: self.rate, pieces, skipped: log.totals.skipped });
        }
    }

    pub(super) fn totals(&self) -> Totals {
        self.log().totals
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn has(&self, reader: u32) -> bool {
        let at = self.readers.get(&reader).copied().unwrap_or(self.gone);
        at - self.gone < self.pieces.len() || self.end.is_some()
    }

    /// What the listener reads next, if it is known: a piece, the error, or that nothing follows.
    #[expect(clippy::option_option, reason = "unknown, the end, or a piece")]
    fn read(&mut self, reader: u32) -> Option<Option<Result<Bytes, SpeechError>>> {
        let at = self.readers.get_mut(&reader)?;
        if let Some(piece) = self.pieces.get(*at - self.gone).cloned() {
            *at += 1;
            self.let_go();
            return Some(Some(Ok(piece)));
        }
        match &self.end {
            Some(Err(error)) => Some(Some(Err(error.clone()))),
            Some(Ok(_)) => Some(None),
            None => None,
        }
    }

    /// Lets go of what everybody has read.
    fn let_go(&mut self) {
        if self.keeps {
            return;
        }
        let read = self.readers.values().min().copied().unwrap_or(usize::MAX);
        while self.gone < read && self.pieces.pop_front().is_some() {
            self.gone += 1;
        }
    }
}
