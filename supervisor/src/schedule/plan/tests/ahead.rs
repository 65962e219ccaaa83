//! Workers that take the next launch in while they speak.

use proptest::prelude::*;

use super::{
    super::{Delivery, Ended, Launch, Offer, Seat, StreamId},
    Board, Layout, Micros, Piece, Rules, assert_continuous, audio_ms, layout, piece, requests, staffed,
};
use crate::{
    simulate::{Request, World},
    speech::Priority,
};

/// A board whose workers take so many in a launch, and the next one in while they speak.
fn ahead(layout: &Layout, batch: usize) -> Board {
    let mut board = Board::new(layout, Rules::default());
    for worker in 0..layout.pools.iter().map(Vec::len).sum() {
        board.works_ahead(worker, true);
        board.worker_ready(worker, batch, Micros::ZERO);
    }
    board
}

fn ask(board: &mut Board, client: u64, pieces: Vec<Piece>, now: Micros) -> StreamId {
    board.admit(&Request::live(now, client, pieces).offer, now).expect("there is time").id
}

/// A segment that keeps its worker for 60 ms.
fn short(pool: usize) -> Vec<Piece> {
    vec![piece(pool, 3000, 0.02)]
}

fn spoken(board: &mut Board, id: StreamId, now: Micros) {
    board.ended(0, id, 0, Ended::Spoken(Micros::s(3)), now);
}

#[test]
fn a_worker_gets_its_next_launch_shortly_before_it_is_free() {
    let mut board = ahead(&layout(1), 2);
    let first = ask(&mut board, 1, short(0), Micros::ZERO);
    assert_eq!(board.next_launch(Micros::ZERO).map(|launch| launch.members), Some(vec![(first, 0)]));
    assert_eq!(board.next_look_ahead(Micros::ZERO), None, "nothing waits");
    let [second, third, fourth] = [2, 3, 4].map(|client| ask(&mut board, client, short(0), Micros::ms(10)));
    assert_eq!(board.next_launch(Micros::ms(10)), None, "it is not nearly free");
    let look = board.next_look_ahead(Micros::ms(10)).expect("something waits");
    assert_eq!(look, Micros::ms(40), "a third of it");
    let launch = Launch { worker: 0, members: vec![(second, 0), (third, 0)], is_ahead: true };
    assert_eq!(board.next_launch(look), Some(launch));
    assert_eq!((board.next_launch(look), board.next_look_ahead(look)), (None, None), "one is enough");
    // It took 5 ms longer than was told: then the others take as much longer.
    spoken(&mut board, first, Micros::ms(65));
    assert_eq!(board.next_look_ahead(Micros::ms(65)), Some(Micros::ms(65 + 120 - 40)));
    spoken(&mut board, second, Micros::ms(125));
    spoken(&mut board, third, Micros::ms(170));
    assert_eq!(board.next_launch(Micros::ms(170)).map(|launch| launch.is_ahead), Some(false));
    spoken(&mut board, fourth, Micros::ms(230));
    assert_eq!(board.speaking().count(), 0);
}

#[test]
fn what_was_given_ahead_is_counted_with_when_somebody_comes() {
    let mut board = ahead(&layout(1), 1);
    let first = ask(&mut board, 1, vec![piece(0, 1500, 0.1)], Micros::ZERO);
    board.next_launch(Micros::ZERO);
    let second = ask(&mut board, 2, vec![piece(0, 1200, 0.1)], Micros::ms(100));
    assert!(board.next_launch(Micros::ms(140)).is_some_and(|launch| launch.is_ahead));
    let worlds = [
        // In front of the second it would be in time, and behind it it is not.
        (Piece { audio: Micros::ms(1500), ..piece(0, 1600, 0.1) }, Micros::ms(180)),
        (Piece { audio: Micros::ms(1500), ..piece(0, 800, 0.1) }, Micros::ms(260)),
    ];
    for (asks, deadline) in worlds {
        let live = Request::live(Micros::ms(140), 3, vec![asks]).offer;
        let offer = Offer { deadline: Some(deadline), ..live };
        let in_time = asks.first + Micros::ms(130) <= deadline;
        assert_eq!(board.clone().admit(&offer, Micros::ms(140)).is_ok(), in_time);
    }
    let mut lost = board.worker_lost(0, None, Micros::ms(145));
    lost.sort_unstable();
    assert_eq!(lost, [(first, 0), (second, 0)]);
}

