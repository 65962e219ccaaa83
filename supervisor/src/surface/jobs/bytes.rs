//! A job's audio on its way to a client: parts of a finished file, and of one that grows.

use std::{io, io::SeekFrom};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt};
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
    sync::watch,
};

use crate::{jobs::Growth, speech::Framed};

/// Read from the disk at a time.
const PIECE: usize = 64 << 10;

/// How many bytes a head has.
pub(super) fn size(head: &Bytes) -> u64 {
    u64::try_from(head.len()).unwrap_or_default()
}

/// The bytes from one to before another of a finished file of so many bytes of encoded audio.
pub(super) async fn finished(
    mut file: File,
    framed: &Framed,
    bytes: u64,
    (first, end): (u64, u64),
) -> io::Result<Body> {
    let (before, audio) = (size(&framed.head), bytes.saturating_sub(framed.replaced));
    let head = part(&framed.head, first, end);
    let tail = part(&framed.tail, first.saturating_sub(before + audio), end.saturating_sub(before + audio));
    let (from, until) = (first.saturating_sub(before).min(audio), end.saturating_sub(before).min(audio));
    file.seek(SeekFrom::Start(framed.replaced + from)).await?;
    let parts = (file, Some(head), until - from, Some(tail));
    let pieces = futures_util::stream::try_unfold(parts, |(mut file, head, left, tail)| async move {
        if let Some(head) = head.filter(|head| !head.is_empty()) {
            return Ok(Some((head, (file, None, left, tail))));
        }
        if let Some(piece) = read(&mut file, left).await? {
            let left = left - size(&piece);
            return Ok(Some((piece, (file, None, left, tail))));
        }
        let tail = tail.filter(|tail| !tail.is_empty());
        Ok(tail.map(|tail| (tail, (file, None, 0, None))))
    });
    Ok(body(pieces))
}

/// The bytes from one to before another of a head and the file behind it, as it grows, or to its end if that comes before.
/// What ends before it is complete ends without the final chunk, so that nobody takes a part for the whole.
pub(super) async fn growing(
    mut file: File,
    head: &Bytes,
    growth: watch::Receiver<Growth>,
    (first, end): (u64, u64),
) -> io::Result<Body> {
    let before = size(head);
    let (from, until) = (first.saturating_sub(before), end.saturating_sub(before));
    let head = part(head, first, end);
    file.seek(SeekFrom::Start(from)).await?;
    let pieces = futures_util::stream::try_unfold(
        (file, head, growth, from),
        move |(mut file, head, mut growth, at)| async move {
            if !head.is_empty() {
                return Ok(Some((head, (file, Bytes::new(), growth, at))));
            }
            loop {
                let (there, is_all) = match &*growth.borrow_and_update() {
                    Growth::Growing(bytes) => (*bytes, false),
                    Growth::Complete(finished) => (finished.bytes, true),
                    Growth::Broken(error) => return Err(io::Error::other(error.message.clone())),
                };
                if let Some(piece) = read(&mut file, there.min(until).saturating_sub(at)).await? {
                    let at = at + size(&piece);
                    return Ok(Some((piece, (file, head, growth, at))));
                }
                if is_all || at >= until {
                    return Ok(None);
                }
                growth.changed().await.map_err(io::Error::other)?;
            }
        },
    );
    Ok(body(pieces))
}

/// What of some bytes lies between two places.
fn part(bytes: &Bytes, first: u64, end: u64) -> Bytes {
    let place = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(place(first)..place(end).max(place(first)))
}

/// A piece of the next `left` bytes, which have to be there.
async fn read(file: &mut File, left: u64) -> io::Result<Option<Bytes>> {
    if left == 0 {
        return Ok(None);
    }
    let most = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
    let mut piece = BytesMut::zeroed(most);
    let count = file.read(&mut piece).await?;
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    piece.truncate(count);
    Ok(Some(piece.freeze()))
}

fn body(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
    Body::new(StreamBody::new(pieces.map_ok(Frame::data)))
}
