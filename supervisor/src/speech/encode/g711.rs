//! Samples as telephones have them, one byte each (ITU-T G.711, 11/1988, tables 1a and 2a; the same steps as in the
//! tools of ITU-T G.191).

/// What is added to a magnitude of 14 bits before it is put into a segment of µ-law.
const BIAS: u16 = 33;
/// The largest of them.
const LARGEST: u16 = 0x1fff;

/// A sample in µ-law, of North America and Japan.
pub(super) fn ulaw(sample: i16) -> u8 {
    let magnitude = (magnitude(sample) / 4 + BIAS).min(LARGEST);
    // 1 to 8: it has 6 to 13 bits.
    let segment = 11 - magnitude.leading_zeros();
    let step = low_bits(magnitude >> segment);
    sign(sample) | !(low_bits(u16::try_from(segment - 1).unwrap_or_default()) << 4 | step) & 0x7f
}

/// A sample in A-law, of the rest of the world.
pub(super) fn alaw(sample: i16) -> u8 {
    let mut step = magnitude(sample) / 16;
    let mut segment = 0;
    while step > 31 {
        step /= 2;
        segment += 1;
    }
    if step > 15 {
        segment += 1;
        step -= 16;
    }
    // Every other bit is turned over, so that silence has some for a line to keep its clock by.
    (sign(sample) | segment << 4 | low_bits(step)) ^ 0x55
}

/// How far from zero, so that both signs have as many: -1 is as far as 0.
fn magnitude(sample: i16) -> u16 {
    if sample < 0 { (!sample).unsigned_abs() } else { sample.unsigned_abs() }
}

fn sign(sample: i16) -> u8 {
    if sample < 0 { 0 } else { 0x80 }
}

/// The lowest four bits.
fn low_bits(number: u16) -> u8 {
    (number & 0x0f).to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the byte stands for, from the tables of the recommendation.
    fn from_ulaw(byte: u8) -> i32 {
        let code = i32::from(!byte);
        let magnitude = ((((code & 0x0f) << 1) + 33) << (code >> 4 & 7)) - 33;
        let sample = magnitude * 4;
        if code & 0x80 == 0 { sample } else { -sample }
    }

    fn from_alaw(byte: u8) -> i32 {
        let code = i32::from(byte ^ 0x55);
        let (segment, step) = (code >> 4 & 7, code & 0x0f);
        let magnitude = if segment == 0 { step * 2 + 1 } else { (step * 2 + 33) << (segment - 1) };
        let sample = magnitude * 8;
        if code & 0x80 == 0 { -sample } else { sample }
    }

    #[test]
    fn the_ends_of_the_tables_are_as_the_recommendation_has_them() {
        for (sample, in_ulaw, in_alaw) in
            [(0, 0xff, 0xd5), (-1, 0x7f, 0x55), (i16::MAX, 0x80, 0xaa), (i16::MIN, 0x00, 0x2a)]
        {
            assert_eq!((ulaw(sample), alaw(sample)), (in_ulaw, in_alaw), "{sample}");
        }
    }

    #[test]
    fn every_byte_stands_for_itself_and_every_sample_for_the_nearest() {
        for byte in 0..=u8::MAX {
            let of = |sample: i32| i16::try_from(sample).unwrap();
            // µ-law has two zeros.
            assert!(ulaw(of(from_ulaw(byte))) == byte || from_ulaw(byte) == 0, "{byte:#x}");
            assert_eq!(alaw(of(from_alaw(byte))), byte, "{byte:#x}");
        }
        for sample in i16::MIN..=i16::MAX {
            let (exact, size) = (i32::from(sample), i32::from(sample).abs());
            // Half a step: the steps of a segment are a sixteenth of where it begins.
            let error = (from_ulaw(ulaw(sample)) - exact).abs();
            assert!(error <= size / 32 + 12 || size > 32_124, "{sample}: {error}");
            let error = (from_alaw(alaw(sample)) - exact).abs();
            assert!(error <= size / 32 + 16 || size > 32_256, "{sample}: {error}");
        }
    }
}
