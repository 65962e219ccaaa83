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

#[test]
fn formats_that_people_record_in_are_read() {
    let sound = speech(24_000, 3.0, 0.5);
    let pcm: Bytes =
        sound.samples.iter().flat_map(|sample| ((sample * 32_767.0) as i16).to_le_bytes()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for format in [Format::Flac, Format::Mp3, Format::Aac] {
        let mut encoder = Encoder::new(format, sound.rate).unwrap();
        let mut file = encoder.header(Some(pcm.len())).to_vec();
        file.extend_from_slice(&runtime.block_on(encoder.push(pcm.clone())).unwrap());
        file.extend_from_slice(&runtime.block_on(encoder.finish()).unwrap());
        let read = Recording::read(file.into(), &engine()).unwrap();
        assert_eq!(read.rate, sound.rate, "{format:?}");
        assert!((3.0..3.4).contains(&read.seconds()), "{format:?}: {} s", read.seconds());
    }
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
}
