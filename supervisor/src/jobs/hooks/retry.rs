//! When a message is sent again. Pure.

use std::time::Duration;

const SECOND: u64 = 1;
const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

/// Pauses, further and further apart: a receiver that starts anew is told within seconds, and one that is down for a day is
/// still told.
const PAUSES: [u64; 11] = [
    5 * SECOND,
    30 * SECOND,
    2 * MINUTE,
    10 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
    5 * HOUR,
    5 * HOUR,
    6 * HOUR,
];

/// How long it waits after so many tries that failed; `None` once it is given up, after about a day.
pub(super) fn after(tries: u32) -> Option<Duration> {
    let place = usize::try_from(tries).ok()?.checked_sub(1)?;
    PAUSES.get(place).copied().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_given_up_after_about_a_day() {
        let pauses: Vec<_> = (1..).map_while(after).collect();
        assert!(pauses.is_sorted());
        let whole: Duration = pauses.iter().sum();
        assert!((Duration::from_hours(23)..Duration::from_hours(25)).contains(&whole), "{whole:?}");
    }
}
