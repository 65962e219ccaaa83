//! Every format, decoded again by somebody else's decoder, and compared with what was encoded.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a test that cannot go on has failed"
)]

mod decode;
mod signal;

use bytes::Bytes;
use decode::{Decoded, decoded};
use ishowtts::speech::{Encoder, Format};
use proptest::prelude::*;
use signal::{Comparison, speech};

const RATES: [u32; 5] = [8_000, 16_000, 22_050, 24_000, 48_000];
const MILLISECONDS: u32 = 1300;

/// The file that a client gets who is sent `samples` in pieces of these lengths, over and over.
fn encoded(format: Format, rate: u32, samples: &[i16], lengths: &[usize]) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut encoder = Encoder::new(format, rate).unwrap();
    let mut file = encoder.header(Some(samples.len() * 2)).to_vec();
    let mut rest = samples;
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, behind) = rest.split_at(rest.len().min(*length));
        let pcm: Bytes = piece.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        file.extend_from_slice(&runtime.block_on(encoder.push(pcm)).unwrap());
        rest = behind;
    }
    file.extend_from_slice(&runtime.block_on(encoder.finish()).unwrap());
    file
}

/// Encoded in pieces of all sizes and decoded again, at every rate that the format has, with what it was made of.
fn there_and_back(name: &str) -> impl Iterator<Item = (u32, Vec<i16>, Decoded)> {
    let format = Format::parse(name).unwrap();
    RATES.into_iter().filter(move |&rate| format.nearest_rate(rate) == rate).map(move |rate| {
        let samples = speech(rate, MILLISECONDS);
        let file = encoded(format, rate, &samples, &[1, 333, 20, 4096, 576, 7]);
        let decoded = decoded(name, &file, rate);
        (rate, samples, decoded)
    })
}

#[test]
fn lossless_formats_give_back_every_sample() {
    for name in ["wav", "pcm", "flac"] {
        for (rate, samples, decoded) in there_and_back(name) {
            assert_eq!(decoded.rate, rate, "{name}");
            let (same, behind) = decoded.samples.split_at(samples.len());
            assert!(same == samples, "{name} at {rate} changes samples");
            // A FLAC frame has at least 32 samples.
            let most = if name == "flac" { 31 } else { 0 };
            assert!(behind.len() <= most && behind.iter().all(|&sample| sample == 0), "{name}: {behind:?}");
        }
    }
}

/// What a lossy format is allowed: samples before the sound and behind it, and the noise in its worst 20 ms.
struct Allowance {
    before: std::ops::RangeInclusive<usize>,
    behind: usize,
    least_snr_db: f64,
}

fn keeps_the_sound(name: &str, allowed: &Allowance) {
    for (rate, samples, decoded) in there_and_back(name) {
        let original = if decoded.rate == rate { samples } else { speech(decoded.rate, MILLISECONDS) };
        let found = Comparison::of(&original, &decoded.samples);
        assert!(allowed.before.contains(&found.before), "{name} at {rate}: {found:?}");
        assert!(found.behind.is_some_and(|behind| behind <= allowed.behind), "{name} at {rate}: {found:?}");
        assert!(found.level_db.abs() < 0.5, "{name} at {rate}: {found:?}");
        assert!(found.snr_db > allowed.least_snr_db, "{name} at {rate}: {found:?}");
        assert!(found.worst_snr_db > allowed.least_snr_db - 6.0, "{name} at {rate}: {found:?}");
        assert!(found.jump < 1.1, "{name} at {rate}: {found:?}");
    }
}

#[cfg(feature = "mp3")]
#[test]
fn mp3_keeps_the_sound_and_all_of_it() {
    // The encoder's delay and the decoder's; two frames of 1152 to end with.
    keeps_the_sound("mp3", &Allowance { before: 0..=1200, behind: 2304, least_snr_db: 20.0 });
}

#[cfg(feature = "aac")]
#[test]
fn aac_keeps_the_sound_and_all_of_it() {
    keeps_the_sound("aac", &Allowance { before: 0..=3000, behind: 2048, least_snr_db: 20.0 });
}

#[test]
fn opus_keeps_the_sound_and_its_exact_length() {
    // What the encoder looks ahead is skipped, and the end is trimmed: nothing before, nothing behind.
    keeps_the_sound("opus", &Allowance { before: 0..=0, behind: 0, least_snr_db: 10.0 });
}

#[test]
fn a_stream_has_one_header_and_one_end() {
    for &(name, format) in Format::NAMES {
        let rate = 24_000;
        let file = encoded(format, rate, &speech(rate, MILLISECONDS), &[2400, 1]);
        decode::has_one_header(name, &file);
    }
}

#[test]
fn a_flac_header_leaves_open_what_is_not_known_yet() {
    let file = encoded(Format::Flac, 24_000, &speech(24_000, 100), &[100]);
    // RFC 9639, section 8.2: both block sizes, least and greatest frame, then rate to length, then MD5.
    let info = &file[8..42];
    assert_eq!(info[..4], [4, 0, 4, 0]);
    assert_eq!(info[4..10], [0; 6], "sizes of frames");
    assert_eq!(info[13] & 0x0f, 0, "length");
    assert_eq!(info[14..], [0; 20], "length and MD5");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn what_is_heard_does_not_depend_on_the_pieces(lengths in prop::collection::vec(1_usize..3000, 1..20)) {
        let rate = 24_000;
        let samples = speech(rate, 500);
        for &(name, format) in Format::NAMES {
            let whole = decoded(name, &encoded(format, rate, &samples, &[samples.len()]), rate);
            let pieces = decoded(name, &encoded(format, rate, &samples, &lengths), rate);
            prop_assert!(whole.samples == pieces.samples, "{} in {:?}", name, lengths);
        }
    }
}
