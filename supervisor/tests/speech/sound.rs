//! Listening with numbers.

/// Mono audio.
pub(crate) struct Sound {
    samples: Vec<f64>,
    pub(crate) rate: u32,
}

/// A stretch below -50 dB, in seconds from the beginning.
#[derive(Debug)]
pub(crate) struct Silence {
    pub(crate) start: f64,
    pub(crate) end: f64,
}

impl Silence {
    pub(crate) fn seconds(&self) -> f64 {
        self.end - self.start
    }
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

    /// Power of each stretch of which a second has `rate`.
    fn frames(&self, rate: u32) -> Vec<f64> {
        let length = (self.rate / rate) as usize;
        let power = |frame: &[f64]| frame.iter().map(|sample| sample * sample).sum::<f64>() / length as f64;
        self.samples.chunks_exact(length).map(power).collect()
    }

    /// Level of the speech in it, pauses left out, in dB below full scale.
    pub(crate) fn level_db(&self) -> f64 {
        let frames = self.frames(50);
        let loudest = frames.iter().copied().fold(0.0, f64::max);
        let speech: Vec<f64> = frames.into_iter().filter(|power| *power > loudest / 1000.0).collect();
        10.0 * (speech.iter().sum::<f64>() / speech.len() as f64).log10()
    }

    /// Stretches below -50 dB, of 30 ms or more, to 10 ms, but for those that it begins and ends with.
    pub(crate) fn silences(&self) -> Vec<Silence> {
        let frames = self.frames(100);
        // Frames are whole samples: at 22050 Hz a hundred of them are a little less than a second.
        let seconds = |frame: usize| frame as f64 * f64::from(self.rate / 100) / f64::from(self.rate);
        let mut start = None;
        let mut found = Vec::new();
        for (number, power) in frames.iter().enumerate() {
            if *power >= 1e-5 {
                let begun = start.take().filter(|begun| *begun > 0 && number - begun >= 3);
                found.extend(begun.map(|begun| Silence { start: seconds(begun), end: seconds(number) }));
            } else {
                start = start.or(Some(number));
            }
        }
        found
    }

    /// Longest stretch below -50 dB, in seconds.
    pub(crate) fn longest_silence(&self) -> f64 {
        let mut longest = 0_u32;
        let mut present = 0;
        for power in self.frames(50) {
            present = if power < 1e-5 { present + 1 } else { 0 };
            longest = longest.max(present);
        }
        f64::from(longest) / 50.0
    }

    /// Greatest step from one sample to the next.
    pub(crate) fn greatest_jump(&self) -> f64 {
        greatest_jump(&self.samples)
    }

    /// The same between two times, in seconds.
    pub(crate) fn greatest_jump_within(&self, from: f64, to: f64) -> f64 {
        let samples = self.samples.iter().enumerate();
        let time = |number: usize| number as f64 / f64::from(self.rate);
        let within: Vec<f64> = samples
            .filter(|(number, _)| (from..to).contains(&time(*number)))
            .map(|(_, sample)| *sample)
            .collect();
        greatest_jump(&within)
    }

    /// Greatest step that leads into 15 ms or more below -50 dB, or out of them: what a sound that is cut off jumps.
    pub(crate) fn greatest_edge(&self) -> f64 {
        let mut end = 0;
        let mut greatest = 0.0_f64;
        for run in self.samples.chunk_by(|one, next| is_quiet(*one) == is_quiet(*next)) {
            let start = end;
            end += run.len();
            if is_quiet(run[0]) && run.len() >= self.rate as usize * 15 / 1000 {
                let with_neighbours = start.saturating_sub(1)..(end + 1).min(self.samples.len());
                greatest = greatest.max(greatest_jump(&self.samples[with_neighbours]));
            }
        }
        greatest
    }
}

fn is_quiet(sample: f64) -> bool {
    sample.abs() < 0.003_16
}

fn greatest_jump(samples: &[f64]) -> f64 {
    samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f64::max)
}
