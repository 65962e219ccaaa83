//! The last requests that ended, one by one: what sums and histograms cannot tell to somebody who looks at the server
//! now. Nothing of what was said is kept, and nobody's name.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{Outcome, Surface};

/// How many are kept. Each is less than a kilobyte, since ids and names of voices are bounded.
const KEPT: usize = 50;

/// A request that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// When it ended.
    pub ended: Instant,
    /// Its id, as in `X-Request-Id` and in the log.
    pub request_id: String,
    /// The way that it came in.
    pub surface: Surface,
    /// How it ended.
    pub outcome: Outcome,
    /// The engine that spoke most of it, or `none`.
    pub engine: String,
    /// The voice, empty if it never came to one.
    pub voice: String,
    /// Accepted → ended.
    pub elapsed: Duration,
    /// What is known of a request only when it was answered in full.
    pub heard: Option<Heard>,
}

/// The figures of an answer that is complete.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// Accepted → first audio.
    pub ttfa: Duration,
    /// Duration of the audio.
    pub audio: Duration,
    /// Time of synthesis / duration of the audio; `None` for audio that was there already.
    pub rtf: Option<f64>,
    /// How long its first segment waited for a worker.
    pub queue_wait: Duration,
    /// Worst silence of a player; `None` when it was not played while it was made.
    pub underrun: Option<Duration>,
    /// As in `X-Cache`.
    pub cache: &'static str,
}

/// A ring of them.
#[derive(Debug, Default)]
pub struct Recent(Mutex<VecDeque<Finished>>);

impl Recent {
    /// Adds the one that ended now; the oldest makes room for it.
    pub fn add(&self, finished: Finished) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(finished);
    }

    /// All that are kept, the newest first.
    pub fn latest(&self) -> Vec<Finished> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_come_first_and_the_oldest_are_forgotten() {
        let recent = Recent::default();
        for number in 0..KEPT + 3 {
            recent.add(Finished {
                ended: Instant::now(),
                request_id: number.to_string(),
                surface: Surface::Api,
                outcome: Outcome::Ok,
                engine: "tone".into(),
                voice: "walter".into(),
                elapsed: Duration::ZERO,
                heard: None,
            });
        }
        let ids: Vec<String> = recent.latest().into_iter().map(|finished| finished.request_id).collect();
        let expected: Vec<String> = (3..KEPT + 3).rev().map(|number| number.to_string()).collect();
        assert_eq!(ids, expected);
    }
}
