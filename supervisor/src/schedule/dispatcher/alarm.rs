//! When somebody looks again.

use std::sync::atomic::{AtomicI64, Ordering};

use super::Micros;

/// The earliest moment at which somebody is going to look.
#[derive(Debug)]
pub(super) struct Alarm(AtomicI64);

impl Default for Alarm {
    fn default() -> Self {
        Self(AtomicI64::new(Micros::NEVER.0))
    }
}

impl Alarm {
    /// Somebody is to look at that moment. Whether somebody has to be sent: nobody looks as early as that.
    pub(super) fn set(&self, when: Micros) -> bool {
        self.0.fetch_min(when.0, Ordering::Relaxed) > when.0
    }

    /// Whoever was sent for that moment looks now.
    pub(super) fn rang(&self, when: Micros) {
        // One who was sent for an earlier moment, and looks later than that, has rung already.
        self.0.compare_exchange(when.0, Micros::NEVER.0, Ordering::Relaxed, Ordering::Relaxed).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_sent_for_whatever_is_earlier() {
        let alarm = Alarm::default();
        let (early, late) = (Micros::ms(10), Micros::ms(20));
        assert!(alarm.set(late));
        assert!(!alarm.set(late), "somebody is on the way");
        assert!(alarm.set(early), "who comes later is of no use");
        alarm.rang(early);
        assert!(alarm.set(late));
        assert!(!alarm.set(late));
        alarm.rang(late);
        assert!(alarm.set(late));
    }
}
