//! Opus in Ogg (RFC 6716, RFC 7845).

use ::opus::{Application, Bitrate, Channels, Encoder};
use ogg::{PacketWriteEndInfo, PacketWriter};

use super::{Codec, EncodeError, samples};

/// Granule positions count 48 kHz samples, whatever the encoder's rate (RFC 7845, section 4).
const GRANULE_RATE: u64 = 48_000;
/// Largest packet that libopus may make of 20 ms (its own recommendation).
const LARGEST: usize = 4000;
/// Bits a second: transparent for speech.
const BIT_RATE: i32 = 48_000;

pub(super) struct Opus {
    encoder: Encoder,
    ogg: PacketWriter<'static, Vec<u8>>,
    rate: u32,
    frame: usize,
    pending: Vec<i16>,
    /// Samples that the encoder looks ahead, at its own rate.
    lookahead: u64,
    /// Samples taken in, and covered by packets, at its own rate.
    taken: u64,
    covered: u64,
    /// A packet is written when the next one is known: the last one carries the end of the stream.
    held: Option<Vec<u8>>,
}

fn error(act: &'static str, reason: &dyn std::fmt::Display) -> EncodeError {
    EncodeError { codec: "opus", act, reason: reason.to_string() }
}

/// What stands before the audio of a file with these comments (RFC 7845, section 5.2). They have to fit into one page, so that
/// the pages behind them keep their numbers.
pub(super) fn header(rate: u32, comments: &[u8]) -> Result<Vec<u8>, EncodeError> {
    Ok(std::mem::take(Opus::with(rate, comments)?.ogg.inner_mut()))
}

impl Opus {
    pub(super) fn new(rate: u32) -> Result<Self, EncodeError> {
        // The vendor, and no comments.
        Self::with(rate, b"\x08\0\0\0iShowTTS\0\0\0\0")
    }

    fn with(rate: u32, comments: &[u8]) -> Result<Self, EncodeError> {
        let set_up = |reason: ::opus::Error| error("be set up", &reason);
        let mut encoder = Encoder::new(rate, Channels::Mono, Application::Audio).map_err(set_up)?;
        encoder.set_bitrate(Bitrate::Bits(BIT_RATE)).map_err(set_up)?;
        let lookahead = u64::try_from(encoder.get_lookahead().map_err(set_up)?).unwrap_or_default();
        let mut opus = Self {
            encoder,
            ogg: PacketWriter::new(Vec::new()),
            rate,
            frame: usize::try_from(rate / 50).unwrap_or(480),
            pending: Vec::new(),
            lookahead,
            taken: 0,
            covered: 0,
            held: None,
        };
        let head = opus.head();
        opus.packet(head, PacketWriteEndInfo::EndPage, 0)?;
        opus.packet([b"OpusTags", comments].concat(), PacketWriteEndInfo::EndPage, 0)?;
        Ok(opus)
    }

    /// The identification header (RFC 7845, section 5.1).
    fn head(&self) -> Vec<u8> {
        let mut head = b"OpusHead".to_vec();
        head.push(1); // version
        head.push(1); // channels
        let skip = self.lookahead * GRANULE_RATE / u64::from(self.rate);
        head.extend_from_slice(&u16::try_from(skip).unwrap_or(u16::MAX).to_le_bytes());
        head.extend_from_slice(&self.rate.to_le_bytes());
        head.extend_from_slice(&[0; 3]); // gain, mapping family
        head
    }

    fn packet(&mut self, packet: Vec<u8>, end: PacketWriteEndInfo, granule: u64) -> Result<(), EncodeError> {
        // One logical stream: any number will do, and the same audio gives the same file.
        const SERIAL: u32 = 1;
        self.ogg.write_packet(packet, SERIAL, end, granule).map_err(|reason| error("write a page", &reason))
    }

    fn granule(&self, samples: u64) -> u64 {
        samples * GRANULE_RATE / u64::from(self.rate)
    }

    fn frames(&mut self) -> Result<(), EncodeError> {
        while let Some(frame) = self.pending.get(..self.frame) {
            let packet =
                self.encoder.encode_vec(frame, LARGEST).map_err(|reason| error("encode", &reason))?;
            self.pending.drain(..self.frame);
            if let Some(before) = self.held.replace(packet) {
                let granule = self.granule(self.covered);
                // A page for each packet: 2 % more bytes, and nothing waits for the page to fill.
                self.packet(before, PacketWriteEndInfo::EndPage, granule)?;
            }
            self.covered += u64::try_from(self.frame).unwrap_or_default();
        }
        Ok(())
    }
}

impl Codec for Opus {
    fn push(&mut self, pcm: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.pending.extend(samples(pcm));
        self.taken += u64::try_from(pcm.len() / 2).unwrap_or_default();
        self.frames()?;
        out.append(self.ogg.inner_mut());
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let ahead = usize::try_from(self.lookahead).unwrap_or_default();
        let length = (self.pending.len() + ahead).next_multiple_of(self.frame);
        self.pending.resize(length, 0);
        self.frames()?;
        if let Some(last) = self.held.take() {
            // The end lies where the samples end, not where the last packet does (RFC 7845, section 4.4).
            let granule = self.granule(self.taken + self.lookahead);
            self.packet(last, PacketWriteEndInfo::EndStream, granule)?;
        }
        out.append(self.ogg.inner_mut());
        Ok(())
    }
}
