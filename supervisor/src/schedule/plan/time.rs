//! Time as the plan counts it.

use std::{
    iter::Sum,
    ops::{Add, AddAssign, Div, Mul, Sub, SubAssign},
    time::Duration,
};

/// Microseconds: a moment, counted from whenever the plan's owner began to count, or a length of time. Whole numbers
/// add up the same way in any order, so a plan that is played forward meets what then happens to the last digit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

impl Micros {
    /// No time at all, and the moment that moments are counted from.
    pub const ZERO: Self = Self(0);
    /// Later than anything that happens: a hundred thousand years, far from overflowing when something is added.
    pub const NEVER: Self = Self(i64::MAX / 4);

    /// From milliseconds.
    pub const fn ms(milliseconds: i64) -> Self {
        Self(milliseconds * 1000)
    }

    /// From seconds.
    pub const fn s(seconds: i64) -> Self {
        Self(seconds * 1_000_000)
    }

    /// From fractional milliseconds, rounded; what is no number counts as none.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "clamped to what fits, and rounding is what is wanted"
    )]
    pub fn from_ms(milliseconds: f64) -> Self {
        let most = 1e15;
        Self((milliseconds * 1000.0).clamp(-most, most).round() as i64)
    }

    /// In milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "exact up to 285 years")]
    pub fn to_ms(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// As a length of time; what lies before zero is none.
    pub fn duration(self) -> Duration {
        Duration::from_micros(u64::try_from(self.0).unwrap_or(0))
    }

    /// A wait as most clients are told it: in whole seconds, rounded up, at least one.
    #[must_use]
    pub fn whole_seconds(self) -> Self {
        let second = Self::s(1);
        Self((self.0 + second.0 - 1) / second.0 * second.0).max(second)
    }

    /// So many times as long, rounded.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self::from_ms(self.to_ms() * factor)
    }
}

impl From<Duration> for Micros {
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_micros()).map_or(Self::NEVER.0, |micros| micros.min(Self::NEVER.0)))
    }
}

impl Add for Micros {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Micros {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for Micros {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl SubAssign for Micros {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl Mul<i64> for Micros {
    type Output = Self;

    fn mul(self, factor: i64) -> Self {
        Self(self.0 * factor)
    }
}

impl Div<i64> for Micros {
    type Output = Self;

    fn div(self, divisor: i64) -> Self {
        Self(self.0 / divisor)
    }
}

impl Sum for Micros {
    fn sum<I: Iterator<Item = Self>>(lengths: I) -> Self {
        lengths.fold(Self::ZERO, Add::add)
    }
}
