//! The two directions of a connection: events in as they come, events out as fast as they are taken.

use std::{io, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout},
};

use super::{
    codec::{Decoder, Event, encode},
    error::Trouble,
};

/// Read at once at most.
const READ: usize = 16 << 10;
/// How long somebody who is told an error may take to hear it.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a client says.
#[derive(Debug)]
pub(super) struct Incoming<R> {
    reader: R,
    decoder: Decoder,
    buffer: BytesMut,
    /// Since when there is the beginning of an event.
    midway: Option<Instant>,
}

impl<R: AsyncRead + Unpin> Incoming<R> {
    /// Events of at most `longest` bytes.
    pub(super) fn new(reader: R, longest: usize) -> Self {
        Self { reader, decoder: Decoder::new(longest), buffer: BytesMut::new(), midway: None }
    }

    /// Since when there is the beginning of an event whose end has not come.
    pub(super) fn midway(&self) -> Option<Instant> {
        self.midway
    }

    /// Waits for bytes; `false` if the client has closed. Safe to cancel.
    pub(super) async fn read(&mut self) -> io::Result<bool> {
        self.buffer.reserve(READ);
        Ok((&mut self.reader).take(READ as u64).read_buf(&mut self.buffer).await? > 0)
    }

    /// The next event among what has come.
    pub(super) fn next(&mut self) -> Result<Option<Event>, Trouble> {
        let event = self.decoder.next(&mut self.buffer)?;
        if event.is_some() || !self.decoder.is_midway(&self.buffer) {
            self.midway = None;
        } else {
            self.midway.get_or_insert_with(Instant::now);
        }
        if self.buffer.is_empty() {
            // What a long event took is not kept for short ones.
            self.buffer = BytesMut::new();
        }
        Ok(event)
    }

    /// Reads on for a moment without looking: what was told last would be lost if the connection closed with something
    /// unread.
    pub(super) async fn pass_over(&mut self) {
        let rest = &mut (&mut self.reader).take(64 << 10);
        drop(timeout(FAREWELL, tokio::io::copy(rest, &mut tokio::io::sink())).await);
    }
}

/// What it is told.
#[derive(Debug)]
pub(super) struct Outgoing<W> {
    writer: W,
    stall: Duration,
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    /// To somebody who may take nothing for so long.
    pub(super) fn new(writer: W, stall: Duration) -> Self {
        Self { writer, stall }
    }

    /// Sends an event.
    pub(super) async fn send(&mut self, kind: &str, data: &Value, payload: Bytes) -> io::Result<()> {
        let mut bytes = encode(kind, data, payload.len()).chain(payload);
        while bytes.has_remaining() {
            let written = timeout(self.stall, self.writer.write_buf(&mut bytes)).await;
            let late =
                |_| io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing of what it is sent");
            if written.map_err(late)?? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Says that nothing follows.
    pub(super) async fn end(&mut self) {
        drop(timeout(FAREWELL, self.writer.shutdown()).await);
    }
}
