//! A listener's player, as far as its clock matters: it starts with the first piece, and is silent when it runs dry.

use std::time::{Duration, Instant};

/// Pure: every moment is handed in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Player {
    /// When what it has will have been played; `None` before the first piece.
    dry_at: Option<Instant>,
}

impl Player {
    /// A piece that plays for `length` arrives at `now`. Tells how long the player was silent before it; from here
    /// on it plays later by that much, whoever was late.
    pub fn receive(&mut self, length: Duration, now: Instant) -> Duration {
        let dry_at = self.dry_at.unwrap_or(now);
        self.dry_at = Some(dry_at.max(now) + length);
        now.saturating_duration_since(dry_at)
    }

    /// It had nothing to wait for until `now`: if it has run dry before, it starts again with the next piece.
    pub fn had_nothing_to_wait_for(&mut self, now: Instant) {
        self.dry_at = self.dry_at.filter(|dry_at| *dry_at >= now);
    }

    /// How long it still has something to play.
    pub fn ahead(&self, now: Instant) -> Duration {
        self.dry_at.map_or(Duration::ZERO, |dry_at| dry_at.saturating_duration_since(now))
    }
}

/// How long so many bytes of bare samples play.
pub fn play_time(bytes: u64, bytes_per_second: u32) -> Duration {
    let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(bytes_per_second.max(1));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn silence_counts_from_the_moment_the_player_ran_dry() {
        let start = Instant::now();
        let mut player = Player::default();
        assert_eq!(player.receive(ms(100), start), Duration::ZERO, "it starts with the first piece");
        assert_eq!(player.receive(ms(100), start + ms(90)), Duration::ZERO);
        assert_eq!(player.ahead(start + ms(90)), ms(110));
        assert_eq!(player.receive(ms(100), start + ms(230)), ms(30));
        // It went on 30 ms late, and has audio until 330.
        assert_eq!(player.receive(ms(100), start + ms(340)), ms(10));
    }

    proptest! {
        #[test]
        fn what_is_played_and_what_is_silent_fill_the_time_together(
            pieces in prop::collection::vec((0_u64..500, 0_u64..500), 1..50),
        ) {
            let start = Instant::now();
            let mut player = Player::default();
            let (mut now, mut silent, mut audio) = (start, Duration::ZERO, Duration::ZERO);
            for (pause, length) in pieces {
                // The first piece sets the clock, whenever it comes.
                now += if audio.is_zero() && now == start { Duration::ZERO } else { ms(pause) };
                silent += player.receive(ms(length), now);
                audio += ms(length);
            }
            prop_assert_eq!(now + player.ahead(now), start + silent + audio);
        }
    }
}
