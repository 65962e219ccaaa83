//! A stream's audio in the format that was asked for, piece by piece as it is made.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    speech::{Encoder, Format},
    stream::{SpeechError, Stream},
    traces::EncodeSpan,
};

/// A stream and its encoder. After an error or the end nothing comes any more.
pub(super) struct Encoded {
    stream: Stream,
    encoder: Encoder,
    span: EncodeSpan,
    /// What stands before the audio, until it was given.
    header: Bytes,
    rate: u32,
    pcm_bytes: u64,
    is_over: bool,
}

impl Encoded {
    /// Begins a file whose length nobody knows yet.
    pub(super) fn new(stream: Stream, format: Format) -> Result<Self, SpeechError> {
        let rate = stream.sample_rate();
        let encoder = Encoder::new(format, rate)?;
        let (header, span) = (encoder.header(None), stream.encoding(&encoder));
        Ok(Self { stream, encoder, span, header, rate, pcm_bytes: 0, is_over: false })
    }

    /// How much audio was read so far, before it was encoded.
    pub(super) fn audio(&self) -> Duration {
        let microseconds = self.pcm_bytes.saturating_mul(500_000) / u64::from(self.rate.max(1));
        Duration::from_micros(microseconds)
    }

    /// The next bytes, which are never empty.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, SpeechError>> {
        if !self.header.is_empty() {
            return Some(Ok(std::mem::take(&mut self.header)));
        }
        while !self.is_over {
            let bytes = match self.stream.next().await {
                Some(Ok(pcm)) => {
                    self.pcm_bytes += u64::try_from(pcm.len()).unwrap_or_default();
                    self.span.around(self.encoder.push(pcm)).await.map_err(SpeechError::from)
                }
                Some(Err(error)) => Err(error),
                None => {
                    self.is_over = true;
                    self.span.around(self.encoder.finish()).await.map_err(SpeechError::from)
                }
            };
            self.is_over |= bytes.is_err();
            if bytes.as_ref().map_or(true, |bytes| !bytes.is_empty()) {
                return Some(bytes);
            }
        }
        None
    }
}
