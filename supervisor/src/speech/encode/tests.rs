use bytes::Bytes;

use super::{Encoder, Format};

fn tone(rate: u32, milliseconds: u32) -> Vec<i16> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "small numbers")]
    let sample = |n: u32| ((n as f32 / rate as f32 * 440.0 * std::f32::consts::TAU).sin() * 8000.0) as i16;
    (0..rate * milliseconds / 1000).map(sample).collect()
}

fn encoded(format: Format, rate: u32, samples: &[i16], chunk: usize) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut encoder = Encoder::new(format, rate).unwrap();
    let mut file = encoder.header(None).to_vec();
    for part in samples.chunks(chunk) {
        let pcm: Bytes = part.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        file.extend_from_slice(&runtime.block_on(encoder.push(pcm)).unwrap());
    }
    file.extend_from_slice(&runtime.block_on(encoder.finish()).unwrap());
    file
}

#[test]
fn a_wav_header_has_exact_sizes_when_they_are_known() {
    let encoder = Encoder::new(Format::Wav, 24_000).unwrap();
    let header = encoder.header(Some(1000));
    assert_eq!(header.len(), 44);
    assert_eq!(header[4..8], 1036_u32.to_le_bytes());
    assert_eq!(header[24..28], 24_000_u32.to_le_bytes());
    assert_eq!(header[40..44], 1000_u32.to_le_bytes());
    assert_eq!(encoder.header(None)[40..44], [0xff; 4]);
}

#[test]
fn every_format_begins_as_it_should_and_does_not_depend_on_the_chunks() {
    for &(name, format) in Format::NAMES {
        for rate in [8_000, 22_050, 24_000, 44_100, 48_000] {
            let rate = format.nearest_rate(rate);
            let samples = tone(rate, 700);
            let file = encoded(format, rate, &samples, 333);
            let magic: &[u8] = match name {
                "wav" => b"RIFF",
                "opus" => b"OggS",
                "flac" => b"fLaC",
                "mp3" => &[0xff],
                "aac" => &[0xff, 0xf1],
                _ => &[0, 0],
            };
            assert!(file.starts_with(magic), "{name} at {rate}: {:?}", &file[..4]);
            assert!(
                file == encoded(format, rate, &samples, 100_000),
                "{name} at {rate} depends on the chunks"
            );
            let pcm = samples.len() * 2;
            assert!(
                file.len() > pcm / 60 && file.len() <= pcm + 44,
                "{name} at {rate}: {} bytes",
                file.len()
            );
        }
    }
}

#[test]
fn an_empty_stream_and_a_single_sample_are_encoded_too() {
    for &(name, format) in Format::NAMES {
        for samples in [&[][..], &[1000]] {
            let file = encoded(format, 24_000, samples, 1);
            assert!(samples.is_empty() || !file.is_empty(), "{name}");
        }
    }
}

#[test]
fn rates_that_a_format_does_not_know_are_raised_to_the_next() {
    assert_eq!(Format::Opus.nearest_rate(22_050), 24_000);
    assert_eq!(Format::Opus.nearest_rate(44_100), 48_000);
    assert_eq!(Format::Flac.nearest_rate(23_456), 23_456);
    assert_eq!(Format::parse("mp3").map(|format| format.nearest_rate(22_050)), Some(22_050));
}
