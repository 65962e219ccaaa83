//! When the next listener comes: independent of each other, so many a second on average (a Poisson process).

use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

/// Moments since the start, each later than the one before, without end.
#[derive(Debug)]
pub(crate) struct Arrivals {
    random: Xoshiro256PlusPlus,
    rate: f64,
    last: Duration,
}

impl Arrivals {
    /// `rate` a second. The same seed gives the same moments.
    pub(crate) fn new(rate: f64, seed: u64) -> Self {
        Self { random: Xoshiro256PlusPlus::seed_from_u64(seed), rate, last: Duration::ZERO }
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.last = self.last.saturating_add(gap(&mut self.random, self.rate));
        Some(self.last)
    }
}

/// Gaps of a Poisson process are exponentially distributed: minus the logarithm of a uniform number in (0, 1].
fn gap(random: &mut impl Rng, rate: f64) -> Duration {
    let uniform = 1.0 - random.random::<f64>();
    Duration::try_from_secs_f64(-uniform.ln() / rate).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_have_the_mean_and_the_spread_of_a_poisson_process() {
        const COUNT: u32 = 20_000;
        let moments: Vec<f64> =
            Arrivals::new(50.0, 1).take(COUNT as usize).map(|moment| moment.as_secs_f64()).collect();
        let gaps: Vec<f64> = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| *gap >= 0.0));
        let mean = gaps.iter().sum::<f64>() / f64::from(COUNT - 1);
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / f64::from(COUNT - 1);
        // Standard deviation equals mean.
        assert!((mean - 0.02).abs() < 0.001, "{mean}");
        assert!((variance.sqrt() - 0.02).abs() < 0.001, "{variance}");
    }

    #[test]
    fn a_seed_gives_its_moments_again() {
        let moments = |seed| Arrivals::new(3.0, seed).take(100).collect::<Vec<_>>();
        assert_eq!(moments(7), moments(7));
        assert_ne!(moments(7), moments(8));
    }
}
