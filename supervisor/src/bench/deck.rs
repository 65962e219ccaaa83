//! Which text is asked for next: each as often as the others, in an order that only the seed decides.

use std::sync::Arc;

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus, seq::SliceRandom};

/// Texts like cards: all are dealt before they are shuffled again, so that two runs of the same length ask for the
/// same, whoever asks.
#[derive(Debug)]
pub(super) struct Deck {
    texts: Vec<Arc<str>>,
    dealt: usize,
    random: Xoshiro256PlusPlus,
}

impl Deck {
    /// Of at least one text.
    pub(super) fn new(texts: &[String], seed: u64) -> Self {
        let texts: Vec<Arc<str>> = texts.iter().map(|text| Arc::from(text.as_str())).collect();
        // The first text asked for shuffles.
        Self { dealt: texts.len(), texts, random: Xoshiro256PlusPlus::seed_from_u64(seed) }
    }

    pub(super) fn deal(&mut self) -> Arc<str> {
        if self.dealt >= self.texts.len() {
            self.texts.shuffle(&mut self.random);
            self.dealt = 0;
        }
        let text = self.texts.get(self.dealt).cloned().unwrap_or_default();
        self.dealt += 1;
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_dealt_before_any_comes_again() {
        let texts: Vec<String> = (0..20).map(|number| format!("text {number}")).collect();
        let mut deck = Deck::new(&texts, 3);
        let mut round = || {
            let dealt: Vec<String> = (0..20).map(|_| deck.deal().to_string()).collect();
            let mut sorted = dealt.clone();
            sorted.sort_by_key(|text| texts.iter().position(|known| known == text));
            assert_eq!(sorted, texts);
            dealt
        };
        let (first, second) = (round(), round());
        assert_ne!(first, second);
        let mut again = Deck::new(&texts, 3);
        assert!(first.iter().chain(&second).all(|text| **text == *again.deal()));
    }
}
