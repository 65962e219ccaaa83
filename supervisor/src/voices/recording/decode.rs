//! A file of any common format → mono samples. Symphonia reads it, in safe Rust, and [`opus`] the one
//! codec that it has not; nothing here calls a program.

use std::io::{Cursor, ErrorKind};

use bytes::Bytes;
use symphonia::core::{
    codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions, well_known::CODEC_ID_OPUS},
    errors::Error,
    formats::{FormatOptions, TrackType, probe::Hint},
    io::{MediaSourceStream, MediaSourceStreamOptions},
    meta::MetadataOptions,
    packet::Packet,
};

use super::{
    Sound, Unfit,
    opus::{self, Opus},
};

/// Rates that speech is recorded with, in samples per second.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;
/// More channels than any microphone has.
const MOST_CHANNELS: usize = 8;
/// A cut file may begin and end within a frame; with more than one broken frame in so many it is damaged.
const SOUND_PACKETS: usize = 20;

/// What can be read, for messages.
const KNOWN: &str =
    "WAV, FLAC, MP3, AAC (.m4a or .aac), and Opus or Vorbis (.ogg, .opus or .webm) can be read";

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
    let mut decoder = Decoder::new(parameters)?;
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
        let Some((rate, channels)) = decoder.decode(&packet, &mut piece)? else {
            broken += 1;
            continue;
        };
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

/// What makes samples of a packet.
enum Decoder {
    Symphonia(Box<dyn AudioDecoder>),
    Opus(Box<Opus>),
}

impl Decoder {
    fn new(parameters: &AudioCodecParameters) -> Result<Self, Unfit> {
        if parameters.codec == CODEC_ID_OPUS {
            let head = parameters.extra_data.as_deref().unwrap_or_default();
            return Opus::new(head).map(|opus| Self::Opus(Box::new(opus)));
        }
        let made = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|error| Unfit(format!("the recording's codec is not known ({error}); {KNOWN}")))?;
        Ok(Self::Symphonia(made))
    }

    /// Decodes a packet into `samples`, the channels one beside the other, and tells rate and channels; nothing if the
    /// packet is broken.
    fn decode(&mut self, packet: &Packet, samples: &mut Vec<f32>) -> Result<Option<(u32, usize)>, Unfit> {
        match self {
            Self::Symphonia(decoder) => match decoder.decode(packet) {
                Ok(audio) => {
                    audio.copy_to_vec_interleaved(samples);
                    Ok(Some((audio.spec().rate(), audio.spec().channels().count())))
                }
                Err(Error::DecodeError(_)) => Ok(None),
                Err(error) => Err(Unfit(format!("the recording is damaged: {error}"))),
            },
            Self::Opus(opus) => {
                let decoded = opus.decode(&packet.data, samples);
                Ok(decoded.is_ok().then_some((opus::RATE, opus.channels)))
            }
        }
    }
}

/// All channels into one.
fn mix(interleaved: &[f32], channels: usize, mono: &mut Vec<f32>) {
    #[expect(clippy::cast_precision_loss, reason = "at most 8")]
    let share = 1.0 / channels as f32;
    mono.extend(interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() * share));
}
