//! What a decision costs with 10,000 segments waiting: `cargo bench -p ishowtts --bench plan`.

use divan::{Bencher, black_box};
use ishowtts::{
    schedule::plan::{Board, ClientIndex, Delivery, Layout, Micros, Offer, Piece, Rejection, Rules, Seat},
    simulate::Request,
};

fn main() {
    divan::main();
}

fn text(segments: usize) -> Vec<Piece> {
    let audio = Micros::ms(1500);
    let total = audio.times(0.1);
    vec![Piece { pool: 0, total, first: total, audio }; segments]
}

/// Sixty workers, listeners in real time, and whole answers that wait behind them until so many segments do.
fn crowded(waiting: usize) -> Board {
    let layout = Layout { devices: Vec::new(), pools: vec![vec![Seat::default(); 60]] };
    let rules = Rules { most_streams: 1 << 20, ..Rules::default() };
    let mut board = Board::new(&layout, rules);
    (0..60).for_each(|worker| board.worker_ready(worker, 1, Micros::ZERO));
    for client in 0.. {
        let mut offer = Request::live(Micros::ZERO, client, text(8)).offer;
        offer.delivery = if client < 60 { Delivery::Live } else { Delivery::Whole };
        if board.waiting().interactive >= waiting || board.admit(&offer, Micros::ZERO).is_err() {
            break;
        }
        while board.next_launch(Micros::ZERO).is_some() {}
    }
    assert!(board.waiting().interactive >= waiting);
    // One worker is free, and everybody else is busy.
    board.worker_lost(0, None, Micros::ZERO);
    board
}

/// A newcomer that has time, and one that has not.
fn newcomer(delivery: Delivery) -> Offer {
    Offer { delivery, ..Request::live(Micros::ZERO, 9_999_999, text(4)).offer }
}

#[divan::bench(args = [1000, 10_000])]
fn admission(bencher: Bencher<'_, '_>, waiting: usize) {
    let (board, offer) = (crowded(waiting), newcomer(Delivery::Whole));
    bencher.with_inputs(|| board.clone()).bench_values(|mut board| {
        assert!(board.admit(black_box(&offer), Micros::ZERO).is_ok());
        board
    });
}

/// Who was sent away before, and who is now.
#[derive(Clone, Copy, Debug)]
enum Crowd {
    /// One, who wanted the same.
    Alike,
    /// One who wanted the same, and now somebody who listens: there is no place before nearly all is done.
    Listens,
    /// More than places are kept for, who wanted the same.
    Many,
}

#[divan::bench(args = [Crowd::Alike, Crowd::Listens, Crowd::Many])]
fn refusal_with_its_retry_after(bencher: Bencher<'_, '_>, crowd: Crowd) {
    // Whole answers come until there is no time for another one: nearly 12,000 segments wait then.
    let (mut board, offer) = (crowded(10_000), newcomer(Delivery::Whole));
    let mut others = (1 << 32..).map(|client| Offer { client: ClientIndex(client), ..offer.clone() });
    others.by_ref().take_while(|other| board.admit(other, Micros::ZERO).is_ok()).for_each(drop);
    let offer = match crowd {
        Crowd::Alike => offer,
        Crowd::Listens => newcomer(Delivery::Live),
        Crowd::Many => {
            others.take(20).for_each(|other| assert!(board.admit(&other, Micros::ZERO).is_err()));
            offer
        }
    };
    bencher.with_inputs(|| board.clone()).bench_values(|mut board| {
        let refused = board.admit(black_box(&offer), Micros::ZERO);
        assert!(matches!(refused, Err(Rejection::Capacity { .. })), "{refused:?}");
        board
    });
}

/// Texts of the longest kind, for whoever listens and for whoever wants a file: two workers that have as much as they
/// can do, and more clients that were sent away than places are kept for.
#[divan::bench(args = [Delivery::Live, Delivery::Whole])]
fn refusal_of_a_long_text_in_a_crowd(bencher: Bencher<'_, '_>, delivery: Delivery) {
    let layout = Layout { devices: Vec::new(), pools: vec![vec![Seat::default(); 2]] };
    let mut board = Board::new(&layout, Rules::default());
    (0..2).for_each(|worker| board.worker_ready(worker, 1, Micros::ZERO));
    let offers =
        (0..).map(|client| Offer { delivery, ..Request::live(Micros::ZERO, client, text(200)).offer });
    let mut refused = 0;
    for offer in offers {
        refused += usize::from(board.admit(&offer, Micros::ZERO).is_err());
        while board.next_launch(Micros::ZERO).is_some() {}
        if refused >= 20 {
            break;
        }
    }
    let offer = Offer { delivery, ..Request::live(Micros::ZERO, 9_999_999, text(200)).offer };
    bencher.with_inputs(|| board.clone()).bench_values(|mut board| {
        let refused = board.admit(black_box(&offer), Micros::ZERO);
        assert!(matches!(refused, Err(Rejection::Capacity { .. })), "{refused:?}");
        board
    });
}

#[divan::bench(args = [1000, 10_000])]
fn dispatch(bencher: Bencher<'_, '_>, waiting: usize) {
    let mut board = crowded(waiting);
    board.worker_ready(0, 1, Micros::ZERO);
    bencher.with_inputs(|| board.clone()).bench_values(|mut board| {
        assert!(board.next_launch(black_box(Micros::ZERO)).is_some());
        board
    });
}
