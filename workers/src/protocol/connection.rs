//! One message in, one message out. The only file that touches the bytes.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::{poll_read_buf, poll_write_buf};

use super::{
    codec::{self, CodecError, MAX_LINE},
    message::{FromWorker, ToWorker},
};

/// Room made for lines at a time: they are short, and what a read of lines takes of a payload is copied once more.
const READ_LINES: usize = 4 * 1024;

/// Why a connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The other side went away in the middle of a message. (A close between two messages is no error.)
    #[error("the connection was cut in the middle of a message")]
    Cut,
    /// The other side broke the protocol.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The socket failed.
    #[error("the socket failed")]
    Io(#[from] io::Error),
}

/// A socket seen as messages.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    inbox: BytesMut,
    /// Bytes of `inbox` that are known to hold no newline.
    scanned: usize,
    partial: Option<Partial>,
    outbox: BytesMut,
}

/// A message whose payload is still arriving.
#[derive(Debug)]
struct Partial {
    message: FromWorker,
    payload: BytesMut,
    expected: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Takes over a connected stream.
    pub fn new(stream: S) -> Self {
        Self { stream, inbox: BytesMut::new(), scanned: 0, partial: None, outbox: BytesMut::new() }
    }

    /// Puts a message on its way. It leaves while [`receive`](Self::receive) or [`flush`](Self::flush) is awaited.
    pub fn send(&mut self, message: &ToWorker) -> Result<(), CodecError> {
        codec::encode(message, &mut self.outbox)
    }

    /// Waits until everything sent has left. Safe to cancel.
    pub async fn flush(&mut self) -> Result<(), ConnectionError> {
        poll_fn(|cx| self.poll_flush(cx)).await.map_err(ConnectionError::Io)
    }

