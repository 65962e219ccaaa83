//! How long to wait before another try. Pure: chance is handed in.

use std::time::Duration;

use crate::spec::Patience;

/// Delay before try `failures + 1`: doubled by each failure up to the longest, then anywhere between half of that
/// and all of it, so that workers that fell together do not rise together.
///
/// `chance` is between 0 and 1.
pub(crate) fn delay(patience: &Patience, failures: u32, chance: f64) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(31));
    let longest = patience.backoff_first.saturating_mul(doubled).min(patience.backoff_most);
    longest.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn grows_but_never_beyond_the_longest(failures in 1_u32..1000, chance in 0.0..=1.0) {
            let patience = Patience::default();
            let now = delay(&patience, failures, chance);
            prop_assert!(now <= patience.backoff_most);
            prop_assert!(now >= patience.backoff_first / 2);
            prop_assert!(delay(&patience, failures + 1, chance) >= now);
        }
    }

    #[test]
    fn first_delays_double() {
        let patience = Patience::default();
        let delays: Vec<_> = (1..5).map(|n| delay(&patience, n, 1.0).as_millis()).collect();
        assert_eq!(delays, [250, 500, 1000, 2000]);
    }
}
