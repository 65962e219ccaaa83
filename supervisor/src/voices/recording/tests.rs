use super::*;
use crate::speech::{Encoder, Format};

fn engine() -> Cloning {
    Cloning::of("f5").unwrap()
}

/// A tone with gaps, as speech has them, of a level and length, between two silences.
fn speech(rate: u32, seconds: f32, peak: f32) -> Sound {
    let count = |seconds: f32| (seconds * rate as f32) as usize;
    let tone = (0..count(seconds)).map(|at| peak * (at as f32 * 1_400.0 / rate as f32).sin());
    let silence = || std::iter::repeat_n(0.0, count(0.5));
    Sound { rate, samples: silence().chain(tone).chain(silence()).collect() }
}

fn wav(sound: &Sound) -> Bytes {
    let samples = sound.samples.iter().map(|sample| (sample * 32_767.0) as i16).collect();
    Recording { rate: sound.rate, samples }.wav().unwrap().into()
}

fn refused(sound: &Sound) -> String {
    Recording::read(wav(sound), &engine()).unwrap_err().to_string()
}

#[test]
fn speech_is_kept_without_the_silence_around_it() {
    for (rate, kept) in [(8_000, 8_000), (24_000, 24_000), (44_100, 44_100), (96_000, 48_000)] {
        let read = Recording::read(wav(&speech(rate, 3.0, 0.5)), &engine()).unwrap();
        assert_eq!(read.rate, kept);
        assert!((3.05..3.2).contains(&read.seconds()), "{rate}: {} s", read.seconds());
        let loudest = read.samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!((15_000..18_000).contains(&loudest), "{rate}: {loudest}");
    }
}