    /// The next message with its payload (empty for all but `audio`), or `None` at a clean close. Safe to
    /// cancel: what has arrived is kept. Messages of ours leave meanwhile.
    pub async fn receive(&mut self) -> Result<Option<(FromWorker, Bytes)>, ConnectionError> {
        poll_fn(|cx| self.poll_receive(cx)).await
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.outbox.has_remaining() {
            if ready!(poll_write_buf(Pin::new(&mut self.stream), cx, &mut self.outbox))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<(FromWorker, Bytes)>, ConnectionError>> {
        // A peer that is gone cannot be written to, but may have left its last words: read those first.
        let written = self.poll_flush(cx);
        loop {
            if let Some(complete) = self.take_complete()? {
                return Poll::Ready(Ok(Some(complete)));
            }
            let mut room = if let Some(Partial { payload, expected, .. }) = &mut self.partial {
                let missing = *expected - payload.len();
                payload.limit(missing)
            } else {
                self.inbox.reserve(READ_LINES);
                (&mut self.inbox).limit(READ_LINES)
            };
            let read = poll_read_buf(Pin::new(&mut self.stream), cx, &mut room);
            match read {
                Poll::Ready(Ok(0)) if self.partial.is_none() && self.inbox.is_empty() => {
                    return Poll::Ready(Ok(None));
                }
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(ConnectionError::Cut)),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => {
                    if let Poll::Ready(Err(error)) = written {
                        return Poll::Ready(Err(error.into()));
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// A message that has arrived whole, if there is one.
    fn take_complete(&mut self) -> Result<Option<(FromWorker, Bytes)>, CodecError> {
        if self.partial.is_none() {
            let Some(line) = self.take_line()? else { return Ok(None) };
            let message = codec::decode(&line)?;
            let FromWorker::Audio { payload_bytes: expected, .. } = message else {
                return Ok(Some((message, Bytes::new())));
            };
            let mut payload = BytesMut::with_capacity(expected);
            payload.extend_from_slice(&self.inbox.split_to(expected.min(self.inbox.len())));
            self.partial = Some(Partial { message, payload, expected });
        }
        let whole = self.partial.take_if(|partial| partial.payload.len() == partial.expected);
        Ok(whole.map(|partial| (partial.message, partial.payload.freeze())))
    }

    fn take_line(&mut self) -> Result<Option<BytesMut>, CodecError> {
        let unscanned = self.inbox.get(self.scanned..).unwrap_or_default();
        let Some(newline) = unscanned.iter().position(|&byte| byte == b'\n') else {
            self.scanned = self.inbox.len();
            return if self.scanned >= MAX_LINE { Err(CodecError::LineTooLong) } else { Ok(None) };
        };
        let line = self.inbox.split_to(self.scanned + newline + 1);
        self.scanned = 0;
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::synthesis::SynthesisId;

    fn audio(id: u64, n: usize) -> Vec<u8> {
        format!("{{\"type\":\"audio\",\"id\":{id},\"payload_bytes\":{n}}}\n").into_bytes()
    }

    #[tokio::test]
    async fn messages_survive_any_cutting_of_the_bytes() {
        let mut wire = audio(1, 6);
        wire.extend_from_slice(b"\n{\"ab\n{\"type\":\"cancelled\",\"id\":1}\n");
        for piece in 1..wire.len() {
            let (ours, mut theirs) = tokio::io::duplex(1024);
            let mut connection = Connection::new(ours);
            let bytes = wire.clone();
            let writer = tokio::spawn(async move {
                for part in bytes.chunks(piece) {
                    theirs.write_all(part).await.unwrap();
                    tokio::task::yield_now().await;
                }
            });
            let (message, payload) = connection.receive().await.unwrap().unwrap();
            assert_eq!(message, FromWorker::Audio { id: SynthesisId(1), payload_bytes: 6 });
            assert_eq!(&payload[..], b"\n{\"ab\n");
            let (message, payload) = connection.receive().await.unwrap().unwrap();
            assert_eq!(message, FromWorker::Cancelled { id: SynthesisId(1) });
            assert!(payload.is_empty());
            assert!(connection.receive().await.unwrap().is_none(), "a clean close");
            writer.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_cut_message_is_not_a_clean_close() {
        for bytes in [&b"{\"type\":"[..], &audio(1, 4)[..]] {
            let (ours, mut theirs) = tokio::io::duplex(1024);
            theirs.write_all(bytes).await.unwrap();
            drop(theirs);
            assert!(matches!(Connection::new(ours).receive().await, Err(ConnectionError::Cut)));
        }
    }

    #[tokio::test]
    async fn an_endless_line_ends_the_connection() {
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move { while theirs.write_all(&[b'x'; 4096]).await.is_ok() {} });
        let error = Connection::new(ours).receive().await.unwrap_err();
        assert!(matches!(error, ConnectionError::Codec(CodecError::LineTooLong)));
    }

    #[tokio::test]
    async fn a_cancelled_receive_loses_nothing() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let mut connection = Connection::new(ours);
        theirs.write_all(&audio(3, 4)).await.unwrap();
        theirs.write_all(b"ab").await.unwrap();
        tokio::select! {
            biased;
            _ = connection.receive() => panic!("the payload is not complete"),
            () = tokio::task::yield_now() => {}
        }
        theirs.write_all(b"cd").await.unwrap();
        let (_, payload) = connection.receive().await.unwrap().unwrap();
        assert_eq!(&payload[..], b"abcd");
    }

    #[tokio::test]
    async fn what_is_sent_leaves_while_we_listen() {
        let (ours, theirs) = tokio::io::duplex(1024);
        let mut connection = Connection::new(ours);
        connection.send(&ToWorker::Ping { nonce: 7 }).unwrap();
        let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(theirs));
        let line = tokio::select! {
            _ = connection.receive() => panic!("nobody spoke"),
            line = lines.next_line() => line.unwrap().unwrap(),
        };
        assert_eq!(line, r#"{"type":"ping","nonce":7}"#);
    }
}
