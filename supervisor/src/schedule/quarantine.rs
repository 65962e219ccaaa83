//! Segments that end the workers that speak them. One that was all that its worker was busy with when it ended is
//! under suspicion; after three such ends, in one request or in several, it is poison, and no worker gets it for a
//! while. Pure: moments are handed in.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

use ishowtts_workers::SynthesisRequest;

use super::{Segment, plan::Micros};

/// Workers that a segment ends before it is poison.
const ENDS: u32 = 3;
/// Most segments that are remembered. Each has ended a worker, so there are never many.
const MOST: usize = 4096;

/// Names a segment by everything that its worker gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Mark(u64);

/// What is known against the segments under suspicion.
#[derive(Debug)]
pub(super) struct Quarantine {
    suspects: HashMap<Mark, Suspect>,
    hasher: RandomState,
    /// How long a suspicion, and a quarantine, lasts.
    lasts: Micros,
}

#[derive(Clone, Copy, Debug)]
struct Suspect {
    ends: u32,
    until: Micros,
}

impl Quarantine {
    pub(super) fn new(lasts: Micros) -> Self {
        Self { suspects: HashMap::new(), hasher: RandomState::new(), lasts }
    }

    pub(super) fn mark(&self, segment: &Segment) -> Mark {
        let SynthesisRequest { text, voice, language, speed, seed, options, phonemes } = &segment.request;
        let options = serde_json::to_string(options).unwrap_or_default();
        Mark(self.hasher.hash_one((
            &segment.engine,
            text,
            voice,
            language,
            speed.to_bits(),
            seed,
            options,
            phonemes,
        )))
    }

    /// Whether nothing at all is known against anybody.
    pub(super) fn is_empty(&self) -> bool {
        self.suspects.is_empty()
    }

    /// Until when no worker gets the segment, if that is so.
    pub(super) fn holds(&self, mark: Mark, now: Micros) -> Option<Micros> {
        let suspect = self.suspects.get(&mark)?;
        (suspect.ends >= ENDS && suspect.until > now).then_some(suspect.until)
    }

    /// A worker has ended while it was busy with this alone, the `nth` over the same request. True if it is poison from
    /// now on.
    pub(super) fn ended_a_worker(&mut self, mark: Mark, nth: u32, now: Micros) -> bool {
        self.suspects.retain(|_, suspect| suspect.until > now);
        if self.suspects.len() >= MOST
            && !self.suspects.contains_key(&mark)
            && let Some(first) = self.suspects.iter().min_by_key(|(_, one)| one.until).map(|(mark, _)| *mark)
        {
            self.suspects.remove(&first);
        }
        let suspect = self.suspects.entry(mark).or_insert(Suspect { ends: 0, until: now });
        // A request that takes longer than a suspicion lasts knows what else has ended over it.
        suspect.ends = nth.max(suspect.ends + 1);
        suspect.until = now + self.lasts;
        suspect.ends >= ENDS
    }

    /// It was spoken: whatever ended the workers, it was something else.
    pub(super) fn was_spoken(&mut self, mark: Mark) {
        self.suspects.remove(&mark);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    fn segment(text: &str) -> Segment {
        let request = SynthesisRequest {
            text: text.into(),
            voice: None,
            language: None,
            speed: 1.0,
            seed: 7,
            options: Map::new(),
            phonemes: Vec::new(),
        };
        Segment { engine: "tone".into(), request, spoken_ms: 100.0 }
    }

    #[test]
    fn three_ended_workers_are_a_quarantine_for_a_while() {
        let mut quarantine = Quarantine::new(Micros::s(600));
        let mark = quarantine.mark(&segment("boo"));
        assert!(!quarantine.ended_a_worker(mark, 1, Micros::s(1)));
        assert!(!quarantine.ended_a_worker(mark, 1, Micros::s(2)));
        assert_eq!(quarantine.holds(mark, Micros::s(2)), None, "two may be chance");
        assert!(quarantine.ended_a_worker(mark, 1, Micros::s(3)));
        assert_eq!(quarantine.holds(mark, Micros::s(4)), Some(Micros::s(603)));
        assert_eq!(quarantine.holds(quarantine.mark(&segment("boo!")), Micros::s(4)), None);
        assert_eq!(quarantine.holds(mark, Micros::s(603)), None, "it is over");
        assert!(!quarantine.ended_a_worker(mark, 1, Micros::s(604)), "and counted afresh");
    }

    #[test]
    fn what_was_spoken_is_under_no_suspicion() {
        let mut quarantine = Quarantine::new(Micros::s(600));
        let mark = quarantine.mark(&segment("fine"));
        quarantine.ended_a_worker(mark, 1, Micros::s(1));
        quarantine.ended_a_worker(mark, 1, Micros::s(2));
        quarantine.was_spoken(mark);
        assert!(!quarantine.ended_a_worker(mark, 1, Micros::s(3)));
    }

    #[test]
    fn three_ends_in_one_request_are_enough_however_far_apart_they_are() {
        let mut quarantine = Quarantine::new(Micros::s(2));
        let mark = quarantine.mark(&segment("slow"));
        assert!(!quarantine.ended_a_worker(mark, 1, Micros::s(10)));
        assert!(!quarantine.ended_a_worker(mark, 2, Micros::s(20)));
        assert!(quarantine.ended_a_worker(mark, 3, Micros::s(30)));
        assert!(quarantine.holds(mark, Micros::s(31)).is_some());
    }

    #[test]
    fn suspicions_are_bounded() {
        let mut quarantine = Quarantine::new(Micros::s(600));
        for number in 0..MOST + 10 {
            let mark = quarantine.mark(&segment(&number.to_string()));
            quarantine.ended_a_worker(mark, 1, Micros::ms(i64::try_from(number).unwrap_or(0)));
        }
        assert_eq!(quarantine.suspects.len(), MOST);
    }
}
