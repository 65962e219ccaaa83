//! The header of a WAVE file that arrives in pieces, cut anywhere.

/// Longer than this no header of speech is; what stands before the samples of a file is a few hundred bytes.
const LONGEST_HEAD: usize = 1 << 16;
/// From here on a size means "not known": who writes WAVE to a pipe puts 2³²-1 there, 2³¹-1, or a little less.
const UNKNOWN_FROM: u32 = 0x7fff_0000;

/// The bytes are no WAVE file that we can measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is no WAVE file of bare samples")]
pub(super) struct NotWave;

/// Reads the header, and counts what follows it.
#[derive(Debug, Default)]
pub(super) struct Wave {
    /// What came before the first sample, until it is understood.
    unread: Vec<u8>,
    head: Option<Head>,
    /// Bytes of samples so far.
    samples: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    bytes_per_second: u32,
    /// Where the samples begin.
    length: usize,
    /// How many bytes of samples there are to be, if the header knows.
    promised: Option<u32>,
}

impl Wave {
    /// Takes the next bytes, and tells how many of them are samples.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<u64, NotWave> {
        let mut after_head = piece.len();
        if self.head.is_none() {
            self.unread.extend_from_slice(piece);
            self.head = parse(&self.unread)?;
            let Some(head) = self.head else { return Ok(0) };
            after_head = self.unread.len() - head.length;
            self.unread = Vec::new();
        }
        let mut samples = u64::try_from(after_head).unwrap_or(u64::MAX);
        if let Some(promised) = self.promised() {
            // Other chunks may follow: titles, cue points.
            samples = samples.min(promised - self.samples);
        }
        self.samples += samples;
        Ok(samples)
    }

    /// How fast the samples play; known with the header.
    pub(super) fn bytes_per_second(&self) -> Option<u32> {
        self.head.map(|head| head.bytes_per_second)
    }

    /// The header promised more samples than came.
    pub(super) fn is_short(&self) -> bool {
        self.promised().is_some_and(|promised| self.samples < promised)
    }

    fn promised(&self) -> Option<u64> {
        self.head?.promised.map(u64::from)
    }
}

/// The header, or `None` while it is not complete.
fn parse(bytes: &[u8]) -> Result<Option<Head>, NotWave> {
    let magic = bytes.get(..4).unwrap_or(bytes);
    if !b"RIFF".starts_with(magic) || bytes.get(8..12).is_some_and(|kind| kind != b"WAVE") {
        return Err(NotWave);
    }
    let mut bytes_per_second = None;
    let mut at = 12;
    while let (Some(name), Some(size)) = (bytes.get(at..at + 4), u32_at(bytes, at + 4)) {
        let body = at + 8;
        match name {
            b"data" => {
                let bytes_per_second = bytes_per_second.ok_or(NotWave)?;
                let promised = Some(size).filter(|&size| size != 0 && size < UNKNOWN_FROM);
                return Ok(Some(Head { bytes_per_second, length: body, promised }));
            }
            b"fmt " => match bytes.get(body..body + 16) {
                Some(format) => bytes_per_second = Some(speed(format)?),
                None => return Ok(None),
            },
            _ => {}
        }
        // Chunks begin at even places.
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        at = body.saturating_add(size).saturating_add(size & 1);
        if at > LONGEST_HEAD {
            return Err(NotWave);
        }
    }
    Ok(None)
}

/// Bytes a second, from the `fmt ` chunk of uncompressed audio.
fn speed(format: &[u8]) -> Result<u32, NotWave> {
    const INTEGERS: u16 = 1;
    const FLOATS: u16 = 3;
    const EXTENSIBLE: u16 = 0xfffe;
    let kind = u16_at(format, 0).ok_or(NotWave)?;
    let rate = u32_at(format, 4).ok_or(NotWave)?;
    let frame = u16_at(format, 12).ok_or(NotWave)?;
    let speed = rate.checked_mul(frame.into()).filter(|&speed| speed > 0);
    speed.filter(|_| matches!(kind, INTEGERS | FLOATS | EXTENSIBLE)).ok_or(NotWave)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::speech::{Encoder, Format};

    /// A file with a chunk of `extra` bytes before the samples, and one behind them.
    fn file(extra: usize, samples: usize, known: bool) -> Vec<u8> {
        let head = Encoder::new(Format::Wav, 24_000).unwrap().header(known.then_some(samples));
        let mut file = head[..36].to_vec();
        file.extend(b"LIST");
        file.extend(u32::try_from(extra).unwrap().to_le_bytes());
        file.extend(vec![b'x'; extra + extra % 2]);
        file.extend(&head[36..]);
        file.extend(vec![7; samples]);
        if known {
            file.extend(b"cue \0\0\0\0");
        }
        file
    }

    proptest! {
        #[test]
        fn where_the_pieces_are_cut_makes_no_difference(
            extra in 0_usize..300,
            samples in 1_usize..300,
            known: bool,
            cuts in prop::collection::vec(1_usize..80, 0..40),
        ) {
            let file = file(extra, samples, known);
            let mut wave = Wave::default();
            let mut rest = &file[..];
            let mut heard = 0;
            for cut in cuts {
                let (piece, behind) = rest.split_at(cut.min(rest.len()));
                heard += wave.push(piece).unwrap();
                rest = behind;
            }
            heard += wave.push(rest).unwrap();
            prop_assert_eq!(heard, samples as u64);
            prop_assert_eq!(wave.bytes_per_second(), Some(48_000));
            prop_assert!(!wave.is_short());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, magic: bool) {
            let bytes = if magic { [b"RIFF\0\0\0\0WAVE", &bytes[..]].concat() } else { bytes };
            let samples = Wave::default().push(&bytes);
            prop_assert!(samples.is_err() || samples.is_ok_and(|samples| samples < bytes.len().max(1) as u64));
        }
    }

    #[test]
    fn a_file_that_ends_too_soon_is_short() {
        let mut wave = Wave::default();
        assert_eq!(wave.push(&Encoder::new(Format::Wav, 8000).unwrap().header(Some(100))), Ok(0));
        assert!(wave.is_short());
        assert_eq!(wave.push(&[0; 99]), Ok(99));
        assert!(wave.is_short());
        assert_eq!(wave.push(&[0; 9]), Ok(1));
        assert!(!wave.is_short());
    }

    #[test]
    fn what_is_no_wave_file_is_told_at_once() {
        for bytes in [&b"ID3\x04"[..], b"{\"error\"", b"RIFF\0\0\0\0AVI ", b"RIFF\0\0\0\0WAVEdata\0\0\0\0"] {
            assert_eq!(Wave::default().push(bytes), Err(NotWave), "{bytes:?}");
        }
        let mut compressed = file(0, 1, true);
        compressed[20] = 0x55;
        assert_eq!(Wave::default().push(&compressed), Err(NotWave));
    }
}
