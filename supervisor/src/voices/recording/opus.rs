//! Opus packets → samples. The decoder is written in Rust, and nothing of it that reads a packet is `unsafe`: what
//! browsers record need not be brought into libopus, which is there for encoding alone.

use ruopus::{OpusDecoder, PacketError};

use super::Unfit;

/// Samples per second of what is decoded, whatever was recorded (RFC 7845, section 5.1).
pub(super) const RATE: u32 = 48_000;

/// One stream.
pub(super) struct Opus {
    decoder: OpusDecoder,
    pub(super) channels: usize,
    /// Samples at the beginning that are only there for the decoder to find its way.
    to_skip: usize,
    /// What every sample is multiplied by.
    gain: f32,
}

impl Opus {
    /// Begins a stream that has this head, as it stands in Ogg and in `WebM`.
    pub(super) fn new(head: &[u8]) -> Result<Self, Unfit> {
        let damaged = || Unfit("the recording is damaged: the head of its Opus stream cannot be read".into());
        let fields =
            head.strip_prefix(b"OpusHead").and_then(<[u8]>::first_chunk::<11>).ok_or_else(damaged)?;
        // Version, channels, samples to skip, rate of the source, gain in 1/256 dB, layout of the channels.
        let &[version, channels, skip_low, skip_high, _, _, _, _, gain_low, gain_high, layout] = fields;
        if version > 15 {
            return Err(damaged());
        }
        if layout != 0 || !(1..=2).contains(&channels) {
            return Err(Unfit(format!(
                "the recording has {channels} channels in a layout of its own; record it in one or two"
            )));
        }
        let decibels = f32::from(i16::from_le_bytes([gain_low, gain_high])) / 256.0;
        let channels = usize::from(channels);
        Ok(Self {
            decoder: OpusDecoder::new(channels),
            channels,
            to_skip: usize::from(u16::from_le_bytes([skip_low, skip_high])) * channels,
            gain: 10_f32.powf(decibels / 20.0),
        })
    }

    /// The samples of a packet, the channels one beside the other.
    pub(super) fn decode(&mut self, packet: &[u8], samples: &mut Vec<f32>) -> Result<(), PacketError> {
        let decoded = self.decoder.decode_packet(packet)?;
        let skipped = self.to_skip.min(decoded.len());
        self.to_skip -= skipped;
        samples.clear();
        samples.extend(decoded.iter().skip(skipped).map(|sample| sample * self.gain));
        Ok(())
    }
}