fn encoded(sound: &Sound, format: Format) -> Vec<u8> {
    let pcm: Bytes =
        sound.samples.iter().flat_map(|sample| ((sample * 32_767.0) as i16).to_le_bytes()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut encoder = Encoder::new(format, sound.rate).unwrap();
    let mut file = encoder.header(Some(pcm.len())).to_vec();
    file.extend_from_slice(&runtime.block_on(encoder.push(pcm)).unwrap());
    file.extend_from_slice(&runtime.block_on(encoder.finish()).unwrap());
    file
}

#[test]
fn formats_that_people_record_in_are_read() {
    let sound = speech(24_000, 3.0, 0.5);
    for format in [Format::Flac, Format::Mp3, Format::Aac] {
        let read = Recording::read(encoded(&sound, format).into(), &engine()).unwrap();
        assert_eq!(read.rate, sound.rate, "{format:?}");
        assert!((3.0..3.4).contains(&read.seconds()), "{format:?}: {} s", read.seconds());
    }
}

/// An element of EBML whose size is told in so many bytes.
fn element(id: &[u8], size: Option<usize>, data: &[u8]) -> Vec<u8> {
    let size = match size {
        // Not known yet, as in what is being recorded.
        None => vec![0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        Some(size) => [&[0x10][..], &u32::try_from(size).unwrap().to_be_bytes()[1..]].concat(),
    };
    [id, &size, data].concat()
}

fn whole(id: &[u8], data: &[u8]) -> Vec<u8> {
    element(id, Some(data.len()), data)
}

/// A recording in the form that browsers' recorders give it: `WebM` with Opus, of which nothing says how long it is.
fn webm(sound: &Sound) -> Vec<u8> {
    let ogg = encoded(sound, Format::Opus);
    let mut packets = ogg::PacketReader::new(std::io::Cursor::new(ogg));
    let mut next = || packets.read_packet().unwrap().map(|packet| packet.data);
    let head = next().unwrap();
    next().unwrap();
    let opened = [
        whole(&[0x42, 0x86], &[1]),
        whole(&[0x42, 0xf7], &[1]),
        whole(&[0x42, 0xf2], &[4]),
        whole(&[0x42, 0xf3], &[8]),
        whole(&[0x42, 0x82], b"webm"),
        whole(&[0x42, 0x87], &[4]),
        whole(&[0x42, 0x85], &[2]),
    ];
    let info = [
        whole(&[0x2a, 0xd7, 0xb1], &1_000_000_u32.to_be_bytes()),
        whole(&[0x4d, 0x80], b"test"),
        whole(&[0x57, 0x41], b"test"),
    ];
    let audio = [whole(&[0xb5], &48_000.0_f32.to_be_bytes()), whole(&[0x9f], &[1])];
    let track = [
        whole(&[0xd7], &[1]),
        whole(&[0x73, 0xc5], &[1]),
        whole(&[0x83], &[2]),
        whole(&[0x86], b"A_OPUS"),
        whole(&[0x63, 0xa2], &head),
        whole(&[0xe1], &audio.concat()),
    ];
    let mut file = whole(&[0x1a, 0x45, 0xdf, 0xa3], &opened.concat());
    file.extend(element(&[0x18, 0x53, 0x80, 0x67], None, &[]));
    file.extend(whole(&[0x15, 0x49, 0xa9, 0x66], &info.concat()));
    file.extend(whole(&[0x16, 0x54, 0xae, 0x6b], &whole(&[0xae], &track.concat())));
    let mut at = 0_u16;
    while let Some(packet) = next() {
        if at.is_multiple_of(1000) {
            file.extend(element(&[0x1f, 0x43, 0xb6, 0x75], None, &[]));
            file.extend(whole(&[0xe7], &at.to_be_bytes()));
        }
        let [high, low] = (at % 1000).to_be_bytes();
        file.extend(whole(&[0xa3], &[&[0x81, high, low, 0x80][..], &packet].concat()));
        at += 20;
    }
    file
}

/// How much of a recording is the tone that speech is here, 0 to 1.
fn likeness(read: &Recording) -> f32 {
    let (mut sine, mut cosine, mut power) = (0.0, 0.0, 0.0);
    for (at, sample) in read.samples.iter().enumerate() {
        let (phase, sample) = (at as f32 * 1_400.0 / read.rate as f32, f32::from(*sample));
        sine += sample * phase.sin();
        cosine += sample * phase.cos();
        power += sample * sample;
    }
    (sine.hypot(cosine) * 2.0_f32.sqrt() / (power * read.samples.len() as f32).sqrt()).min(1.0)
}

#[test]
fn what_browsers_record_is_read() {
    let sound = speech(24_000, 1.5, 0.5);
    for (form, file) in [("ogg", encoded(&sound, Format::Opus)), ("webm", webm(&sound))] {
        let read = Recording::read(file.into(), &engine()).unwrap_or_else(|error| panic!("{form}: {error}"));
        assert_eq!(read.rate, 48_000, "{form}");
        assert!((1.5..1.7).contains(&read.seconds()), "{form}: {} s", read.seconds());
        assert!(likeness(&read) > 0.9, "{form}: {}", likeness(&read));
        let loudest = read.samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!((14_000..20_000).contains(&loudest), "{form}: {loudest}");
    }
    // More channels than a microphone has.
    let mut surround = encoded(&sound, Format::Opus);
    let head = surround.windows(8).position(|bytes| bytes == b"OpusHead").unwrap();
    assert!(opus::Opus::new(&surround[head..head + 19]).is_ok());
    (surround[head + 9], surround[head + 18]) = (6, 1);
    let told = opus::Opus::new(&surround[head..head + 19]).err().unwrap().to_string();
    assert!(told.contains("6 channels"), "{told}");
    assert!(opus::Opus::new(b"OpusHead").is_err());
}

#[test]
fn what_is_not_fit_is_told_with_what_was_measured() {
    let told = refused(&speech(24_000, 0.4, 0.5));
    assert!(told.contains("0.4 s of speech") && told.contains("at least 1 s"), "{told}");
    let told = refused(&speech(24_000, 16.0, 0.5));
    assert!(told.contains("16.0 s of speech") && told.contains("at most 15 s"), "{told}");
    let told = refused(&speech(24_000, 31.0, 0.5));
    assert!(told.contains("longer than 30 s"), "{told}");
    let told = refused(&speech(24_000, 3.0, 0.001));
    assert!(told.contains("is silent") && told.contains("-62."), "{told}");
    let told = refused(&speech(24_000, 3.0, 0.015));
    assert!(told.contains("too quiet") && told.contains("-39."), "{told}");
    let mut clipped = speech(24_000, 3.0, 3.0);
    clipped.samples.iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
    let told = refused(&clipped);
    assert!(told.contains("clipped") && told.contains(" % of its samples"), "{told}");
    let nothing = Sound { rate: 24_000, samples: vec![0.0; 48_000] };
    assert!(refused(&nothing).contains("nothing at all"));
}

#[test]
fn what_is_no_recording_is_refused() {
    let good = wav(&speech(24_000, 3.0, 0.5));
    for bytes in
        [Bytes::new(), Bytes::from_static(b"hello"), Bytes::from(vec![0xff; 100_000]), good.slice(..30)]
    {
        assert!(Recording::read(bytes, &engine()).is_err());
    }
    // A header that lies about its length: what is there is taken.
    assert!(Recording::read(good.slice(..100_000), &engine()).is_ok());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever is sent: an answer, and never more than the longest recording.
    #[test]
    fn damaged_files_do_no_harm(at in 0_usize..2_000, noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 1..64)) {
        let mut file = wav(&speech(8_000, 2.0, 0.5)).to_vec();
        let end = (at + noise.len()).min(file.len());
        file[at..end].copy_from_slice(&noise[..end - at]);
        if let Ok(read) = Recording::read(file.into(), &engine()) {
            assert!(read.seconds() <= 15.0);
        }
    }

    /// The same for what is packed more tightly: every byte means something there.
    #[test]
    fn damaged_opus_does_no_harm(at in 0_usize..8_000, noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 1..64), is_webm: bool) {
        static FILES: std::sync::LazyLock<[Vec<u8>; 2]> = std::sync::LazyLock::new(|| {
            let sound = speech(8_000, 1.0, 0.5);
            [encoded(&sound, Format::Opus), webm(&sound)]
        });
        let mut file = FILES[usize::from(is_webm)].clone();
        let at = at % file.len();
        let end = (at + noise.len()).min(file.len());
        file[at..end].copy_from_slice(&noise[..end - at]);
        if let Ok(read) = Recording::read(file.into(), &engine()) {
            assert!(read.seconds() <= 15.0);
        }
    }

    /// Packets that no encoder ever made: samples or an error.
    #[test]
    fn no_packet_makes_the_decoder_fall(packets in proptest::collection::vec(proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80), 1..4)) {
        let mut decoder = opus::Opus::new(b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00").unwrap();
        for packet in packets {
            let mut samples = Vec::new();
            if decoder.decode(&packet, &mut samples).is_ok() {
                assert!(samples.len() <= 5760 * 2);
            }
        }
    }
}
