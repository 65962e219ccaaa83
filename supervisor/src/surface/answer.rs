//! A stream as an HTTP answer: as one file with exact sizes, or as it is made.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, HttpBody},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use http_body_util::StreamBody;
use hyper::body::{Frame, SizeHint};

use super::encoded::Encoded;
use crate::{
    schedule::Delivery,
    speech::{Encoder, Format},
    stream::{SpeechError, Stream, milliseconds},
};

const SAMPLE_RATE: HeaderName = HeaderName::from_static("x-sample-rate");
const ENGINE: HeaderName = HeaderName::from_static("x-engine");
const VOICE: HeaderName = HeaderName::from_static("x-voice");
const CACHE: HeaderName = HeaderName::from_static("x-cache");
const ELAPSED_MS: HeaderName = HeaderName::from_static("x-elapsed-ms");
const RTF: HeaderName = HeaderName::from_static("x-rtf");
const AUDIO_MS: HeaderName = HeaderName::from_static("x-audio-ms");
const QUEUE_WAIT_MS: HeaderName = HeaderName::from_static("x-queue-wait-ms");
const SKIPPED: HeaderName = HeaderName::from_static("x-skipped-characters");

/// The audio, the way it is wanted.
pub(super) async fn of(stream: Stream, format: Format, delivery: Delivery) -> Result<Response, SpeechError> {
    match delivery {
        Delivery::Live => live(stream, format),
        Delivery::Whole => whole(stream, format).await,
    }
}

/// The audio as it is made. If it fails on the way the connection ends without the final chunk, so that nobody
/// takes a part for the whole.
pub(super) fn live(stream: Stream, format: Format) -> Result<Response, SpeechError> {
    let headers = headers(&stream, format);
    let body = pieces(stream, format)?.then(|piece| async move {
        if piece.is_err() {
            // What was handed over before is sent now: a connection that fails at once takes it along.
            tokio::task::yield_now().await;
        }
        piece.map(Frame::data)
    });
    Ok((headers, Body::new(StreamBody::new(body))).into_response())
}

/// The encoded audio as it is made, from its first byte to its last or to an error.
pub(super) fn pieces(
    stream: Stream,
    format: Format,
) -> Result<impl futures_util::Stream<Item = Result<Bytes, SpeechError>>, SpeechError> {
    let encoded = Encoded::new(stream, format)?;
    Ok(futures_util::stream::unfold(encoded, |mut encoded| async move {
        let piece = encoded.next().await?;
        Some((piece, encoded))
    }))
}

/// The whole audio, once it is complete.
pub(super) async fn whole(stream: Stream, format: Format) -> Result<Response, SpeechError> {
    let mut headers = headers(&stream, format);
    let mut encoder = Encoder::new(format, stream.sample_rate())?;
    let spoken = stream.whole(&mut encoder).await?;
    let report = spoken.report;
    put(&mut headers, ELAPSED_MS, &milliseconds(report.elapsed).to_string());
    put(&mut headers, RTF, &format!("{:.4}", report.rtf()));
    put(&mut headers, AUDIO_MS, &milliseconds(report.audio).to_string());
    put(&mut headers, SKIPPED, &spoken.skipped.to_string());
    let pieces = std::iter::once(encoder.header(Some(spoken.pcm_bytes))).chain(spoken.pieces);
    let body = Pieces::new(pieces.filter(|piece| !piece.is_empty()).collect());
    Ok((headers, Body::new(body)).into_response())
}

/// What every answer with audio tells of it.
pub(super) fn headers(stream: &Stream, format: Format) -> HeaderMap {
    let mut headers = HeaderMap::new();
    put(&mut headers, header::CONTENT_TYPE, &format.media_type(stream.sample_rate()));
    put(&mut headers, SAMPLE_RATE, &stream.sample_rate().to_string());
    put(&mut headers, ENGINE, &stream.engines().join(","));
    put(&mut headers, VOICE, stream.voice());
    put(&mut headers, CACHE, stream.origin().label());
    put(&mut headers, QUEUE_WAIT_MS, &milliseconds(stream.queue_wait()).to_string());
    headers
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // Voices may have names beyond ASCII; as UTF-8 they are valid in a header.
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.insert(name, value);
    }
}

/// Pieces of known length, sent one after the other without being copied together.
struct Pieces {
    pieces: VecDeque<Bytes>,
    left: u64,
}

impl Pieces {
    fn new(pieces: VecDeque<Bytes>) -> Self {
        let left = pieces.iter().map(|piece| u64::try_from(piece.len()).unwrap_or_default()).sum();
        Self { pieces, left }
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.pop_front();
        self.left -= piece.as_ref().map_or(0, |piece| u64::try_from(piece.remaining()).unwrap_or_default());
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
