//! Several devices, under simulated time.

use proptest::prelude::*;

use super::{assert_continuous, piece, requests, staffed, text};
use crate::{
    schedule::plan::{Board, ClientIndex, Delivery, Layout, Micros, Offer, Rules, Seat},
    simulate::{Request, World},
    speech::Priority,
};

/// Devices of one slot each, and a pool with so many workers on each of them.
fn on_each(devices: usize, workers: usize) -> Layout {
    let seats = (0..devices * workers).map(|at| Seat { device: Some(at % devices), slots: 1 });
    Layout { devices: vec![1; devices], pools: vec![seats.collect()] }
}

/// Segments that are spoken within a minute when far more is asked for, and all in time.
fn spoken_in_a_minute(layout: &Layout) -> usize {
    let flood = (0..1200).map(|number| Request::live(Micros::ms(50 * number), 1, text(0, 3000, 0.2)));
    let mut world = World::new(staffed(layout, Rules::default()), flood.collect());
    world.run(Micros::s(60));
    let spoken = world.spoken.len();
    world.run(Micros::NEVER);
    assert_continuous(&world);
    spoken
}

#[test]
fn two_devices_do_twice_as_much_as_one_and_two_workers_on_one_do_not() {
    let one = spoken_in_a_minute(&on_each(1, 1));
    let crowded = spoken_in_a_minute(&on_each(1, 2));
    let two = spoken_in_a_minute(&on_each(2, 1));
    let three = spoken_in_a_minute(&on_each(3, 1));
    let times = |more: usize| more as f64 / one as f64;
    assert!((0.97..1.03).contains(&times(crowded)), "{one} {crowded}");
    assert!((1.95..2.05).contains(&times(two)), "{one} {two}");
    assert!((2.9..3.1).contains(&times(three)), "{one} {three}");
}

fn offer(audio_ms: i64) -> Offer {
    Offer {
        client: ClientIndex(1),
        class: Priority::Interactive,
        delivery: Delivery::Live,
        deadline: None,
        pieces: vec![piece(0, audio_ms, 0.1)],
        open: None,
        bytes: 0,
    }
}

/// How many of two streams that are wanted now are begun at once.
fn begun_at_once(board: &mut Board) -> usize {
    for _ in 0..2 {
        assert!(board.admit(&offer(1000), Micros::ZERO).is_ok());
    }
    std::iter::from_fn(|| board.next_launch(Micros::ZERO)).count()
}

#[test]
fn a_seat_is_on_the_device_of_whoever_sits_there() {
    let mut board = Board::new(&on_each(2, 1), Rules::default());
    for worker in [0, 1] {
        board.moved(worker, Seat { device: Some(1), slots: 1 });
        board.worker_ready(worker, 1, Micros::ZERO);
    }
    assert_eq!(begun_at_once(&mut board), 1, "both are on the same one");

    let mut board = staffed(&on_each(2, 1), Rules::default());
    board.moved(0, Seat { device: Some(1), slots: 1 });
    assert_eq!(begun_at_once(&mut board), 2, "who is there stays where it is");
}

#[test]
fn what_is_asked_of_the_machine_is_told_for_each_device() {
    let mut board = staffed(&on_each(2, 1), Rules::default());
    for _ in 0..4 {
        assert!(board.admit(&offer(3000), Micros::ZERO).is_ok());
    }
    let load = board.load(Micros::ZERO);
    assert!(load[0] > 0.0 && (load[0] - load[1]).abs() < 1e-9, "{load:?}");
    board.worker_lost(0, None, Micros::ZERO);
    let after = board.load(Micros::ZERO);
    assert!(after[0] == 0.0 && (after[1] - 2.0 * load[1]).abs() < 1e-9, "{after:?}");
}

proptest! {
    #[test]
    fn promises_hold_on_several_devices_that_engines_share(
        gaps in prop::collection::vec((0_i64..400_000, super::audio_ms(), 0_u64..4), 1..60),
        engines in prop::collection::vec(0_usize..3, 60),
    ) {
        // One engine on both, one on the first with two workers, one on the second.
        let seat = |device| Seat { device: Some(device), slots: 1 };
        let pools = vec![vec![seat(0), seat(1)], vec![seat(0), seat(0)], vec![seat(1)]];
        let layout = Layout { devices: vec![1, 1], pools };
        let mut requests = requests(&gaps, 0.1);
        for (request, engine) in requests.iter_mut().zip(engines) {
            for piece in &mut request.offer.pieces {
                piece.pool = engine;
            }
        }
        let mut world = World::new(staffed(&layout, Rules::default()), requests);
        world.run(Micros::NEVER);
        assert_continuous(&world);
    }
}
