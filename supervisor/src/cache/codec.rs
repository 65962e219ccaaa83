//! A recording as a file: a header of 64 bytes, little endian, then the samples.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | `ishowtts` |
//! | 8 | 4 | version of this layout |
//! | 12 | 4 | samples per second |
//! | 16 | 8 | characters that were left out |
//! | 24 | 8 | length of the samples in bytes |
//! | 32 | 32 | SHA-256 over the key, the fields above and the samples |
//!
//! So a file that was cut off, changed, or that carries another's name is told from one that is whole.

use bytes::{Buf, BufMut, Bytes};
use sha2::{Digest, Sha256};

use super::{Key, Recording};

/// Length of the header, in bytes.
pub(super) const HEADER_BYTES: usize = 64;
/// The part of the header that the checksum covers.
const FIELD_BYTES: usize = 32;
const MAGIC: &[u8] = b"ishowtts";
const VERSION: u32 = 1;

/// What stands before the samples.
pub(super) fn header(key: Key, recording: &Recording) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.put_slice(MAGIC);
    header.put_u32_le(VERSION);
    header.put_u32_le(recording.rate);
    header.put_u64_le(recording.skipped);
    header.put_u64_le(length(recording.bytes()));
    let sum = checksum(key, &header, recording.pieces.iter().map(Bytes::as_ref));
    header.put_slice(&sum);
    header
}

/// The recording in a file, if it is all there and as it was written.
pub(super) fn decode(key: Key, mut file: Bytes) -> Option<Recording> {
    let (header, samples) = file.split_at_checked(HEADER_BYTES)?;
    let (mut fields, sum) = header.split_at_checked(FIELD_BYTES)?;
    if checksum(key, fields, [samples])[..] != *sum {
        return None;
    }
    let expected = length(samples.len());
    fields = fields.strip_prefix(MAGIC)?;
    let version = fields.try_get_u32_le().ok()?;
    let rate = fields.try_get_u32_le().ok()?;
    let skipped = fields.try_get_u64_le().ok()?;
    let length = fields.try_get_u64_le().ok()?;
    if version != VERSION || length != expected {
        return None;
    }
    Some(Recording { rate, pieces: vec![file.split_off(HEADER_BYTES)], skipped })
}

fn checksum<'a>(key: Key, fields: &[u8], samples: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(key.bytes());
    hash.update(fields);
    for piece in samples {
        hash.update(piece);
    }
    hash.finalize().into()
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::{collection::vec, prelude::*};

    use super::{HEADER_BYTES, decode, header};
    use crate::cache::{Key, Recording};

    fn recordings() -> impl Strategy<Value = Recording> {
        let pieces = vec(vec(any::<u8>(), 0..200).prop_map(Bytes::from), 0..5);
        (any::<u32>(), pieces, any::<u64>()).prop_map(|(rate, pieces, skipped)| Recording {
            rate,
            pieces,
            skipped,
        })
    }

    fn file(key: Key, recording: &Recording) -> Vec<u8> {
        [header(key, recording), recording.pieces.concat()].concat()
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(name: Vec<u8>, recording in recordings()) {
            let key = Key::of([&name[..]]);
            let file = file(key, &recording);
            prop_assert_eq!(file.len(), HEADER_BYTES + recording.bytes());
            let read = decode(key, file.into()).expect("it is whole");
            prop_assert_eq!(read.pieces.concat(), recording.pieces.concat());
            prop_assert_eq!((read.rate, read.skipped), (recording.rate, recording.skipped));
        }

        #[test]
        fn a_single_changed_bit_is_noticed(recording in recordings(), at: prop::sample::Index, bit in 0..8) {
            let key = Key::of([]);
            let mut file = file(key, &recording);
            let at = at.index(file.len());
            file[at] ^= 1u8 << bit;
            prop_assert!(decode(key, file.into()).is_none());
        }

        #[test]
        fn a_file_that_is_cut_off_or_longer_is_noticed(recording in recordings(), at: prop::sample::Index) {
            let key = Key::of([]);
            let mut file = file(key, &recording);
            let cut = file[..at.index(file.len())].to_vec();
            prop_assert!(decode(key, cut.into()).is_none());
            file.push(0);
            prop_assert!(decode(key, file.into()).is_none());
        }

        #[test]
        fn any_bytes_are_read_without_fear(file in vec(any::<u8>(), 0..200)) {
            prop_assert!(decode(Key::of([]), file.into()).is_none());
        }
    }

    #[test]
    fn a_file_under_anothers_name_is_noticed() {
        let recording = Recording { rate: 8000, pieces: vec![Bytes::from_static(b"abcd")], skipped: 0 };
        let file = file(Key::of([&b"one"[..]]), &recording);
        assert!(decode(Key::of([&b"another"[..]]), file.into()).is_none());
    }

    #[test]
    fn the_layout_stays_as_it_is() {
        let recording = Recording { rate: 0x5622, pieces: vec![Bytes::from_static(b"abcd")], skipped: 7 };
        let file = file(Key::of([]), &recording);
        let fields = b"ishowtts\x01\0\0\0\x22\x56\0\0\x07\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0";
        assert_eq!(&file[..32], fields);
        assert_eq!(&file[HEADER_BYTES..], b"abcd");
    }
}
