//! How fast jobs go on, and what that says about the rest. Pure: every moment is handed in.

use std::time::{Duration, Instant};

use super::{Job, JobState};

/// What is older counts less: by so much time its weight has fallen to a third.
const MEMORY: Duration = Duration::from_mins(2);
/// Nothing is foretold from fewer segments.
const FEWEST: u32 = 3;

/// Milliseconds of speech, as texts tell them, that were stored in a second of work, lately.
#[derive(Debug, Default)]
pub struct Pace {
    spoken_ms: f64,
    seconds: f64,
    stored: u32,
    /// When it was counted last, while there was work.
    last: Option<Instant>,
}

impl Pace {
    /// There is work from now on, after there was none.
    pub fn begin(&mut self, now: Instant) {
        self.last.get_or_insert(now);
    }

    /// There is none any more: time that passes now says nothing.
    pub fn rest(&mut self, now: Instant) {
        self.count(0.0, now);
        self.last = None;
    }

    /// A segment was stored.
    pub fn stored(&mut self, spoken_ms: f64, now: Instant) {
        self.count(spoken_ms, now);
        self.stored = self.stored.saturating_add(1);
    }

    fn count(&mut self, spoken_ms: f64, now: Instant) {
        let passed = self.last.map_or(0.0, |last| now.saturating_duration_since(last).as_secs_f64());
        let kept = (-passed / MEMORY.as_secs_f64()).exp();
        self.spoken_ms = self.spoken_ms * kept + spoken_ms;
        self.seconds = self.seconds * kept + passed;
        self.last = Some(now);
    }

    /// How long so much speech takes, if all goes on as it did lately; `None` while too little was seen.
    pub fn time_for(&self, spoken_ms: u64) -> Option<Duration> {
        let known = self.stored >= FEWEST && self.spoken_ms > 0.0 && self.seconds > 0.0;
        #[expect(clippy::cast_precision_loss, reason = "nobody counts on milliseconds of years")]
        let seconds = known.then(|| spoken_ms as f64 * self.seconds / self.spoken_ms)?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// Share of a job that is stored, from 0 to 1, by the length of its speech.
pub fn share(job: &Job) -> f64 {
    match job.state {
        JobState::Done => 1.0,
        // What it takes to join them all is seen, but not foretold.
        _ => ratio(job.spoken_stored_ms, job.spoken_ms).min(0.999),
    }
}

/// How long the finished audio will be, in milliseconds, as what is stored tells; `None` before anything is.
pub fn whole_audio_ms(job: &Job) -> Option<u64> {
    if job.state == JobState::Done {
        return Some(job.audio_ms);
    }
    let known = job.spoken_stored_ms > 0 && job.audio_ms > 0;
    let whole =
        u128::from(job.audio_ms) * u128::from(job.spoken_ms) / u128::from(job.spoken_stored_ms.max(1));
    known.then(|| u64::try_from(whole).unwrap_or(u64::MAX))
}

/// What of its speech is not stored yet, in milliseconds.
pub fn left_ms(job: &Job) -> u64 {
    if job.state.is_over() { 0 } else { job.spoken_ms.saturating_sub(job.spoken_stored_ms) }
}

#[expect(clippy::cast_precision_loss, reason = "a share is rounded anyway")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64).clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_that_of_the_time_in_which_there_was_work() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        pace.begin(start);
        pace.stored(2000.0, at(1));
        pace.stored(2000.0, at(2));
        assert_eq!(pace.time_for(1000), None, "too little was seen");
        pace.stored(2000.0, at(3));
        let foretold = pace.time_for(20_000).unwrap().as_secs_f64();
        assert!((foretold - 10.0).abs() < 0.2, "{foretold}");
        // An hour without work changes nothing.
        pace.rest(at(3));
        pace.begin(at(3600));
        pace.stored(2000.0, at(3601));
        let foretold = pace.time_for(20_000).unwrap().as_secs_f64();
        assert!((foretold - 10.0).abs() < 0.2, "{foretold}");
        // It follows what became of it: now four times as slow.
        for second in 1..200 {
            pace.stored(2000.0, at(3601 + 4 * second));
        }
        let foretold = pace.time_for(20_000).unwrap().as_secs_f64();
        assert!((foretold - 40.0).abs() < 1.0, "{foretold}");
    }
}