#[test]
fn nothing_is_given_ahead_that_would_keep_others_waiting_for_longer_than_a_segment_may() {
    let mut board = ahead(&layout(1), 4);
    ask(&mut board, 1, short(0), Micros::ZERO);
    board.next_launch(Micros::ZERO);
    let long = ask(&mut board, 2, vec![piece(0, 1450, 0.1)], Micros::ZERO);
    assert_eq!(board.next_launch(Micros::ms(50)), None, "10 and 145 ms are more than 150");
    assert_eq!(board.next_launch(Micros::ms(55)).map(|launch| launch.members), Some(vec![(long, 0)]));
}

#[test]
fn a_device_that_another_engine_waits_for_is_not_kept() {
    let seat = Seat { device: Some(0), slots: 1 };
    let mut board = ahead(&Layout { devices: vec![1], pools: vec![vec![seat], vec![seat]] }, 1);
    ask(&mut board, 1, short(0), Micros::ZERO);
    board.next_launch(Micros::ZERO);
    let other = ask(&mut board, 2, short(1), Micros::ms(5));
    let same = ask(&mut board, 3, short(0), Micros::ms(6));
    assert_eq!(board.next_launch(Micros::ms(50)), None, "the other engine's is more urgent");
    board.leave(other, 1, Micros::ms(51));
    board.remove(other, Micros::ms(51));
    assert_eq!(board.next_launch(Micros::ms(51)).map(|launch| launch.members), Some(vec![(same, 0)]));
}

#[test]
fn what_may_have_ended_a_worker_has_one_for_itself() {
    let mut board = ahead(&layout(1), 4);
    let suspect = ask(&mut board, 1, short(0), Micros::ZERO);
    board.next_launch(Micros::ZERO);
    board.ended(0, suspect, 0, Ended::Again { alone: true }, Micros::ms(1));
    let before = ask(&mut board, 2, vec![piece(0, 3000, 0.01)], Micros::ms(1));
    // The one that is alone is the more urgent one.
    assert_eq!(board.next_launch(Micros::ms(1)).map(|launch| launch.members), Some(vec![(suspect, 0)]));
    assert_eq!(board.next_launch(Micros::ms(60)), None, "nothing comes behind it");
    board.ended(0, suspect, 0, Ended::Again { alone: true }, Micros::ms(61));
    let launch = board.next_launch(Micros::ms(61)).expect("both wait");
    assert_eq!(launch.members.len(), 1);
    let busy = launch.members[0].0;
    let waits = if busy == suspect { before } else { suspect };
    assert_eq!(board.next_launch(Micros::ms(85)), None, "{waits:?} waits until the other has ended");
}

#[test]
fn what_may_have_ended_a_worker_is_not_given_ahead_either() {
    let mut board = ahead(&layout(1), 2);
    let [other, suspect] = [1, 2].map(|client| ask(&mut board, client, short(0), Micros::ZERO));
    assert_eq!(board.next_launch(Micros::ZERO).map(|launch| launch.members.len()), Some(2));
    board.ended(0, suspect, 0, Ended::Again { alone: true }, Micros::ms(1));
    assert_eq!(
        (board.next_launch(Micros::ms(119)), board.next_look_ahead(Micros::ms(1)).is_some()),
        (None, true)
    );
    spoken(&mut board, other, Micros::ms(120));
    let launch = Launch { worker: 0, members: vec![(suspect, 0)], is_ahead: false };
    assert_eq!(board.next_launch(Micros::ms(120)), Some(launch));
}

#[test]
fn nothing_is_given_ahead_before_what_will_be_more_urgent_by_then() {
    let mut board = ahead(&layout(1), 1);
    // As soon as its short beginning is heard, the rest is due.
    let begins = ask(&mut board, 1, vec![piece(0, 100, 0.6), piece(0, 3000, 0.02)], Micros::ZERO);
    board.next_launch(Micros::ZERO);
    ask(&mut board, 2, vec![piece(0, 5000, 0.02)], Micros::ms(1));
    assert_eq!(board.next_launch(Micros::ms(50)), None, "the other one is the more urgent one until then");
    board.ended(0, begins, 0, Ended::Spoken(Micros::ms(100)), Micros::ms(60));
    assert_eq!(board.begin(begins, Micros::ms(60)), Micros::ms(60));
    let launch = Launch { worker: 0, members: vec![(begins, 1)], is_ahead: false };
    assert_eq!(board.next_launch(Micros::ms(60)), Some(launch));
}

#[test]
fn who_is_overdue_or_only_tried_gets_nothing_ahead() {
    let mut board = ahead(&layout(1), 1);
    ask(&mut board, 1, short(0), Micros::ZERO);
    board.next_launch(Micros::ZERO);
    ask(&mut board, 2, short(0), Micros::ZERO);
    assert!(board.clone().next_launch(Micros::ms(70)).is_some());
    assert_eq!(board.next_launch(Micros::ms(80)), None, "nobody knows when it is free");
    let mut board = ahead(&layout(1), 1);
    assert!(board.probe(0, Micros::ms(50), Micros::ZERO));
    ask(&mut board, 1, short(0), Micros::ZERO);
    assert_eq!((board.next_launch(Micros::ms(45)), board.next_look_ahead(Micros::ZERO)), (None, None));
}

