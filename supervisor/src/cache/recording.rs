//! What is kept.

use std::time::Duration;

use bytes::Bytes;

/// The finished audio of an utterance, PCM16 mono little endian.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Samples per second.
    pub rate: u32,
    /// The samples, in order.
    pub pieces: Vec<Bytes>,
    /// Characters of the text that were left out.
    pub skipped: u64,
}

impl Recording {
    /// Length of the samples, in bytes.
    pub fn bytes(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// How long it sounds.
    pub fn duration(&self) -> Duration {
        let samples = u64::try_from(self.bytes() / size_of::<i16>()).unwrap_or(u64::MAX);
        let nanoseconds = u128::from(samples) * Duration::from_secs(1).as_nanos();
        let nanoseconds = nanoseconds.checked_div(self.rate.into()).unwrap_or(0);
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::Recording;

    #[test]
    fn all_pieces_count() {
        let second = Bytes::from(vec![0; 32_000]);
        let pieces = vec![second.clone(), second.slice(..16_000)];
        let recording = Recording { rate: 16_000, pieces, skipped: 0 };
        assert_eq!(recording.bytes(), 48_000);
        assert_eq!(recording.duration(), Duration::from_millis(1500));
        assert_eq!(Recording { rate: 0, ..recording }.duration(), Duration::ZERO);
    }
}
