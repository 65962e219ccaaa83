//! The plan under simulated time.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "small numbers of the tests' own"
)]

mod ahead;
mod devices;
mod promises;
mod situations;
mod staff;

use proptest::prelude::*;

use super::{Board, Layout, Micros, Piece, Rules, Seat};
use crate::simulate::{Fate, Request, World};

/// So many workers of one pool that share no device.
pub(super) fn layout(workers: usize) -> Layout {
    Layout { devices: Vec::new(), pools: vec![vec![Seat::default(); workers]] }
}

/// A board whose workers are all there.
pub(super) fn board(workers: usize) -> Board {
    staffed(&layout(workers), Rules::default())
}

pub(super) fn staffed(layout: &Layout, rules: Rules) -> Board {
    let mut board = Board::new(layout, rules);
    let workers = layout.pools.iter().map(Vec::len).sum::<usize>();
    (0..workers).for_each(|worker| board.worker_ready(worker, 1, Micros::ZERO));
    board
}

/// A segment of an engine of this RTF, so many milliseconds long, released whole.
pub(super) fn piece(pool: usize, audio_ms: i64, rtf: f64) -> Piece {
    let audio = Micros::ms(audio_ms);
    let total = audio.times(rtf);
    Piece { pool, total, first: total, audio }
}

/// A text of so many milliseconds, cut as texts are: a short beginning, then longer.
pub(super) fn text(pool: usize, audio_ms: i64, rtf: f64) -> Vec<Piece> {
    let mut left = audio_ms;
    let mut pieces = Vec::new();
    while left > 0 {
        let length = left.min(if pieces.is_empty() { 1600 } else { 3200 });
        pieces.push(piece(pool, length, rtf));
        left -= length;
    }
    pieces
}

/// Lengths of texts as a live stream has them: many chat lines, some paragraphs.
pub(super) fn audio_ms() -> impl Strategy<Value = i64> {
    prop_oneof![3 => 600_i64..6000, 1 => 6000_i64..31_000]
}

/// Requests of `clients` that come with such gaps, in microseconds, their audio this long.
pub(super) fn requests(gaps: &[(i64, i64, u64)], rtf: f64) -> Vec<Request> {
    let mut now = Micros::ZERO;
    let mut each = |&(gap, audio, client): &(i64, i64, u64)| {
        now += Micros(gap);
        Request::live(now, client, text(0, audio, rtf))
    };
    gaps.iter().map(&mut each).collect()
}

/// Everybody who was let in heard everything, without a pause.
pub(super) fn assert_continuous<D>(world: &World<D>) {
    for (number, fate) in world.fates.iter().enumerate() {
        match fate {
            Some(Fate::Served { underrun, .. }) => {
                assert_eq!(*underrun, Micros::ZERO, "request {number} had to wait for audio");
            }
            Some(Fate::Refused(_) | Fate::Left) => {}
            other => panic!("request {number}: {other:?}"),
        }
    }
}
