//! The formats that a client can ask for.

/// What a client can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// RIFF/WAVE, 16 bit.
    Wav,
    /// Bare samples, signed 16 bit little endian, mono.
    Pcm,
    /// MPEG-1/2/2.5 layer III.
    #[cfg(feature = "mp3")]
    Mp3,
    /// Opus in Ogg.
    Opus,
    /// FLAC.
    Flac,
    /// AAC-LC in ADTS.
    #[cfg(feature = "aac")]
    Aac,
}

impl Format {
    /// Every format, by its name in requests.
    pub const NAMES: &[(&str, Self)] = &[
        ("wav", Self::Wav),
        ("pcm", Self::Pcm),
        #[cfg(feature = "mp3")]
        ("mp3", Self::Mp3),
        ("opus", Self::Opus),
        ("flac", Self::Flac),
        #[cfg(feature = "aac")]
        ("aac", Self::Aac),
    ];

    /// Its name in requests.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, format)| *format == self).map_or("wav", |(name, _)| name)
    }

    /// By its name in requests.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|&(_, format)| format)
    }

    /// The media type of its bytes at a sample rate.
    pub fn media_type(self, rate: u32) -> String {
        match self {
            Self::Wav => "audio/wav".into(),
            Self::Pcm => format!("audio/pcm;rate={rate};encoding=signed-int;bits=16"),
            #[cfg(feature = "mp3")]
            Self::Mp3 => "audio/mpeg".into(),
            Self::Opus => "audio/ogg; codecs=opus".into(),
            Self::Flac => "audio/flac".into(),
            #[cfg(feature = "aac")]
            Self::Aac => "audio/aac".into(),
        }
    }

    /// The rate that audio of `rate` samples a second is brought to: the same where the format knows it, else the
    /// next higher one that it knows, so that nothing is lost.
    pub fn nearest_rate(self, rate: u32) -> u32 {
        let known: &[u32] = match self {
            Self::Wav | Self::Pcm | Self::Flac => return rate,
            // RFC 6716, section 2: the rates of its bands.
            Self::Opus => &[8_000, 12_000, 16_000, 24_000, 48_000],
            // ISO/IEC 11172-3 and 13818-3, and 13818-7: both have these in common.
            #[cfg(any(feature = "mp3", feature = "aac"))]
            _ => &[8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000],
        };
        known.iter().copied().find(|&candidate| candidate >= rate).unwrap_or(48_000)
    }
}
