//! The wire between supervisor and worker. However the bytes are cut on their way, the same messages come out of them,
//! and the same end; what either side may say survives being written and read again.

#![no_main]

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::BytesMut;
use futures_util::FutureExt;
use ishowtts_workers::protocol::{
    CodecError, Connection, ConnectionError, FromWorker, MAX_LINE, ToWorker, decode, encode,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

fuzz_target!(|input: &[u8]| {
    let [reads, writes, wire @ ..] = input else { return };
    let (first, _) = wire.split_at(wire.iter().position(|&byte| byte == b'\n').unwrap_or(wire.len()));
    let order = serde_json::from_slice::<ToWorker>(first).ok();
    if let Some(order) = &order {
        survives_writing(order);
    }

    let stream = Pieces { wire, read: 1 + usize::from(*reads), write: 1 + usize::from(*writes) };
    let (mut expected, mut connection) = (Expected { wire }, Connection::new(stream));
    if let Some(order) = &order {
        connection.send(order).expect("it was written before");
    }
    loop {
        let received = connection.receive().now_or_never().expect("the stream is never in wait");
        match (received, expected.next()) {
            (Ok(Some((message, payload))), Ok(Some((expected, bytes)))) => {
                assert_eq!((&message, &payload[..]), (&expected, bytes));
                survives_reading(&message);
            }
            (Ok(None), Ok(None)) => break,
            (Err(ConnectionError::Cut), Err(End::Cut)) => break,
            (Err(ConnectionError::Codec(CodecError::LineTooLong)), Err(End::LineTooLong)) => break,
            (
                Err(ConnectionError::Codec(CodecError::BadPayload(_) | CodecError::BadLine { .. })),
                Err(End::Bad),
            ) => {
                break;
            }
            (received, expected) => panic!("{received:?}, and not {expected:?}"),
        }
    }
});

/// Why nothing more can be read.
#[derive(Debug)]
enum End {
    Cut,
    LineTooLong,
    Bad,
}

/// What is on the wire, read in the simplest way: with all of it at hand.
struct Expected<'w> {
    wire: &'w [u8],
}

impl<'w> Expected<'w> {
    fn next(&mut self) -> Result<Option<(FromWorker, &'w [u8])>, End> {
        let Some(newline) = self.wire.iter().position(|&byte| byte == b'\n') else {
            return match self.wire.len() {
                0 => Ok(None),
                MAX_LINE.. => Err(End::LineTooLong),
                _ => Err(End::Cut),
            };
        };
        let (line, rest) = self.wire.split_at(newline + 1);
        let message = decode(line).map_err(|_bad| End::Bad)?;
        let length = if let FromWorker::Audio { payload_bytes, .. } = message { payload_bytes } else { 0 };
        let (payload, rest) = rest.split_at_checked(length).ok_or(End::Cut)?;
        self.wire = rest;
        Ok(Some((message, payload)))
    }
}

fn survives_reading(message: &FromWorker) {
    let line = serde_json::to_vec(message).expect("a message has only what JSON can say");
    let again = decode(&line).expect("what was written is a message");
    assert_alike(&serde_json::to_value(message).unwrap(), &serde_json::to_value(again).unwrap());
}

fn survives_writing(message: &ToWorker) {
    let mut line = BytesMut::from(&b"before"[..]);
    if encode(message, &mut line).is_err() {
        assert_eq!(&line[..], b"before");
        return;
    }
    let line = line.split_off(6);
    assert!(line.len() <= MAX_LINE);
    assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1), "it is one line");
    let again: ToWorker = serde_json::from_slice(&line).expect("what was written is a message");
    assert_alike(&serde_json::to_value(message).unwrap(), &serde_json::to_value(again).unwrap());
}

/// The same, but for the last digit of a fraction: `serde_json` trades it for speed.
fn assert_alike(one: &Value, other: &Value) {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) if one.is_f64() && other.is_f64() => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            assert!((one - other).abs() <= one.abs() * 1e-14, "{one} and {other}");
        }
        (Value::Array(one), Value::Array(other)) => {
            assert_eq!(one.len(), other.len());
            one.iter().zip(other).for_each(|(one, other)| assert_alike(one, other));
        }
        (Value::Object(one), Value::Object(other)) => {
            assert!(one.keys().eq(other.keys()));
            one.values().zip(other.values()).for_each(|(one, other)| assert_alike(one, other));
        }
        _ => assert_eq!(one, other),
    }
}

/// Bytes that come and go a few at a time.
struct Pieces<'w> {
    wire: &'w [u8],
    read: usize,
    write: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = self.read.min(buf.remaining()).min(self.wire.len());
        let (now, later) = self.wire.split_at(most);
        self.wire = later;
        buf.put_slice(now);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.write.min(bytes.len())))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
