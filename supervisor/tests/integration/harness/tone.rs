//! What the engine `tone` gives, computed here a second time from its description.

/// Samples of a text: 80 ms a character at 24 kHz, one period repeated, its length told by the text.
pub(crate) fn of(text: &str) -> Vec<i16> {
    let length = 1920 * text.chars().count();
    let period = 24 + usize::try_from(crc32(text.as_bytes()) % 177).unwrap();
    let sample = |n: usize| {
        let phase = (n % period) as f64 / period as f64;
        (4634.0 * (std::f64::consts::TAU * phase).sin()).round() as i16
    };
    (0..length).map(sample).collect()
}

/// CRC-32 as zlib has it.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        let shift = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        (0..8).fold(crc ^ u32::from(*byte), shift)
    };
    !bytes.iter().fold(u32::MAX, step)
}
