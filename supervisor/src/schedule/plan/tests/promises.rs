//! What is promised to everybody, whatever comes: properties.

use proptest::prelude::*;

use super::{
    super::{
        Delivery, Micros, Piece, Rejection, Rules, Seat,
        admission::Outset,
        comeback::Future,
        forward::{Guest, Weights},
        outlook::{Outlook, Verdict},
    },
    Layout, assert_continuous, audio_ms, board, requests, staffed, text,
};
use crate::{
    simulate::{Fate, Reader, Request, World},
    speech::Priority,
};

fn arrivals(most_gap: i64) -> impl Strategy<Value = Vec<(i64, i64, u64)>> {
    prop::collection::vec((0..most_gap, audio_ms(), 0_u64..5), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn who_is_let_in_never_waits_for_audio(
        arrivals in arrivals(1_500_000),
        workers in 1_usize..4,
        rtf in 0.02_f64..0.9,
    ) {
        let mut world = World::new(board(workers), requests(&arrivals, rtf));
        world.run(Micros::NEVER);
        assert_continuous(&world);
    }

    #[test]
    fn first_audio_comes_in_time(arrivals in arrivals(600_000), workers in 1_usize..4, rtf in 0.02_f64..0.15) {
        let mut world = World::new(board(workers), requests(&arrivals, rtf));
        world.run(Micros::NEVER);
        for (fate, request) in world.fates.iter().zip(&arrivals) {
            if let Some(Fate::Served { first, .. }) = fate {
                let own = text(0, request.1, rtf)[0].total;
                prop_assert!(*first <= Micros::ms(300).max(own * 2), "{first:?}");
            }
        }
    }

    #[test]
    fn who_comes_back_when_told_is_let_in(
        arrivals in arrivals(60_000),
        late in audio_ms(),
        workers in 1_usize..4,
        rtf in 0.05_f64..0.5,
        rounds_up in any::<bool>(),
    ) {
        let mut world = World::new(board(workers), requests(&arrivals, rtf));
        let asks = arrivals.iter().map(|arrival| arrival.0).sum::<i64>();
        world.run(Micros(asks));
        let request = |arrives| Request::live(arrives, 77, text(0, late, rtf));
        let first = world.ask(request(world.now()));
        world.run(world.now());
        if let Some(Fate::Refused(Rejection::Capacity { retry } | Rejection::Fairness { retry })) = world.fates[first] {
            let wait = if rounds_up { Micros::s((retry.to_ms() / 1000.0).ceil() as i64) } else { retry };
            let back = world.now() + wait;
            world.run(back - Micros(1));
            let second = world.ask(request(back));
            world.run(Micros::NEVER);
            prop_assert!(matches!(world.fates[second], Some(Fate::Served { .. })), "{:?}", world.fates[second]);
        }
        world.run(Micros::NEVER);
        assert_continuous(&world);
    }

    #[test]
    fn readers_that_pace_themselves_or_pause_delay_nobody(
        arrivals in arrivals(900_000),
        readers in prop::collection::vec((0_i64..8000, prop::option::of((0_usize..8, 0_i64..20_000))), 60),
        workers in 1_usize..3,
        rtf in 0.05_f64..0.4,
    ) {
        let rules = Rules { buffer: Micros::ms(9600), ..Rules::default() };
        let mut requests = requests(&arrivals, rtf);
        for (request, (ahead, pause)) in requests.iter_mut().zip(readers) {
            let pause = pause.map(|(segment, length)| (segment, Micros::ms(length)));
            request.reader = Reader::Paced { ahead: Micros::ms(ahead), pause };
        }
        let mut world = World::new(staffed(&super::layout(workers), rules), requests);
        world.run(Micros::NEVER);
        assert_continuous(&world);
    }

    #[test]
    fn clients_that_leave_free_their_work_and_nothing_is_left(
        arrivals in arrivals(300_000),
        leaves in prop::collection::vec(prop::option::of(0_i64..6_000_000), 60),
        rtf in 0.05_f64..0.5,
    ) {
        let mut requests = requests(&arrivals, rtf);
        for (request, leaves) in requests.iter_mut().zip(leaves) {
            request.leaves = leaves.map(Micros);
        }
        let mut world = World::new(board(2), requests);
        world.run(Micros::NEVER);
        assert_continuous(&world);
        prop_assert_eq!(world.discipline.streams(), 0);
        prop_assert_eq!(world.discipline.waiting().interactive, 0);
        prop_assert_eq!(world.discipline.demand(0), Micros::ZERO);
        prop_assert_eq!(world.discipline.bytes(), 0);
    }

    #[test]
    fn nobody_waits_because_others_leave_or_need_less_than_was_told(
        arrivals in arrivals(300_000),
        leaves in prop::collection::vec(prop::option::of(0_i64..6_000_000), 60),
        needs in prop::collection::vec(0.5_f64..1.0, 60),
        workers in 1_usize..4,
        rtf in 0.05_f64..0.5,
    ) {
        let mut requests = requests(&arrivals, rtf);
        for (number, (request, leaves)) in requests.iter_mut().zip(leaves).enumerate() {
            request.leaves = leaves.map(Micros);
            let less = |(at, piece): (usize, &Piece)| {
                let total = piece.total.times(needs[(number + at) % needs.len()]);
                Piece { total, first: total, ..*piece }
            };
            request.truth = request.offer.pieces.iter().enumerate().map(less).collect();
        }
        let mut world = World::new(board(workers), requests);
        world.run(Micros::NEVER);
        assert_continuous(&world);
    }

    #[test]
    fn whole_answers_and_batch_work_make_no_stream_stutter(
        arrivals in arrivals(400_000),
        kinds in prop::collection::vec((any::<bool>(), any::<bool>()), 60),
        rtf in 0.05_f64..0.4,
    ) {
        let mut requests = requests(&arrivals, rtf);
        for (request, (whole, batch)) in requests.iter_mut().zip(kinds) {
            request.offer.delivery = if whole { Delivery::Whole } else { Delivery::Live };
            request.offer.class = if batch { Priority::Batch } else { Priority::Interactive };
        }
        let mut world = World::new(board(2), requests.clone());
        world.run(Micros::NEVER);
        assert_continuous(&world);
        for (fate, request) in world.fates.iter().zip(&requests) {
            if let (Some(Fate::Served { first, .. }), Delivery::Whole) = (fate, request.offer.delivery) {
                let own: Micros = request.offer.pieces.iter().map(|piece| piece.total).sum();
                prop_assert!(*first <= Micros::s(30).max(own * 2), "{first:?}");
            }
        }
    }

    #[test]
    fn engines_on_one_device_keep_their_promises(
        arrivals in arrivals(500_000),
        engines in prop::collection::vec(0_usize..3, 60),
        mixed in any::<bool>(),
    ) {
        // A CPU with two slots: one engine needs both, one has two workers with one each, one needs none.
        let seat = |slots| Seat { device: Some(0), slots };
        let layout = Layout { devices: vec![2], pools: vec![vec![seat(2)], vec![seat(1); 2], vec![Seat::default()]] };
        let rtfs = [0.05, 0.12, 0.2];
        let mut requests = requests(&arrivals, 0.1);
        for (number, (request, engine)) in requests.iter_mut().zip(engines).enumerate() {
            for (at, piece) in request.offer.pieces.iter_mut().enumerate() {
                let pool = if mixed && number % 2 == 0 { (engine + at) % 3 } else { engine };
                *piece = super::piece(pool, piece.audio.0 / 1000, rtfs[pool]);
            }
        }
        let mut world = World::new(staffed(&layout, Rules::default()), requests);
        world.run(Micros::NEVER);
        assert_continuous(&world);
    }

    #[test]
    fn a_flood_keeps_no_modest_client_out(rtf in 0.05_f64..0.3, workers in 1_usize..3, asks in 4_000_000_i64..9_000_000) {
        // Three times what the workers can do, from one client.
        let gap = 3_000_000.0 * rtf / 3.0 / workers as f64;
        let mut flood: Vec<Request> = Vec::new();
        let mut now = Micros::ZERO;
        while now < Micros::s(20) {
            flood.push(Request::live(now, 1, text(0, 3000, rtf)));
            now += Micros(gap as i64);
        }
        let mut world = World::new(board(workers), flood);
        world.run(Micros(asks));
        let modest = |arrives| Request::live(arrives, 2, text(0, 2500, rtf));
        let number = world.ask(modest(world.now()));
        world.run(world.now());
        if let Some(Fate::Refused(Rejection::Capacity { retry } | Rejection::Fairness { retry })) = world.fates[number] {
            let back = world.now() + Micros::s((retry.to_ms() / 1000.0).ceil() as i64);
            world.run(back - Micros(1));
            let again = world.ask(modest(back));
            world.run(Micros::NEVER);
            prop_assert!(matches!(world.fates[again], Some(Fate::Served { .. })), "{:?}", world.fates[again]);
        }
        world.run(Micros::NEVER);
        assert_continuous(&world);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_known_without_playing_is_what_playing_tells(
        arrivals in arrivals(250_000),
        kinds in prop::collection::vec((0_u8..4, 0_i64..6000), 60),
        workers in 1_usize..8,
        rtf in 0.05_f64..0.6,
        buffer in 4_i64..24,
        shift in prop_oneof![Just(0_i64), 0_i64..8_000_000],
        before in prop_oneof![Just(0_i64), 0_i64..8_000_000],
        newcomer in audio_ms(),
    ) {
        let rules = Rules { buffer: Micros::s(buffer), ..Rules::default() };
        let mut requests = requests(&arrivals, rtf);
        for (request, (kind, ahead)) in requests.iter_mut().zip(kinds) {
            match kind {
                0 => request.offer.delivery = Delivery::Whole,
                1 => request.reader = Reader::Paced { ahead: Micros::ms(ahead), pause: None },
                _ => {}
            }
        }
        let mut world = World::new(staffed(&super::layout(workers), rules), requests);
        for step in 1..30 {
            let now = Micros::ms(step * 250);
            world.run(now);
            let told = Outlook::of(&world.discipline, now).expect("one pool, no device, nobody in a batch");
            let mut other = world.discipline.clone();
            let asks = Request::live(now, 99, text(0, newcomer, rtf)).offer;
            let Ok((stream, ..)) = other.stream_of(&asks, true, now) else { continue };
            let arrives = now + Micros(shift);
            let guest = Guest { stream: &stream, arrives, shift: Micros(shift) };
            let early = Guest { stream: &stream, arrives: now + Micros(before), shift: Micros(before) };
            let fits = |guests: &[Guest<'_>]| {
                world.discipline.fits(&Outset::default(), now, Weights::default(), || guests.iter())
            };
            for (known, guests) in
                [(vec![], vec![]), (vec![], vec![guest]), (vec![early], vec![]), (vec![early], vec![guest])]
            {
                let mut outlook = told.with(known.iter()).expect("they are simple");
                if fits(&known) {
                    outlook.settle();
                }
                let plays = fits(&[&known[..], &guests].concat());
                for outlook in [&told.with(known.iter()).expect("they are simple"), &outlook] {
                    match outlook.verdict(guests.iter()) {
                        Verdict::InTime => prop_assert!(plays),
                        Verdict::Late => prop_assert!(!plays),
                        Verdict::Unclear => {}
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_future_that_is_played_on_is_the_one_that_is_played_from_the_beginning(
        arrivals in arrivals(150_000),
        whole in prop::collection::vec(any::<bool>(), 60),
        workers in 1_usize..4,
        rtf in 0.1_f64..0.6,
        buffer in 4_i64..24,
        newcomer in audio_ms(),
        told in 0_i64..6_000_000,
        is_told in any::<bool>(),
    ) {
        let rules = Rules { buffer: Micros::s(buffer), ..Rules::default() };
        let mut requests = requests(&arrivals, rtf);
        for (request, whole) in requests.iter_mut().zip(whole) {
            request.offer.delivery = if whole { Delivery::Whole } else { Delivery::Live };
        }
        let mut world = World::new(staffed(&super::layout(workers), rules), requests);
        for step in 1..12 {
            let now = Micros::ms(step * 400);
            world.run(now);
            let mut other = world.discipline.clone();
            let asks = Request::live(now, 99, text(0, newcomer, rtf)).offer;
            let Ok((stream, ..)) = other.stream_of(&asks, true, now) else { continue };
            let told = [Guest { stream: &stream, arrives: now + Micros(told), shift: Micros(told) }];
            let outset = || if is_told { Outset::default().with(&told) } else { Outset::default() };
            let mut future = Future::new(&world.discipline, outset(), &stream, now);
            let (mut earlier, mut latest) = (Micros::ZERO, Micros::s(12));
            for _ in 0..8 {
                let shift = earlier + (latest - earlier) / 2;
                let guest = [Guest { stream: &stream, arrives: now + shift, shift }];
                let plays = world.discipline.fits(&outset(), now, Weights::default(), || guest.iter());
                prop_assert_eq!(future.fits(shift, earlier), plays);
                *(if plays { &mut latest } else { &mut earlier }) = shift;
            }
        }
    }
}

#[test]
fn batch_work_gets_its_share() {
    for share in [0.0, 0.3, 0.8] {
        let rules = Rules { batch_share: share, most_streams: 10_000, ..Rules::default() };
        let mut requests = Vec::new();
        // Interactive work for three times the capacity, and batch work without end.
        for number in 0..1500 {
            requests.push(Request::live(Micros::ms(number * 20), 1, text(0, 1500, 0.1)));
            if number % 2 == 0 {
                let mut batch = Request::live(Micros::ms(number * 20), 1, text(0, 1500, 0.1));
                batch.offer.class = Priority::Batch;
                batch.offer.delivery = Delivery::Whole;
                requests.push(batch);
            }
        }
        let mut world = World::new(staffed(&super::layout(2), rules), requests.clone());
        world.run(Micros::s(30));
        let mut audio = [Micros::ZERO; 2];
        for (fate, request) in world.fates.iter().zip(&requests) {
            if let Some(Fate::Served { ended, .. }) = fate
                && *ended < Micros::s(30)
            {
                let length: Micros = request.offer.pieces.iter().map(|piece| piece.audio).sum();
                audio[usize::from(request.offer.class == Priority::Batch)] += length;
            }
        }
        let served = audio[1].to_ms() / (audio[0] + audio[1]).to_ms();
        // It has its share of what was spoken, and it never crowds out those who listen.
        assert!((share - 0.01..=share.max(0.65)).contains(&served), "{served} of {share}");
    }
}

#[test]
fn costs_that_were_guessed_wrong_are_counted_and_small() {
    // Every segment costs up to a fifth more or less than was told; on average what was told.
    let mut requests =
        requests(&(0..400).map(|n| (150_000, 1500 + 900 * (n % 7), n as u64 % 3)).collect::<Vec<_>>(), 0.1);
    for (number, request) in requests.iter_mut().enumerate() {
        request.truth = request
            .offer
            .pieces
            .iter()
            .enumerate()
            .map(|(at, piece)| {
                let factor = 0.8 + 0.4 * ((number * 7 + at * 3) % 11) as f64 / 10.0;
                let total = piece.total.times(factor);
                Piece { total, first: total, ..*piece }
            })
            .collect();
    }
    let mut world = World::new(board(2), requests);
    world.run(Micros::NEVER);
    let underruns: Vec<Micros> = world
        .fates
        .iter()
        .filter_map(|fate| match fate {
            Some(Fate::Served { underrun, .. }) => Some(*underrun),
            _ => None,
        })
        .collect();
    let late = underruns.iter().filter(|underrun| **underrun > Micros::ZERO).count();
    assert!(late * 20 <= underruns.len(), "{late} of {}", underruns.len());
    assert!(underruns.iter().all(|underrun| *underrun <= Micros::ms(100)), "{:?}", underruns.iter().max());
}
