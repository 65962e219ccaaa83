//! Decoders that have nothing to do with our encoders: Symphonia, and for Opus libopus at 48 kHz, as players do it.

use std::io::Cursor;

use ogg::{Packet, PacketReader};
use opus::{Channels, Decoder};
use symphonia::core::{
    codecs::audio::AudioDecoderOptions,
    formats::{FormatOptions, TrackType, probe::Hint},
    io::{MediaSourceStream, MediaSourceStreamOptions},
    meta::MetadataOptions,
};

/// A file's sound.
pub(crate) struct Decoded {
    pub(crate) rate: u32,
    pub(crate) samples: Vec<i16>,
}

pub(crate) fn decoded(format: &str, file: &[u8], rate: u32) -> Decoded {
    match format {
        "pcm" => Decoded { rate, samples: pcm(file) },
        "opus" => opus(file, rate),
        _ => by_symphonia(format, file),
    }
}

fn pcm(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

fn by_symphonia(format: &str, file: &[u8]) -> Decoded {
    let stream =
        MediaSourceStream::new(Box::new(Cursor::new(file.to_vec())), MediaSourceStreamOptions::default());
    let mut hint = Hint::new();
    hint.with_extension(format);
    let (options, meta) = (FormatOptions::default(), MetadataOptions::default());
    let mut reader = symphonia::default::get_probe().probe(&hint, stream, options, meta).unwrap();
    let track = reader.default_track(TrackType::Audio).unwrap().codec_params.clone().unwrap();
    let parameters = track.audio().unwrap();
    // Where no tag tells a length it guesses one, which may cut off the last frame.
    let options = AudioDecoderOptions::default().gapless(false);
    let mut decoder = symphonia::default::get_codecs().make_audio_decoder(parameters, &options).unwrap();
    let (mut rate, mut samples) = (0, Vec::new());
    while let Some(packet) = reader.next_packet().unwrap() {
        let audio = decoder.decode(&packet).unwrap();
        assert_eq!(audio.spec().channels().count(), 1, "{format}");
        rate = audio.spec().rate();
        let mut piece: Vec<i16> = Vec::new();
        audio.copy_to_vec_interleaved(&mut piece);
        samples.extend(piece);
    }
    Decoded { rate, samples }
}

fn packets(file: &[u8]) -> Vec<Packet> {
    let mut reader = PacketReader::new(Cursor::new(file.to_vec()));
    std::iter::from_fn(|| reader.read_packet().unwrap()).collect()
}

/// RFC 7845: what is skipped at the beginning stands in the header, what is cut off at the end follows from the last
/// page's granule position.
fn opus(file: &[u8], rate: u32) -> Decoded {
    let packets = packets(file);
    let (head, audio) = (&packets[0].data, &packets[2..]);
    assert!(head.starts_with(b"OpusHead") && packets[1].data.starts_with(b"OpusTags"));
    assert_eq!(head[12..16], rate.to_le_bytes());
    let skip = usize::from(u16::from_le_bytes([head[10], head[11]]));
    let mut decoder = Decoder::new(48_000, Channels::Mono).unwrap();
    let mut samples = Vec::new();
    for packet in audio {
        let mut piece = [0; 5760];
        let length = decoder.decode(&packet.data, &mut piece, false).unwrap();
        samples.extend_from_slice(&piece[..length]);
        let end = usize::try_from(packet.absgp_page()).unwrap();
        if packet.last_in_stream() {
            assert!(end <= samples.len() && end + length > samples.len(), "{end} of {}", samples.len());
            samples.truncate(end);
        } else {
            assert_eq!(end, samples.len(), "granule position");
        }
    }
    samples.drain(..skip);
    Decoded { rate: 48_000, samples }
}

fn count(needle: &[u8], file: &[u8]) -> usize {
    file.windows(needle.len()).filter(|window| *window == needle).count()
}

/// What may stand only once stands once, and where it belongs.
pub(crate) fn has_one_header(format: &str, file: &[u8]) {
    match format {
        "wav" => assert!(count(b"RIFF", file) == 1 && count(b"data", file) == 1),
        "flac" => assert_eq!(count(b"fLaC", file), 1),
        "opus" => {
            let packets = packets(file);
            let first = packets.iter().filter(|packet| packet.first_in_stream()).count();
            let last: Vec<bool> = packets.iter().map(Packet::last_in_stream).collect();
            assert_eq!((first, last.iter().rposition(|&last| !last)), (1, Some(last.len() - 2)));
            assert_eq!((count(b"OpusHead", file), count(b"OpusTags", file)), (1, 1));
        }
        // Frames, each with the same head, and no tag before, between or behind them.
        "mp3" => assert!(file.starts_with(&[0xff]) && count(b"ID3", file) + count(b"Xing", file) == 0),
        "aac" => {
            let mut rest = file;
            while !rest.is_empty() {
                assert!(rest[..3] == file[..3] && rest[3] & 0xfc == file[3] & 0xfc);
                let length =
                    usize::from(rest[3] & 3) << 11 | usize::from(rest[4]) << 3 | usize::from(rest[5] >> 5);
                rest = &rest[length..];
            }
        }
        _ => {}
    }
}
