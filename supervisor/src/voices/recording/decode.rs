//! A file of any common format → mono samples. Symphonia reads it, in safe Rust; nothing here calls a program.

use std::io::{Cursor, ErrorKind};

use bytes::Bytes;
use symphonia::core::{
    codecs::audio::{AudioDecoderOptions, well_known::CODEC_ID_OPUS},
    errors::Error,
    formats::{FormatOptions, TrackType, probe::Hint},
    io::{MediaSourceStream, MediaSourceStreamOptions},
    meta::MetadataOptions,
};

use super::{Sound, Unfit};

/// Rates that speech is recorded with, in samples per second.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;
/// More channels than any microphone has.
const MOST_CHANNELS: usize = 8;
/// A cut file may begin and end within a frame; with more than one broken frame in so many it is damaged.
const SOUND_PACKETS: usize = 20;

/// What can be read, for messages.
const KNOWN: &str = "WAV, FLAC, MP3, Ogg Vorbis and AAC (.m4a or .aac) can be read";

/// Decodes the first audio track of a file, as long as it has at most so many seconds.
pub(super) fn decode(file: Bytes, longest_s: u32) -> Result<Sound, Unfit> {
    if file.is_empty() {
        return Err(Unfit("the recording is empty: a file without a byte".into()));
    }
    let stream = MediaSourceStream::new(Box::new(Cursor::new(file)), MediaSourceStreamOptions::default());
    let (options, meta) = (FormatOptions::default(), MetadataOptions::default());
    let unknown =
        |error: Error| Unfit(format!("the recording is in no format that is known ({error}); {KNOWN}"));
    let mut reader =
        symphonia::default::get_probe().probe(&Hint::new(), stream, options, meta).map_err(unknown)?;
    let track = reader.default_track(TrackType::Audio);
    let track = track.ok_or_else(|| Unfit(format!("the file has no audio in it; {KNOWN}")))?;
    let id = track.id;
    let parameters = track.codec_params.clone();
    let parameters = parameters.as_ref().and_then(|parameters| parameters.audio());
    let parameters = parameters.ok_or_else(|| Unfit(format!("the file has no audio in it; {KNOWN}")))?;
    if parameters.codec == CODEC_ID_OPUS {
        return Err(Unfit(format!("the recording is Opus, which is not read; {KNOWN}")));
    }
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(unknown)?;
    let mut sound = Sound { rate: 0, samples: Vec::new() };
    let (mut packets, mut broken) = (0_usize, 0_usize);
    let mut piece: Vec<f32> = Vec::new();
    loop {
        let packet = match reader.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(Unfit(format!("the recording is damaged: {error}"))),
        };
        if packet.track_id != id {
            continue;
        }
        packets += 1;
        let audio = match decoder.decode(&packet) {
            Ok(audio) => audio,
            Err(Error::DecodeError(_)) => {
                broken += 1;
                continue;
            }
            Err(error) => return Err(Unfit(format!("the recording is damaged: {error}"))),
        };
        let (rate, channels) = (audio.spec().rate(), audio.spec().channels().count());
        if !RATES.contains(&rate) || !(1..=MOST_CHANNELS).contains(&channels) {
            return Err(Unfit(format!(
                "the recording has {rate} samples a second in {channels} channels; record it with {} to {} in \
                 at most {MOST_CHANNELS}",
                RATES.start(),
                RATES.end()
            )));
        }
        if sound.rate != 0 && sound.rate != rate {
            return Err(Unfit("the recording changes its sample rate on the way".into()));
        }
        sound.rate = rate;
        audio.copy_to_vec_interleaved(&mut piece);
        mix(&piece, channels, &mut sound.samples);
        if sound.samples.len() > usize::try_from(rate.saturating_mul(longest_s)).unwrap_or(usize::MAX) {
            return Err(Unfit(format!(
                "the recording is longer than {longest_s} s; cut out the best part of it, between words"
            )));
        }
    }
    if broken > 2 && broken * SOUND_PACKETS > packets {
        return Err(Unfit(format!("the recording is damaged: {broken} of its {packets} frames are broken")));
    }
    if sound.samples.is_empty() {
        return Err(Unfit("the recording has no sample in it".into()));
    }
    if let Some(at) = sound.samples.iter().position(|sample| !sample.is_finite()) {
        return Err(Unfit(format!("sample {at} of the recording is no number")));
    }
    Ok(sound)
}

/// All channels into one.
fn mix(interleaved: &[f32], channels: usize, mono: &mut Vec<f32>) {
    #[expect(clippy::cast_precision_loss, reason = "at most 8")]
    let share = 1.0 / channels as f32;
    mono.extend(interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() * share));
}
