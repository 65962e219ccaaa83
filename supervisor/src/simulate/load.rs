//! Who asks, when, and for what: a load that only its options and their seed decide.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

use super::{Reader, Request};
use crate::{
    bench::Arrivals,
    schedule::plan::{Layout, Micros, Piece, Rules, Seat},
};

/// Chat lines and paragraphs: three of four texts are of the first kind. In milliseconds of audio.
const LINES: (i64, i64) = (2000, 6000);
const PARAGRAPHS: (i64, i64) = (6000, 31_000);
const LINES_SHARE: f64 = 0.75;
/// A first segment is a clause.
const LONGEST_FIRST: Micros = Micros::ms(1500);
/// No segment is longer than what engines speak well in one go, or shorter than a word or two.
const LONGEST: Micros = Micros::s(12);
const SHORTEST: Micros = Micros::ms(600);
/// Cuts fall where a text has them: a segment is at least so much of what it might be.
const SHORTEST_CUT: f64 = 0.6;
/// How far ahead of its playing a paced reader takes a segment.
const AHEAD: Micros = Micros::ms(500);
/// Keep what requests are like apart from the moments at which they come, and the truth apart from both.
const TEXTS: u64 = 0x7465_7874_7300;
const TRUTH: u64 = 0x7472_7574_6800;

/// Mean length of a text, in seconds of audio.
const MEAN_AUDIO_S: f64 = 7.625;

/// How a simulation's listeners read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Readers {
    /// As they play, each segment just before its turn
    Paced,
    /// Whatever is there, at once
    Eager,
}

/// A machine and the load that it is put under.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Workers, all of one pool.
    pub workers: usize,
    /// Seconds that a worker needs for a second of audio.
    pub rtf: f64,
    /// For how long requests come.
    pub length: Duration,
    /// Clients that they come from.
    pub clients: u64,
    /// How audio is read.
    pub readers: Readers,
    /// How far a segment's true cost may be from the one that the scheduler is told, as a share of it.
    pub cost_error: f64,
    /// Whoever is refused comes back when it was told to.
    pub come_back: bool,
    /// Decides everything else.
    pub seed: u64,
}

impl Load {
    /// Seconds of audio that all workers together make in a second.
    #[expect(clippy::cast_precision_loss, reason = "nobody has that many workers")]
    pub fn capacity(&self) -> f64 {
        self.workers as f64 / self.rtf
    }

    /// Workers without devices of their own.
    pub fn layout(&self) -> Layout {
        Layout { devices: Vec::new(), pools: vec![vec![Seat::default(); self.workers]] }
    }

    /// What is promised: as by default, but for as many streams as come.
    pub fn rules() -> Rules {
        Rules { most_streams: usize::MAX, ..Rules::default() }
    }

    /// The requests that ask for so many times what the machine can do.
    pub fn requests(&self, multiple: f64) -> Vec<Request> {
        let mut texts = Xoshiro256PlusPlus::seed_from_u64(self.seed ^ TEXTS);
        let mut truth = Xoshiro256PlusPlus::seed_from_u64(self.seed ^ TRUTH);
        let rate = multiple * self.capacity() / MEAN_AUDIO_S;
        let arrivals = Arrivals::new(rate, self.seed).take_while(|moment| *moment < self.length);
        arrivals
            .map(|moment| {
                let client = texts.random_range(0..self.clients.max(1));
                let pieces = self.pieces(&mut texts);
                let mut request = Request::live(moment.into(), client, pieces);
                if self.cost_error > 0.0 {
                    let pieces = request.offer.pieces.iter();
                    request.truth = pieces.map(|piece| self.true_piece(piece, &mut truth)).collect();
                }
                if self.readers == Readers::Paced {
                    request.reader = Reader::Paced { ahead: AHEAD, pause: None };
                }
                request
            })
            .collect()
    }

    /// A text, cut so that no segment keeps a worker for longer than half of the time to first audio.
    fn pieces(&self, random: &mut Xoshiro256PlusPlus) -> Vec<Piece> {
        let (least, most) = if random.random::<f64>() < LINES_SHARE { LINES } else { PARAGRAPHS };
        let mut left = Micros(random.random_range(least * 1000..most * 1000));
        let longest = (Rules::default().target / 2).times(1.0 / self.rtf).clamp(SHORTEST, LONGEST);
        let mut pieces = Vec::new();
        while left > Micros::ZERO {
            let most = if pieces.is_empty() { longest.min(LONGEST_FIRST) } else { longest };
            let audio = most.times(random.random_range(SHORTEST_CUT..1.0)).min(left);
            let total = audio.times(self.rtf);
            pieces.push(Piece { pool: 0, total, first: total, audio });
            left -= audio;
        }
        pieces
    }

    fn true_piece(&self, told: &Piece, random: &mut Xoshiro256PlusPlus) -> Piece {
        let total = told.total.times(1.0 + self.cost_error * random.random_range(-1.0..1.0));
        Piece { total, first: total, ..*told }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load() -> Load {
        Load {
            workers: 20,
            rtf: 0.1,
            length: Duration::from_secs(200),
            clients: 5,
            readers: Readers::Paced,
            cost_error: 0.2,
            come_back: false,
            seed: 1,
        }
    }

    fn seconds(pieces: &[Piece], of: fn(&Piece) -> Micros) -> f64 {
        pieces.iter().map(of).sum::<Micros>().to_ms() / 1000.0
    }

    #[test]
    fn as_much_is_asked_for_as_was_said() {
        let requests = load().requests(1.5);
        let work: f64 = requests.iter().map(|one| seconds(&one.offer.pieces, |piece| piece.total)).sum();
        let truth: f64 = requests.iter().map(|one| seconds(&one.truth, |piece| piece.total)).sum();
        for work in [work, truth] {
            let multiple = work / (20.0 * 200.0);
            assert!((1.4..1.6).contains(&multiple), "{multiple}");
        }
    }

    #[test]
    fn texts_and_segments_are_as_long_as_they_may_be() {
        let requests = load().requests(1.0);
        for request in &requests {
            let audio = seconds(&request.offer.pieces, |piece| piece.audio);
            assert!((2.0..31.0).contains(&audio), "{audio}");
            assert!(request.offer.pieces.iter().all(|piece| piece.audio <= Micros::ms(1500)));
            assert!(request.offer.client.0 < 5);
            for (told, truth) in request.offer.pieces.iter().zip(&request.truth) {
                assert!((0.79..1.21).contains(&(truth.total.to_ms() / told.total.to_ms())), "{truth:?}");
            }
        }
        let fast = Load { rtf: 0.02, ..load() }.requests(1.0);
        assert!(fast.iter().all(|request| request.offer.pieces[0].audio <= Micros::ms(1500)));
        let longest = fast.iter().flat_map(|request| &request.offer.pieces).map(|piece| piece.audio).max();
        assert!(longest > Some(Micros::s(6)) && longest <= Some(Micros::ms(7500)), "{longest:?}");
    }

    #[test]
    fn a_seed_gives_its_load_again() {
        let key = |load: &Load| -> Vec<_> {
            let requests = load.requests(1.0);
            requests
                .into_iter()
                .map(|one| (one.arrives, one.offer.client, one.offer.pieces, one.truth))
                .collect()
        };
        assert_eq!(key(&load()), key(&load()));
        assert_ne!(key(&load()), key(&Load { seed: 2, ..load() }));
    }
}
