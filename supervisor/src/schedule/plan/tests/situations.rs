//! What happens in one situation each.

use super::{
    super::{
        ClientIndex, Delivery, Ended, Layout, Micros, Offer, Piece, Rejection, Rules, Seat,
        forward::{Guest, Miss, Play},
    },
    assert_continuous, board, layout, piece, staffed, text,
};
use crate::{
    simulate::{Fate, Reader, Request, World},
    speech::Priority,
};

fn offer(pieces: Vec<Piece>) -> Offer {
    Request::live(Micros::ZERO, 1, pieces).offer
}

#[test]
fn an_idle_machine_begins_at_once() {
    let mut board = board(2);
    let admitted = board.admit(&offer(text(0, 4000, 0.1)), Micros::ZERO).unwrap();
    assert_eq!(admitted.promised, Micros::ms(320), "twice the idle cost of the first segment");
    let launch = board.next_launch(Micros::ZERO).unwrap();
    assert_eq!(launch.members, [(admitted.id, 0)]);
    assert_eq!(board.next_launch(Micros::ZERO).unwrap().members, [(admitted.id, 1)], "no worker stays idle");
    assert_eq!(board.next_launch(Micros::ZERO), None);
}

#[test]
fn an_urgent_newcomer_waits_for_at_most_one_running_segment() {
    let mut world = World::new(board(1), vec![Request::live(Micros::ZERO, 1, text(0, 30_000, 0.1))]);
    world.run(Micros::ms(700));
    let newcomer = world.ask(Request::live(Micros::ms(700), 2, text(0, 1000, 0.1)));
    world.run(Micros::NEVER);
    let Some(Fate::Served { first, underrun, .. }) = world.fates[newcomer] else {
        panic!("{:?}", world.fates)
    };
    assert!(first <= Micros::ms(320 + 100), "{first:?}");
    assert_eq!(underrun, Micros::ZERO);
}

#[test]
fn an_engine_slower_than_speech_begins_late_and_goes_on_without_a_gap() {
    let mut world = World::new(board(1), vec![Request::live(Micros::ZERO, 1, text(0, 12_000, 1.5))]);
    world.run(Micros::NEVER);
    let Some(Fate::Served { first, underrun, .. }) = world.fates[0] else { panic!("{:?}", world.fates) };
    assert_eq!(underrun, Micros::ZERO);
    assert!(first > Micros::s(7) && first < Micros::s(12), "{first:?}");
    // With two workers the same engine keeps up.
    let mut world = World::new(board(2), vec![Request::live(Micros::ZERO, 1, text(0, 12_000, 0.9))]);
    world.run(Micros::NEVER);
    let Some(Fate::Served { first, .. }) = world.fates[0] else { panic!("{:?}", world.fates) };
    assert_eq!(first, Micros::ms(1440));
}

#[test]
fn what_can_never_be_in_time_is_told_at_once() {
    let mut board = board(1);
    let slow = offer(text(0, 120_000, 5.3));
    assert!(matches!(board.admit(&slow, Micros::ZERO), Err(Rejection::TooSlow { .. })), "too much to hold");
    let hasty = Offer { deadline: Some(Micros::ms(100)), ..offer(text(0, 3000, 0.1)) };
    let needs = Micros::ms(160);
    assert_eq!(board.admit(&hasty, Micros::ZERO), Err(Rejection::DeadlineTooShort { needs }));
    let whole =
        Offer { delivery: Delivery::Whole, deadline: Some(Micros::ms(250)), ..offer(text(0, 3000, 0.1)) };
    let needs = Micros::ms(300);
    assert_eq!(board.admit(&whole, Micros::ZERO), Err(Rejection::DeadlineTooShort { needs }));
    assert_eq!(board.streams(), 0);
}

#[test]
fn what_is_late_already_keeps_nobody_else_out() {
    let layout = Layout { devices: Vec::new(), pools: vec![vec![Seat::default()], vec![Seat::default()]] };
    let mut board = staffed(&layout, Rules::default());
    board.admit(&offer(vec![piece(0, 1000, 0.5), piece(0, 1000, 0.3)]), Micros::ZERO).unwrap();
    board.next_launch(Micros::ZERO).unwrap();
    // Its first segment takes twice as long as was told, and more: its second will be late.
    let now = Micros::s(1);
    assert!(board.admit(&offer(text(1, 3000, 0.1)), now).is_ok(), "another engine has nothing to do with it");
    assert!(board.admit(&offer(text(0, 3000, 0.1)), now).is_err(), "here there is too much to do already");
}

