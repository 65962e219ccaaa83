//! PCM → the bytes of a file format. One encoder and one header per stream; every codec is a library that is linked
//! in, so no program has to be installed. LAME (mp3) and FDK-AAC (aac) have licences of their own: a packager can
//! leave them out with `--no-default-features`.

#[cfg(feature = "aac")]
mod aac;
mod flac;
mod format;
mod g711;
#[cfg(feature = "mp3")]
mod mp3;
mod opus;
mod tags;
mod wav;

#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use format::Format;
pub use tags::{ChapterTag, Framed, Tags};

/// An encoder or a resampler that did not do what it was asked to: a fault of ours, not of the request.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the {codec} encoder could not {act}: {reason}")]
pub struct EncodeError {
    /// Which codec.
    pub codec: &'static str,
    /// What it was asked for.
    pub act: &'static str,
    /// What it said.
    pub reason: String,
}

/// A codec's state over one stream.
trait Codec: Send {
    /// Takes in PCM16 and appends what is complete.
    fn push(&mut self, pcm: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError>;
    /// Appends the rest.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), EncodeError>;
}

/// Turns an utterance's PCM into a file, from its first byte to its last.
pub struct Encoder {
    format: Format,
    rate: u32,
    /// `None` where the samples go out as they are, or each by itself.
    codec: Option<Box<dyn Codec>>,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder")
            .field("format", &self.format)
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}

impl Encoder {
    /// For mono PCM16 at a rate that [`Format::nearest_rate`] allows.
    pub fn new(format: Format, rate: u32) -> Result<Self, EncodeError> {
        let codec: Option<Box<dyn Codec>> = match format {
            Format::Wav | Format::Pcm | Format::Ulaw | Format::Alaw => None,
            Format::Flac => Some(Box::new(flac::Flac::new(rate)?)),
            Format::Opus => Some(Box::new(opus::Opus::new(rate)?)),
            #[cfg(feature = "mp3")]
            Format::Mp3 => Some(Box::new(mp3::Mp3::new(rate)?)),
            #[cfg(feature = "aac")]
            Format::Aac => Some(Box::new(aac::Aac::new(rate)?)),
        };
        Ok(Self { format, rate, codec })
    }

    /// The codec's name, if one has work to do.
    pub fn codec(&self) -> Option<&'static str> {
        self.codec.as_ref().map(|_| self.format.name())
    }

    /// What stands before the audio. `pcm_bytes` is the audio's exact length, or `None` while it is not known. A codec
    /// writes its own header with its first audio.
    pub fn header(&self, pcm_bytes: Option<usize>) -> Bytes {
        match self.format {
            Format::Wav => wav::header(self.rate, pcm_bytes.and_then(|bytes| u32::try_from(bytes).ok()), 0),
            _ => Bytes::new(),
        }
    }

    /// Encodes a piece; samples that go out as they are are not copied. The result may be empty.
    pub async fn push(&mut self, pcm: Bytes) -> Result<Bytes, EncodeError> {
        match self.format {
            Format::Ulaw => return Ok(samples(&pcm).map(g711::ulaw).collect()),
            Format::Alaw => return Ok(samples(&pcm).map(g711::alaw).collect()),
            _ if self.codec.is_none() => return Ok(pcm),
            _ => {}
        }
        self.compute(move |codec, out| codec.push(&pcm, out)).await
    }

    /// Gives the rest.
    pub async fn finish(&mut self) -> Result<Bytes, EncodeError> {
        self.compute(|codec, out| codec.finish(out)).await
    }

    /// Computes on a thread for such work: the one that serves everybody must not wait for a codec.
    async fn compute<F>(&mut self, work: F) -> Result<Bytes, EncodeError>
    where
        F: FnOnce(&mut dyn Codec, &mut Vec<u8>) -> Result<(), EncodeError> + Send + 'static,
    {
        let Some(mut codec) = self.codec.take() else { return Ok(Bytes::new()) };
        let work = tokio::task::spawn_blocking(move || {
            let mut out = Vec::new();
            let done = work(codec.as_mut(), &mut out);
            (codec, done.map(|()| out))
        });
        let lost = |error: tokio::task::JoinError| EncodeError {
            codec: self.format.name(),
            act: "run",
            reason: error.to_string(),
        };
        let (codec, out) = work.await.map_err(lost)?;
        self.codec = Some(codec);
        out.map(Bytes::from)
    }
}

/// PCM16 as samples.
fn samples(pcm: &[u8]) -> impl Iterator<Item = i16> {
    pcm.chunks_exact(2).map(|pair| match pair {
        [low, high] => i16::from_le_bytes([*low, *high]),
        _ => 0,
    })
}
