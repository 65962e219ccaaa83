//! PCM → the bytes of a file format. One encoder and one header per stream.

use bytes::{BufMut, Bytes, BytesMut};

/// What a client can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// RIFF/WAVE, 16 bit.
    Wav,
    /// Bare samples, signed 16 bit little endian, mono.
    Pcm,
}

impl Format {
    /// Every format, by its name in requests.
    pub const NAMES: [(&'static str, Self); 2] = [("wav", Self::Wav), ("pcm", Self::Pcm)];

    /// By its name in requests.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|&(_, format)| format)
    }

    /// The media type of its bytes at a sample rate.
    pub fn media_type(self, rate: u32) -> String {
        match self {
            Self::Wav => "audio/wav".into(),
            Self::Pcm => format!("audio/pcm;rate={rate};encoding=signed-int;bits=16"),
        }
    }
}

/// Turns an utterance's PCM into a file, from its first byte to its last.
#[derive(Debug)]
pub struct Encoder {
    format: Format,
    rate: u32,
}

impl Encoder {
    /// For mono PCM16 of `rate` samples a second.
    pub fn new(format: Format, rate: u32) -> Self {
        Self { format, rate }
    }

    /// What stands before the audio. `pcm_bytes` is its exact length, or `None` while it is not known: then the
    /// header says the most that it can, as others do who write WAVE to a pipe.
    pub fn header(&self, pcm_bytes: Option<usize>) -> Bytes {
        match self.format {
            Format::Wav => wav_header(self.rate, pcm_bytes.and_then(|bytes| u32::try_from(bytes).ok())),
            Format::Pcm => Bytes::new(),
        }
    }
}

/// RIFF header, `fmt ` and `data` chunk of a mono 16 bit WAVE file (Microsoft and IBM, "Multimedia Programming
/// Interface and Data Specifications 1.0", 1991).
fn wav_header(rate: u32, data: Option<u32>) -> Bytes {
    const BEHIND_RIFF_SIZE: u32 = 36;
    let mut header = BytesMut::with_capacity(44);
    header.put_slice(b"RIFF");
    header.put_u32_le(data.map_or(u32::MAX, |data| data.saturating_add(BEHIND_RIFF_SIZE)));
    header.put_slice(b"WAVEfmt ");
    header.put_u32_le(16); // size of the rest of this chunk
    header.put_u16_le(1); // PCM
    header.put_u16_le(1); // channels
    header.put_u32_le(rate);
    header.put_u32_le(rate.saturating_mul(2)); // bytes a second
    header.put_u16_le(2); // bytes a frame
    header.put_u16_le(16); // bits a sample
    header.put_slice(b"data");
    header.put_u32_le(data.unwrap_or(u32::MAX));
    header.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wav_header_has_exact_sizes_when_they_are_known() {
        let header = Encoder::new(Format::Wav, 24_000).header(Some(1000));
        assert_eq!(header.len(), 44);
        assert_eq!(header[4..8], 1036_u32.to_le_bytes());
        assert_eq!(header[24..28], 24_000_u32.to_le_bytes());
        assert_eq!(header[40..44], 1000_u32.to_le_bytes());
        let open = Encoder::new(Format::Wav, 24_000).header(None);
        assert_eq!(open[40..44], [0xff; 4]);
    }
}
