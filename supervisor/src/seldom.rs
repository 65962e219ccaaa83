//! Something that is worth saying once in a while.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Says yes at first, and then at most once in each pause.
#[derive(Debug)]
pub(crate) struct Seldom {
    pause: Duration,
    last: Mutex<Option<Instant>>,
}

impl Seldom {
    pub(crate) const fn new(pause: Duration) -> Self {
        Self { pause, last: Mutex::new(None) }
    }

    /// Whether it is time again.
    pub(crate) fn due(&self, now: Instant) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| now.saturating_duration_since(last) >= self.pause);
        if due {
            *last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Seldom;

    #[test]
    fn it_is_said_once_in_each_pause() {
        let start = Instant::now();
        let seldom = Seldom::new(Duration::from_mins(10));
        let said: Vec<u64> =
            (0..30).filter(|minute| seldom.due(start + Duration::from_mins(*minute))).collect();
        assert_eq!(said, [0, 10, 20]);
    }
}
