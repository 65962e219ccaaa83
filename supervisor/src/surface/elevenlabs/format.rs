//! `output_format`: a codec, a sample rate, and for some a bit rate.

use crate::{
    speech::Format,
    surface::{ApiError, api::fields::invalid},
};

/// What a client wants its audio in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutputFormat {
    pub(super) format: Format,
    /// Samples per second.
    pub(super) rate: u32,
}

/// Rates that a format may be asked for in; the bit rate behind them is the encoder's own.
const KNOWN: [(&str, &[u32]); 6] = [
    ("mp3", &[22_050, 24_000, 44_100]),
    ("pcm", &[8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]),
    ("wav", &[8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]),
    ("opus", &[48_000]),
    ("ulaw", &[8_000]),
    ("alaw", &[8_000]),
];

/// What is sent when nothing is asked for, where MP3 is built in.
const USUAL: &str = "mp3_44100_128";

impl OutputFormat {
    /// By the name that clients use, such as `mp3_44100_128` or `pcm_16000`.
    pub(super) fn parse(name: Option<&str>) -> Result<Self, ApiError> {
        let name = name.filter(|name| !name.is_empty()).unwrap_or(USUAL);
        let mut words = name.split('_');
        let (codec, rate, bit_rate) = (words.next().unwrap_or_default(), words.next(), words.next());
        let rate = rate.and_then(|rate| rate.parse::<u32>().ok());
        let has_bit_rate = bit_rate.is_some_and(|bits| bits.parse::<u32>().is_ok_and(|bits| bits > 0));
        let is_compressed = matches!(codec, "mp3" | "opus");
        let known = KNOWN.iter().find(|(known, _)| *known == codec);
        match (known, rate, Format::parse_any(codec)) {
            (Some((_, rates)), Some(rate), Some(format))
                if rates.contains(&rate) && is_compressed == has_bit_rate && words.next().is_none() =>
            {
                Ok(Self { format, rate })
            }
            _ => Err(invalid("output_format", told(name))),
        }
    }
}

fn told(name: &str) -> String {
    let codecs = KNOWN.iter().filter(|(codec, _)| Format::parse_any(codec).is_some());
    let forms = codecs.map(|(codec, rates)| {
        let rates: Vec<String> = rates.iter().map(u32::to_string).collect();
        let bits = if matches!(*codec, "mp3" | "opus") { "_KBITS" } else { "" };
        format!("{codec}_RATE{bits} with a RATE of {}", rates.join(", "))
    });
    let forms: Vec<String> = forms.collect();
    let name: String = name.chars().take(40).collect();
    format!("output_format {name:?} cannot be made here; these can: {}", forms.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_that_clients_use_are_known() {
        for (name, format, rate) in [
            ("pcm_16000", Format::Pcm, 16_000),
            ("pcm_44100", Format::Pcm, 44_100),
            ("wav_24000", Format::Wav, 24_000),
            ("opus_48000_64", Format::Opus, 48_000),
            ("ulaw_8000", Format::Ulaw, 8_000),
            ("alaw_8000", Format::Alaw, 8_000),
            #[cfg(feature = "mp3")]
            ("mp3_22050_32", Format::Mp3, 22_050),
            #[cfg(feature = "mp3")]
            ("mp3_44100_192", Format::Mp3, 44_100),
        ] {
            assert_eq!(OutputFormat::parse(Some(name)).unwrap(), OutputFormat { format, rate }, "{name}");
        }
        #[cfg(feature = "mp3")]
        assert_eq!(OutputFormat::parse(None).unwrap().format, Format::Mp3);
    }

    #[test]
    fn what_cannot_be_made_is_told_with_what_can() {
        for name in [
            "ulaw_16000",
            "alaw_8000_64",
            "pcm",
            "pcm_1",
            "pcm_16000_1",
            "mp3_44100",
            "mp3_44100_x",
            "opus_48000_0_1",
            "flac_44100",
        ] {
            let error = OutputFormat::parse(Some(name)).unwrap_err();
            assert_eq!(error.code(), "invalid_field", "{name}");
            assert!(error.to_string().contains("pcm_RATE"), "{error}");
        }
    }
}