#[test]
fn a_share_is_one_of_what_a_device_can_do() {
    // Two workers, and room for one of them at a time.
    let seat = Seat { device: Some(0), slots: 1 };
    let layout = Layout { devices: vec![1], pools: vec![vec![seat; 2]] };
    let mut board = staffed(&layout, Rules { batch_share: 0.9, ..Rules::default() });
    for number in 0..3 {
        let batch = Offer {
            client: ClientIndex(number),
            class: Priority::Batch,
            delivery: Delivery::Whole,
            ..offer(text(0, 30_000, 0.1))
        };
        assert!(board.admit(&batch, Micros::ZERO).is_ok(), "{number}");
    }
}

#[test]
fn who_is_told_to_come_back_is_not_told_what_others_were_told() {
    let mut board = board(1);
    let mut told = Vec::new();
    for client in 0..8 {
        let one = Offer { client: ClientIndex(client), ..offer(text(0, 1600, 0.1)) };
        match board.admit(&one, Micros::ZERO) {
            Ok(_) => while board.next_launch(Micros::ZERO).is_some() {},
            Err(Rejection::Capacity { retry }) => told.push(retry),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(told.len() > 3);
    assert!(told.iter().collect::<std::collections::BTreeSet<_>>().len() > 1, "{told:?}");
    assert!(told.is_sorted(), "{told:?}");
}

#[test]
fn memory_is_bounded() {
    let rules = Rules { most_bytes: 1000, ..Rules::default() };
    let mut board = staffed(&layout(1), rules);
    let heavy = Offer { bytes: 600, ..offer(text(0, 1000, 0.01)) };
    let first = board.admit(&heavy, Micros::ZERO).unwrap();
    let refused = board.admit(&heavy, Micros::ZERO);
    assert!(matches!(refused, Err(Rejection::Memory { retry }) if retry >= Micros::s(1)), "{refused:?}");
    board.leave(first.id, first.listener, Micros::ZERO);
    assert!(board.admit(&heavy, Micros::ZERO).is_ok());
}

#[test]
fn a_full_buffer_stops_production_and_a_reader_starts_it_again() {
    let rules = Rules { buffer: Micros::ms(6500), ..Rules::default() };
    let mut board = staffed(&layout(1), rules);
    let admitted = board.admit(&offer(text(0, 20_000, 0.1)), Micros::ZERO).unwrap();
    let mut now = Micros::ZERO;
    let mut made = 0;
    while let Some(launch) = board.next_launch(now) {
        let (id, segment) = launch.members[0];
        now += Micros::ms(320);
        let audio = if segment == 0 { 1600 } else { 3200 };
        board.ended(launch.worker, id, segment, Ended::Spoken(Micros::ms(audio)), now);
        made += audio;
    }
    assert_eq!(made, 4800, "a third segment would not fit whole");
    board.read(admitted.id, admitted.listener, Micros::ms(1600), true, now);
    assert!(board.next_launch(now).is_some());
}

#[test]
fn a_reader_that_pauses_is_owed_nothing_and_one_that_waits_for_us_is() {
    let mut board = board(1);
    let text = || offer(vec![piece(0, 1000, 0.1); 4]);
    let paused = board.admit(&text(), Micros::ZERO).unwrap();
    let waits = board.admit(&text(), Micros::ZERO).unwrap();
    // Both have heard a second each; of both another second is there.
    let mut now = Micros::ZERO;
    for (stream, segment) in [(paused, 0), (waits, 0), (paused, 1), (waits, 1)] {
        let launch = board.next_launch(now).unwrap();
        assert_eq!(launch.members, [(stream.id, segment)]);
        now += Micros::ms(100);
        board.ended(0, stream.id, segment, Ended::Spoken(Micros::s(1)), now);
        if segment == 0 {
            board.read(stream.id, stream.listener, Micros::s(1), true, now);
        }
    }
    // Much later one comes back for what was ready, and the other one gets what it had to wait for.
    let now = Micros::s(5);
    board.read(paused.id, paused.listener, Micros::s(1), false, now);
    board.read(waits.id, waits.listener, Micros::s(1), true, now);
    assert_eq!(board.next_launch(now).unwrap().members, [(waits.id, 2)]);
}

/// Requests at these moments for texts of these lengths, both in milliseconds.
fn asked(requests: &[(i64, i64)], rtf: f64) -> Vec<Request> {
    let request = |&(arrives, audio): &(i64, i64)| Request::live(Micros::ms(arrives), 1, text(0, audio, rtf));
    requests.iter().map(request).collect()
}

#[test]
fn nobody_waits_because_somebody_left_and_another_began_sooner() {
    // When the first one leaves, the next ones could begin sooner, and what they need then would go before the second
    // segment of the third.
    let mut requests = asked(&[(300, 3800), (400, 3600), (600, 4800), (900, 1600)], 0.35);
    requests[0].leaves = Some(Micros::ms(600));
    let mut world = World::new(board(2), requests);
    world.run(Micros::NEVER);
    assert_continuous(&world);
}

#[test]
fn nobody_waits_because_a_segment_took_less_than_was_told() {
    let mut requests = asked(&[(200, 3600), (300, 4800), (600, 4800), (700, 2685), (1300, 1600)], 0.45);
    let told = &requests[3].offer.pieces;
    requests[3].truth = told
        .iter()
        .map(|told| {
            let total = told.total.times(0.7);
            Piece { total, first: total, ..*told }
        })
        .collect();
    let mut world = World::new(board(3), requests);
    world.run(Micros::NEVER);
    assert_continuous(&world);
}

#[test]
fn nobody_waits_because_others_go_before_one_that_pauses() {
    let requests = [
        (11_674_442, 8000),
        (12_521_602, 8000),
        (12_873_834, 2859),
        (13_616_420, 8000),
        (14_211_142, 4800),
        (15_025_938, 1600),
        (15_508_923, 921),
        (15_587_270, 4280),
        (16_101_357, 4800),
        (16_829_178, 976),
    ];
    let mut requests: Vec<Request> = requests
        .into_iter()
        .map(|(arrives, audio)| Request::live(Micros(arrives), 1, text(0, audio, 0.306_601)))
        .collect();
    requests[7].reader = Reader::Paced { ahead: Micros::ms(3294), pause: Some((0, Micros::ms(6179))) };
    let mut world = World::new(board(2), requests);
    world.run(Micros::NEVER);
    assert_continuous(&world);
}

#[test]
fn a_stream_begins_with_its_first_audio_and_one_that_is_slower_than_speech_when_it_is_to() {
    let mut board = board(1);
    let admitted = board.admit(&offer(text(0, 4000, 0.1)), Micros::ZERO).unwrap();
    board.next_launch(Micros::ZERO).unwrap();
    assert_eq!(board.begin(admitted.id, Micros::ms(100)), Micros::ms(100), "sooner than was told");
    assert_eq!(board.begin(admitted.id, Micros::ms(200)), Micros::ms(200), "it has begun");
    let mut board = super::board(1);
    let slow = board.admit(&offer(text(0, 12_000, 1.5)), Micros::ZERO).unwrap();
    board.next_launch(Micros::ZERO).unwrap();
    assert_eq!(board.begin(slow.id, Micros::ms(2400)), slow.promised);
}

#[test]
fn a_join_is_one_more_listener_and_the_last_one_to_leave_ends_it() {
    let mut board = board(1);
    let first = board.admit(&offer(text(0, 9000, 0.1)), Micros::ZERO).unwrap();
    let second = board.join(first.id, Priority::Interactive, Delivery::Live, None, Micros::ms(500)).unwrap();
    assert_eq!(board.streams(), 1);
    assert!(!board.leave(first.id, first.listener, Micros::ms(600)));
    assert!(board.leave(second.id, second.listener, Micros::ms(700)));
    assert_eq!(board.streams(), 0);
}

#[test]
fn when_a_worker_is_lost_the_newest_wait_and_the_others_hear_nothing_of_it() {
    // One worker carries four listeners in real time; two carry eight, who read as they play.
    let rules = Rules { buffer: Micros::s(2), ..Rules::default() };
    let listener = |n: i64| Request {
        reader: Reader::Paced { ahead: Micros::s(1), pause: None },
        ..Request::live(Micros::ms(n * 700), 1, vec![piece(0, 640, 0.23); 40])
    };
    let mut world = World::new(staffed(&layout(2), rules), (0..8).map(listener).collect());
    world.run(Micros::s(6));
    assert_eq!(world.streams(), 8);
    world.lose(0, Micros::s(6), Micros::s(14));
    world.run(Micros::NEVER);
    let gaps: Vec<_> = world
        .fates
        .iter()
        .flatten()
        .filter_map(|fate| match fate {
            Fate::Served { underrun, .. } => Some(underrun.to_ms() > 0.0),
            _ => None,
        })
        .collect();
    // One was on the lost worker.
    assert_eq!(gaps.len(), 7);
    let kept = gaps.iter().take_while(|gap| !**gap).count();
    assert!((3..7).contains(&kept), "the oldest are kept in time, and not all can be: {gaps:?}");
}

#[test]
fn at_half_load_one_of_two_workers_may_be_lost_and_nobody_hears_it() {
    // One worker carries all four who listen, so the other one is not missed.
    let rules = Rules { buffer: Micros::s(2), ..Rules::default() };
    let listener = |n: i64| Request {
        reader: Reader::Paced { ahead: Micros::s(1), pause: None },
        ..Request::live(Micros::ms(n * 700), 1, vec![piece(0, 640, 0.23); 40])
    };
    let mut world = World::new(staffed(&layout(2), rules), (0..4).map(listener).collect());
    world.lose(0, Micros::s(6), Micros::s(14));
    world.run(Micros::NEVER);
    let served = world.fates.iter().flatten().filter_map(|fate| match fate {
        Fate::Served { underrun, .. } => Some(underrun.to_ms()),
        _ => None,
    });
    let gaps: Vec<f64> = served.collect();
    // Here what was running there ends; the dispatcher has it spoken again.
    assert!(gaps.len() >= 3, "{gaps:?}");
    assert!(gaps.iter().all(|gap| *gap <= 100.0), "{gaps:?}");
}

#[test]
fn text_that_is_still_arriving_keeps_its_place() {
    let mut board = board(1);
    let tail = piece(0, 2000, 0.6);
    let talker = Offer { open: Some(tail), ..offer(vec![tail]) };
    let admitted = board.admit(&talker, Micros::ZERO).unwrap();
    assert!(board.admit(&Offer { client: ClientIndex(2), ..talker.clone() }, Micros::ZERO).is_err());
    // It runs dry: the worker has nothing to do, and still nobody takes its place for long.
    let launch = board.next_launch(Micros::ZERO).unwrap();
    board.ended(launch.worker, admitted.id, 0, Ended::Spoken(tail.audio), Micros::s(1));
    board.read(admitted.id, admitted.listener, tail.audio, true, Micros::s(1));
    assert!(board.admit(&Offer { client: ClientIndex(2), ..talker.clone() }, Micros::s(9)).is_err());
    board.append(admitted.id, &[tail], Micros::s(10));
    assert!(board.next_launch(Micros::s(10)).is_some());
    board.close(admitted.id);
    assert!(board.admit(&Offer { client: ClientIndex(2), ..talker }, Micros::s(11)).is_ok());
}

#[test]
fn text_that_has_yet_to_come_is_counted_with_in_real_time() {
    let mut board = board(1);
    // As good as nothing for three seconds of speech: in a minute a worker could speak for years.
    let tail = Piece { total: Micros(1), first: Micros(1), ..piece(0, 3000, 0.01) };
    let talker = Offer { open: Some(tail), ..offer(vec![tail]) };
    let (stream, _) = board.stream_of(&talker, true, Micros::ZERO).unwrap();
    for mut play in [Play::idle(&board, Micros::ZERO), Play::of(&board, Micros::ZERO).eager()] {
        play = play.watch(Guest { stream: &stream, arrives: Micros::ZERO, shift: Micros::ZERO });
        play.run().unwrap_or_else(|Miss| panic!("nobody else is there"));
        assert!((5..30).contains(&play.met.len()), "{}", play.met.len());
    }
}

#[test]
fn who_waits_for_an_engine_that_comes_up_is_promised_from_then() {
    let mut board = super::super::Board::new(&layout(1), Rules::default());
    board.worker_ready(0, 1, Micros::ZERO);
    board.worker_lost(0, Some(Micros::s(5)), Micros::ZERO);
    let admitted = board.admit(&offer(text(0, 1000, 0.1)), Micros::ZERO).unwrap();
    assert_eq!(admitted.promised, Micros::ms(5300));
}

#[test]
fn slow_batch_work_makes_room_for_somebody_who_listens() {
    let seat = Seat { device: Some(0), slots: 1 };
    let layout = Layout { devices: vec![1], pools: vec![vec![seat], vec![seat]] };
    let mut board = staffed(&layout, Rules::default());
    let book =
        Offer { class: Priority::Batch, delivery: Delivery::Whole, ..offer(vec![piece(0, 4000, 5.0)]) };
    let book = board.admit(&book, Micros::ZERO).unwrap();
    assert_eq!(board.next_launch(Micros::ZERO).unwrap().worker, 0);
    assert_eq!(board.next_pause(Micros::ZERO), None, "nobody waits for it");
    let live = board.admit(&offer(text(1, 1000, 0.05)), Micros::s(1)).unwrap();
    assert_eq!(board.next_launch(Micros::s(1)), None, "the device is taken");
    assert_eq!(board.next_pause(Micros::s(1)), Some(0));
    assert_eq!(board.next_pause(Micros::s(1)), None, "it was asked already");
    board.paused(0, Micros::ms(1100));
    let launch = board.next_launch(Micros::ms(1100)).unwrap();
    assert_eq!((launch.worker, launch.members), (1, vec![(live.id, 0)]));
    assert_eq!(board.next_resume(Micros::ms(1100)), None, "somebody listens");
    board.ended(1, live.id, 0, Ended::Spoken(Micros::s(1)), Micros::ms(1150));
    assert_eq!(board.next_resume(Micros::ms(1150)), Some(0));
    assert_eq!(board.next_resume(Micros::ms(1150)), None);
    board.ended(0, book.id, 0, Ended::Spoken(Micros::s(4)), Micros::s(21));
    assert!(board.next_launch(Micros::s(21)).is_none());
    // Asked to pause when it had just ended, it is told to go on all the same.
    let again =
        Offer { class: Priority::Batch, delivery: Delivery::Whole, ..offer(vec![piece(0, 4000, 5.0)]) };
    let again = board.admit(&again, Micros::s(30)).unwrap();
    board.next_launch(Micros::s(30)).unwrap();
    board.admit(&offer(text(1, 1000, 0.05)), Micros::s(31)).unwrap();
    assert_eq!(board.next_pause(Micros::s(31)), Some(0));
    board.ended(0, again.id, 0, Ended::Spoken(Micros::s(4)), Micros::s(31));
    assert_eq!(board.next_resume(Micros::s(31)), Some(0));
    assert_eq!(board.next_launch(Micros::s(31)).unwrap().worker, 1);
}

#[test]
fn batches_hold_what_is_due_and_no_more_than_keeps_everybody_in_time() {
    let layout = Layout { devices: vec![1], pools: vec![vec![Seat { device: Some(0), slots: 1 }]] };
    let mut board = staffed(&layout, Rules::default());
    board.worker_lost(0, None, Micros::ZERO);
    board.worker_ready(0, 4, Micros::ZERO);
    let blocker = board.admit(&offer(vec![piece(0, 2000, 0.02)]), Micros::ZERO).unwrap();
    let launch = board.next_launch(Micros::ZERO).unwrap();
    assert_eq!(launch.members.len(), 1);
    for client in 0..6 {
        board
            .admit(&Offer { client: ClientIndex(client), ..offer(vec![piece(0, 2000, 0.02)]) }, Micros(1))
            .unwrap();
    }
    board.ended(0, blocker.id, 0, Ended::Spoken(Micros::ms(2000)), Micros::ms(40));
    // Three of 40 ms are what half the time to first audio has room for.
    assert_eq!(board.next_launch(Micros::ms(40)).unwrap().members.len(), 3);
}

#[test]
fn a_streams_next_segment_does_not_delay_its_first_audio() {
    let mut board = board(1);
    board.worker_lost(0, None, Micros::ZERO);
    board.worker_ready(0, 4, Micros::ZERO);
    let pieces = text(0, 12_000, 0.01);
    let alone = board.admit(&offer(pieces.clone()), Micros::ZERO).unwrap();
    let other = board.admit(&offer(pieces), Micros::ZERO).unwrap();
    assert_eq!(board.next_launch(Micros::ZERO).unwrap().members, [(alone.id, 0), (other.id, 0)]);
}
