//! The clock beside a stream: how long it took, and how long a player would have been silent.

use std::time::{Duration, Instant};

use super::{Report, production::Totals};
use crate::speech::{Player, play_time};

/// Reading that found audio waiting is the reader's pace, not ours; below this a wait counts as none.
const NO_WAIT: Duration = Duration::from_millis(1);

/// Pure: every moment is handed in.
#[derive(Debug)]
pub(super) struct Meter {
    accepted: Instant,
    last: Instant,
    first_audio: Option<Instant>,
    bytes: usize,
    player: Player,
    /// `None` when the audio is not played while it is made.
    worst_underrun: Option<Duration>,
}

impl Meter {
    pub(super) fn new(accepted: Instant) -> Self {
        Self {
            accepted,
            last: accepted,
            first_audio: None,
            bytes: 0,
            player: Player::default(),
            worst_underrun: Some(Duration::ZERO),
        }
    }

    /// The audio is collected first, so no gap is heard.
    pub(super) fn nobody_listens_yet(&mut self) {
        self.worst_underrun = None;
    }

    /// A piece was asked for at `asked` and handed out at `now`.
    pub(super) fn handed_out(&mut self, bytes: usize, rate: u32, asked: Instant, now: Instant) {
        self.first_audio.get_or_insert(now);
        // A player goes on from where it ran dry, whoever was late; only what we are late for counts.
        let silent = self.player.receive(duration(bytes, rate), now);
        if has_waited(asked, now) {
            self.worst_underrun = self.worst_underrun.map(|worst| worst.max(silent));
        }
        self.bytes += bytes;
        self.last = now;
    }

    /// Text has come at `now` for a stream that had spoken all it had: what the player was silent for before was
    /// nobody's fault here.
    pub(super) fn text_came(&mut self, now: Instant) {
        self.player.had_nothing_to_wait_for(now);
    }

    pub(super) fn report(&self, rate: u32, totals: Totals) -> Report {
        let since = |moment: Instant| moment.saturating_duration_since(self.accepted);
        Report {
            audio: duration(self.bytes, rate),
            elapsed: since(self.last),
            ttfa: self.first_audio.map(since).unwrap_or_default(),
            queue_wait: totals.queue_wait,
            synthesis: totals.synthesis,
            underrun: self.worst_underrun,
        }
    }
}

/// Whether somebody who asked then, and got it now, was there before it was.
pub(super) fn has_waited(asked: Instant, now: Instant) -> bool {
    now - asked > NO_WAIT
}

fn duration(bytes: usize, rate: u32) -> Duration {
    play_time(u64::try_from(bytes).unwrap_or(u64::MAX), rate.saturating_mul(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 1000;

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn silence_for_want_of_text_is_no_underrun_and_what_follows_it_is() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        meter.handed_out(200, RATE, start, at(start, 50));
        // Dry at 150; text came at 500, its audio at 540.
        meter.text_came(at(start, 500));
        meter.handed_out(200, RATE, at(start, 500), at(start, 540));
        assert_eq!(meter.report(RATE, Totals::default()).underrun, Some(Duration::ZERO));
        // Dry at 640; text came before, at 600, and its audio 30 ms too late.
        meter.text_came(at(start, 600));
        meter.handed_out(200, RATE, at(start, 600), at(start, 670));
        assert_eq!(meter.report(RATE, Totals::default()).underrun, Some(Duration::from_millis(30)));
    }

    #[test]
    fn a_gap_that_we_caused_is_an_underrun_and_a_readers_rest_is_none() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        // 100 ms of audio, on time.
        meter.handed_out(200, RATE, start, at(start, 50));
        // Dry at 150, and the next came at 190 although it was asked for at 60.
        meter.handed_out(200, RATE, at(start, 60), at(start, 190));
        assert_eq!(meter.report(RATE, Totals::default()).underrun, Some(Duration::from_millis(40)));
        // Dry at 290, but the reader only came back at 900, and then had it at once.
        meter.handed_out(200, RATE, at(start, 900), at(start, 900));
        let report = meter.report(RATE, Totals::default());
        assert_eq!(report.underrun, Some(Duration::from_millis(40)));
        assert_eq!(report.ttfa, Duration::from_millis(50));
        assert_eq!(report.elapsed, Duration::from_millis(900));
        assert_eq!(report.audio, Duration::from_millis(300));
        // From there on its clock runs anew.
        meter.handed_out(200, RATE, at(start, 901), at(start, 1020));
        assert_eq!(meter.report(RATE, Totals::default()).underrun, Some(Duration::from_millis(40)));
    }
}