#[test]
fn what_nobody_listens_to_is_known_for_that_when_it_begins() {
    let seat = Seat { device: Some(0), slots: 1 };
    let mut board = ahead(&Layout { devices: vec![1], pools: vec![vec![seat], vec![seat]] }, 1);
    let live = ask(&mut board, 1, short(0), Micros::ZERO);
    board.next_launch(Micros::ZERO);
    let mut batch = Request::live(Micros::ZERO, 2, short(0)).offer;
    (batch.class, batch.delivery) = (Priority::Batch, Delivery::Whole);
    board.admit(&batch, Micros::ZERO).expect("there is time");
    assert!(board.next_launch(Micros::ms(55)).is_some_and(|launch| launch.is_ahead));
    spoken(&mut board, live, Micros::ms(60));
    // It takes much longer than was told, and somebody waits for its device.
    ask(&mut board, 3, short(1), Micros::ms(61));
    assert_eq!(board.next_pause(Micros::ms(400)), Some(0));
}

#[test]
fn one_that_could_not_be_given_waits_again() {
    let mut board = ahead(&layout(1), 1);
    let first = ask(&mut board, 1, short(0), Micros::ZERO);
    board.next_launch(Micros::ZERO);
    let second = ask(&mut board, 2, short(0), Micros::ZERO);
    assert!(board.next_launch(Micros::ms(55)).is_some());
    board.take_ahead_back(0, Micros::ms(55));
    spoken(&mut board, first, Micros::ms(60));
    let launch = Launch { worker: 0, members: vec![(second, 0)], is_ahead: false };
    assert_eq!(board.next_launch(Micros::ms(60)), Some(launch));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nobody_waits_for_what_was_given_ahead(
        arrivals in prop::collection::vec((0_i64..400_000, audio_ms(), 0_u64..5), 1..60),
        whole in prop::collection::vec(any::<bool>(), 60),
        leaves in prop::collection::vec(prop::option::weighted(0.2, 0_i64..6_000_000), 60),
        workers in 1_usize..4,
        batch in 1_usize..5,
        rtf in 0.01_f64..0.5,
    ) {
        let mut requests = requests(&arrivals, rtf);
        for ((request, whole), leaves) in requests.iter_mut().zip(whole).zip(leaves) {
            request.offer.delivery = if whole { Delivery::Whole } else { Delivery::Live };
            request.leaves = leaves.map(Micros);
        }
        let mut world = World::new(ahead(&layout(workers), batch), requests);
        world.run(Micros::NEVER);
        assert_continuous(&world);
        prop_assert_eq!(world.discipline.streams(), 0);
        prop_assert_eq!(world.discipline.demand(0), Micros::ZERO);
        prop_assert_eq!(world.discipline.speaking().count(), 0);
    }

    #[test]
    fn launches_that_are_given_ahead_leave_no_pause_and_what_is_spoken_is_the_same(
        texts in prop::collection::vec(audio_ms(), 2..20),
        batch in 1_usize..5,
    ) {
        // All of them at once, wanted as a whole: one worker is busy from the first to the last.
        let requests: Vec<Request> = (0..).zip(&texts).map(|(client, audio)| {
            let mut request = Request::live(Micros::ZERO, client, super::text(0, *audio, 0.02));
            request.offer.delivery = Delivery::Whole;
            request
        }).collect();
        let work: Micros = requests.iter().flat_map(|request| &request.offer.pieces).map(|piece| piece.total).sum();
        let mut with = World::new(ahead(&layout(1), batch), requests.clone());
        let mut board = Board::new(&layout(1), Rules::default());
        board.worker_ready(0, batch, Micros::ZERO);
        let mut without = World::new(board, requests);
        with.run(Micros::NEVER);
        without.run(Micros::NEVER);
        prop_assert_eq!(with.spoken.len(), without.spoken.len());
        prop_assert_eq!(with.spoken.iter().map(|spoken| spoken.at).max(), Some(work));
    }
}

#[test]
fn a_board_that_does_not_work_ahead_gives_nothing_ahead() {
    let mut board = staffed(&layout(1), Rules::default());
    ask(&mut board, 1, short(0), Micros::ZERO);
    board.next_launch(Micros::ZERO);
    ask(&mut board, 2, short(0), Micros::ZERO);
    assert_eq!((board.next_launch(Micros::ms(59)), board.next_look_ahead(Micros::ZERO)), (None, None));
}
