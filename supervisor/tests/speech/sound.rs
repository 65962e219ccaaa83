//! Listening with numbers.

/// Mono audio.
pub(crate) struct Sound {
    samples: Vec<f64>,
    pub(crate) rate: u32,
}

impl Sound {
    pub(crate) fn new(samples: Vec<i16>, rate: u32) -> Self {
        Self { samples: samples.into_iter().map(|sample| f64::from(sample) / 32768.0).collect(), rate }
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate)
    }

    pub(crate) fn peak(&self) -> f64 {
        self.samples.iter().fold(0.0, |peak, sample| peak.max(sample.abs()))
    }

    /// Power of each 20 ms.
    fn frames(&self) -> Vec<f64> {
        let length = (self.rate / 50) as usize;
        let power = |frame: &[f64]| frame.iter().map(|sample| sample * sample).sum::<f64>() / length as f64;
        self.samples.chunks_exact(length).map(power).collect()
    }

    /// Level of the speech in it, pauses left out, in dB below full scale.
    pub(crate) fn level_db(&self) -> f64 {
        let frames = self.frames();
        let loudest = frames.iter().copied().fold(0.0, f64::max);
        let speech: Vec<f64> = frames.into_iter().filter(|power| *power > loudest / 1000.0).collect();
        10.0 * (speech.iter().sum::<f64>() / speech.len() as f64).log10()
    }

    /// Longest stretch below -50 dB, in seconds.
    pub(crate) fn longest_silence(&self) -> f64 {
        let mut longest = 0_u32;
        let mut present = 0;
        for power in self.frames() {
            present = if power < 1e-5 { present + 1 } else { 0 };
            longest = longest.max(present);
        }
        f64::from(longest) / 50.0
    }

    /// Greatest step from one sample to the next.
    pub(crate) fn greatest_jump(&self) -> f64 {
        self.samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f64::max)
    }
}
