//! AAC-LC in ADTS frames, by FDK-AAC.

use fdk_aac::enc::{AudioObjectType, BitRate, ChannelMode, Encoder, EncoderError, EncoderParams, Transport};

use super::{Codec, EncodeError, samples};

/// Largest frame: 768 bytes a channel (ISO/IEC 13818-7), and its header.
const LARGEST: usize = 1024;

pub(super) struct Aac {
    fdk: Encoder,
    frame: usize,
    delay: usize,
    pending: Vec<i16>,
}

fn error(act: &'static str) -> impl Fn(EncoderError) -> EncodeError {
    move |reason| EncodeError { codec: "aac", act, reason: reason.to_string() }
}

impl Aac {
    pub(super) fn new(rate: u32) -> Result<Self, EncodeError> {
        let fdk = Encoder::new(EncoderParams {
            // Transparent for speech; a frame holds no more than 6 bits a sample.
            bit_rate: BitRate::Cbr(64_000.min(rate * 4)),
            sample_rate: rate,
            transport: Transport::Adts,
            channels: ChannelMode::Mono,
            audio_object_type: AudioObjectType::Mpeg4LowComplexity,
        });
        let fdk = fdk.map_err(error("be set up"))?;
        let info = fdk.info().map_err(error("be set up"))?;
        let number = |number: u32| usize::try_from(number).unwrap_or_default();
        Ok(Self {
            frame: number(info.frameLength).max(1),
            delay: number(info.nDelay),
            fdk,
            pending: Vec::new(),
        })
    }

    fn frames(&mut self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        while let Some(frame) = self.pending.get(..self.frame) {
            let mut encoded = [0; LARGEST];
            let info = self.fdk.encode(frame, &mut encoded).map_err(error("encode"))?;
            out.extend_from_slice(encoded.get(..info.output_size).unwrap_or_default());
            self.pending.drain(..info.input_consumed.clamp(1, self.frame));
        }
        Ok(())
    }
}

impl Codec for Aac {
    fn push(&mut self, pcm: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.pending.extend(samples(pcm));
        self.frames(out)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        // Silence pushes out what the encoder still looks at, and fills the last frame.
        let length = (self.pending.len() + self.delay).next_multiple_of(self.frame);
        self.pending.resize(length, 0);
        self.frames(out)
    }
}
