//! FLAC (RFC 9639), written as it comes: the header leaves the number of samples open.

use flacenc::{
    bitsink::ByteSink,
    component::{BitRepr, StreamInfo},
    config, encode_fixed_size_frame,
    error::{Verified, Verify},
    source::{Fill, FrameBuf},
};

use super::{Codec, EncodeError, samples};

/// Samples in a frame: 43 ms at 24 kHz, so that streaming stays prompt.
const BLOCK: usize = 1024;

pub(super) struct Flac {
    config: Verified<config::Encoder>,
    info: StreamInfo,
    frames: usize,
    pending: Vec<i32>,
    header: Vec<u8>,
}

fn error(act: &'static str, reason: &dyn std::fmt::Debug) -> EncodeError {
    EncodeError { codec: "flac", act, reason: format!("{reason:?}") }
}

/// What every frame keeps to.
fn info(rate: u32) -> Result<StreamInfo, EncodeError> {
    let number = usize::try_from(rate).unwrap_or_default();
    let mut info = StreamInfo::new(number, 1, 16).map_err(|told| error("be set up", &told))?;
    info.set_block_sizes(BLOCK, BLOCK).map_err(|told| error("be set up", &told))?;
    // Zero is "unknown"; flacenc starts with a least that is above the most.
    info.set_frame_sizes(0, 0).map_err(|told| error("be set up", &told))?;
    Ok(info)
}

/// What stands before the frames of a file that was made of so many samples, if that is known, and its comments.
pub(super) fn header(
    rate: u32,
    samples: Option<u64>,
    comments: Option<&[u8]>,
) -> Result<Vec<u8>, EncodeError> {
    let mut info = info(rate)?;
    if let Some(samples) = samples.and_then(|samples| usize::try_from(samples).ok()) {
        info.set_total_samples(blocks_of(samples));
    }
    let mut sink = ByteSink::new();
    info.write(&mut sink).map_err(|told| error("be set up", &told))?;
    let mut header = b"fLaC".to_vec();
    let blocks = [(0, Some(sink.as_slice())), (4, comments)];
    for (kind, block) in blocks.into_iter().filter_map(|(kind, block)| Some((kind, block?))) {
        // Its type, 0x80 if it is the last one, and its length in 24 bits.
        header.push(if kind == 4 || comments.is_none() { 0x80 | kind } else { kind });
        let length = u32::try_from(block.len()).unwrap_or_default().to_be_bytes();
        header.extend_from_slice(length.get(1..).unwrap_or_default());
        header.extend_from_slice(block);
    }
    Ok(header)
}

/// Samples of the blocks that so many samples make: flacenc makes no shorter last one.
fn blocks_of(samples: usize) -> usize {
    match samples % BLOCK {
        0 => samples,
        last => samples - last + last.max(flacenc::constant::MIN_BLOCK_SIZE),
    }
}

impl Flac {
    pub(super) fn new(rate: u32) -> Result<Self, EncodeError> {
        let config =
            config::Encoder::default().into_verified().map_err(|(_, told)| error("be set up", &told))?;
        let (info, header) = (info(rate)?, header(rate, None, None)?);
        Ok(Self { config, info, frames: 0, pending: Vec::new(), header })
    }

    fn frame(&mut self, length: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut buffer = FrameBuf::with_size(1, length).map_err(|told| error("encode", &told))?;
        let block = self.pending.get(..length).unwrap_or_default();
        buffer.fill_interleaved(block).map_err(|told| error("encode", &told))?;
        let frame = encode_fixed_size_frame(&self.config, &buffer, self.frames, &self.info)
            .map_err(|told| error("encode", &told))?;
        let mut sink = ByteSink::new();
        frame.write(&mut sink).map_err(|told| error("encode", &told))?;
        out.extend_from_slice(sink.as_slice());
        self.pending.drain(..length);
        self.frames += 1;
        Ok(())
    }
}

impl Codec for Flac {
    fn push(&mut self, pcm: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.append(&mut self.header);
        self.pending.extend(samples(pcm).map(i32::from));
        while self.pending.len() >= BLOCK {
            self.frame(BLOCK, out)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.append(&mut self.header);
        if self.pending.is_empty() {
            return Ok(());
        }
        // flacenc makes no shorter block; an utterance may end with up to a millisecond of silence more.
        let length = self.pending.len().max(flacenc::constant::MIN_BLOCK_SIZE);
        self.pending.resize(length, 0);
        self.frame(length, out)
    }
}
