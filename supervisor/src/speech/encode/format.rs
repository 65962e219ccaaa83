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
    /// G.711 µ-law, as telephones have it in North America and Japan: 8000 samples a second, a byte each.
    Ulaw,
    /// G.711 A-law, as telephones have it elsewhere.
    Alaw,
}

impl Format {
    /// Every format of our own surface and of `OpenAI`'s, by its name in requests.
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

    /// Those that only clients of telephones ask for.
    const OF_TELEPHONES: &[(&str, Self)] = &[("ulaw", Self::Ulaw), ("alaw", Self::Alaw)];

    /// Its name in requests.
    pub fn name(self) -> &'static str {
        let mut all = Self::NAMES.iter().chain(Self::OF_TELEPHONES);
        all.find(|(_, format)| *format == self).map_or("wav", |(name, _)| name)
    }

    /// By its name, one of telephones or any other.
    pub fn parse_any(name: &str) -> Option<Self> {
        let mut all = Self::NAMES.iter().chain(Self::OF_TELEPHONES);
        all.find(|(known, _)| *known == name).map(|&(_, format)| format)
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
            // RFC 4856, sections 2.1.12 and 2.1.13.
            Self::Ulaw => format!("audio/PCMU;rate={rate}"),
            Self::Alaw => format!("audio/PCMA;rate={rate}"),
        }
    }

    /// The rate that audio of `rate` samples a second is brought to: the same where the format knows it, else the
    /// next higher one that it knows, so that nothing is lost.
    pub fn nearest_rate(self, rate: u32) -> u32 {
        let known: &[u32] = match self {
            Self::Wav | Self::Pcm | Self::Flac => return rate,
            Self::Ulaw | Self::Alaw => return 8_000,
            // RFC 6716, section 2: the rates of its bands.
            Self::Opus => &[8_000, 12_000, 16_000, 24_000, 48_000],
            // ISO/IEC 11172-3 and 13818-3, and 13818-7: both have these in common.
            #[cfg(any(feature = "mp3", feature = "aac"))]
            _ => &[8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000],
        };
        known.iter().copied().find(|&candidate| candidate >= rate).unwrap_or(48_000)
    }
}
