//! More workers, or fewer, while others speak.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Seat, board, layout, piece, staffed, text};
use crate::{
    schedule::plan::{
        Board, ClientIndex, Delivery, Ended, Launch, Layout, Micros, Offer, Rules, StreamId, WorkerIndex,
    },
    speech::Priority,
};

fn offer(segments: usize) -> Offer {
    Offer {
        client: ClientIndex(1),
        class: Priority::Batch,
        delivery: Delivery::Whole,
        deadline: None,
        pieces: vec![piece(0, 1000, 0.1); segments],
        open: None,
        bytes: 0,
    }
}

fn launches(board: &mut Board, now: Micros) -> Vec<Launch> {
    std::iter::from_fn(|| board.next_launch(now)).collect()
}

#[test]
fn who_comes_speaks_and_who_is_given_up_finishes_first() {
    let mut board = board(1);
    let id = board.admit(&offer(5), Micros::ZERO).unwrap().id;
    assert_eq!(launches(&mut board, Micros::ZERO).len(), 1);
    let new = board.add_worker(0, Seat::default());
    assert_eq!(launches(&mut board, Micros::ZERO), [], "it has yet to come");
    board.worker_ready(new, 1, Micros::ZERO);
    let [launch] = &launches(&mut board, Micros::ZERO)[..] else { panic!("it speaks") };
    assert_eq!(launch.worker, new);

    board.close_worker(new, Micros::ZERO);
    let (_, segment) = launch.members[0];
    board.ended(new, id, segment, Ended::Spoken(Micros::s(1)), Micros::ms(100));
    assert_eq!(launches(&mut board, Micros::ms(100)), [], "it gets nothing more");
    board.worker_ready(new, 1, Micros::ms(100));
    assert_eq!(launches(&mut board, Micros::ms(100)), [], "whatever it says");
    board.open_worker(new);
    board.worker_ready(new, 1, Micros::ms(200));
    assert_eq!(launches(&mut board, Micros::ms(200)).len(), 1);
}

#[test]
fn nobody_is_promised_what_a_worker_would_do_that_was_given_up() {
    let is_let_in = |give_up: bool| {
        let mut board = board(2);
        // Each keeps a worker busy nearly all of the time.
        let listens = Offer {
            class: Priority::Interactive,
            delivery: Delivery::Live,
            pieces: text(0, 20_000, 0.9),
            ..offer(0)
        };
        if give_up {
            board.close_worker(0, Micros::ZERO);
        }
        assert!(board.admit(&listens, Micros::ZERO).is_ok());
        board.admit(&listens, Micros::ZERO).is_ok()
    };
    assert_eq!((is_let_in(false), is_let_in(true)), (true, false));
}

#[test]
fn a_device_that_becomes_smaller_has_its_room_again_when_those_on_it_have_ended() {
    let seat = Seat { device: Some(0), slots: 1 };
    let mut board = staffed(&Layout { devices: vec![3], pools: vec![vec![seat; 3]] }, Rules::default());
    let id = board.admit(&offer(9), Micros::ZERO).unwrap().id;
    let speaking = launches(&mut board, Micros::ZERO);
    assert_eq!(speaking.len(), 3);
    board.set_room(0, 1);
    for (ended, launch) in speaking.iter().enumerate() {
        assert_eq!(launches(&mut board, Micros::ms(100)), [], "{ended} of three have ended");
        board.ended(launch.worker, id, launch.members[0].1, Ended::Spoken(Micros::s(1)), Micros::ms(100));
    }
    assert_eq!(launches(&mut board, Micros::ms(100)).len(), 1);
    board.set_room(0, 2);
    assert_eq!(launches(&mut board, Micros::ms(100)).len(), 1);
    board.add_device(1);
    let elsewhere = board.add_worker(0, Seat { device: Some(1), slots: 1 });
    board.worker_ready(elsewhere, 1, Micros::ms(100));
    assert_eq!(launches(&mut board, Micros::ms(100))[0].worker, elsewhere);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Admit(usize),
    Add(bool),
    Close(usize),
    Open(usize),
    Come(usize),
    Go(usize),
    End(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let worker = || 0_usize..8;
    let step = prop_oneof![
        2 => (1_usize..4).prop_map(Step::Admit),
        1 => any::<bool>().prop_map(Step::Add),
        2 => worker().prop_map(Step::Close),
        2 => worker().prop_map(Step::Open),
        4 => worker().prop_map(Step::Come),
        2 => worker().prop_map(Step::Go),
        6 => worker().prop_map(Step::End),
    ];
    prop::collection::vec(step, 1..120)
}

/// What the workers of a board do, as somebody else keeps book of it.
struct Book {
    board: Board,
    now: Micros,
    closed: BTreeSet<WorkerIndex>,
    there: BTreeSet<WorkerIndex>,
    speaking: BTreeMap<WorkerIndex, (StreamId, usize)>,
    workers: usize,
    waiting: usize,
}

impl Book {
    fn step(&mut self, step: Step) {
        self.now += Micros::ms(10);
        let (board, now) = (&mut self.board, self.now);
        let known = |worker: usize| worker % self.workers.max(1);
        match step {
            Step::Admit(segments) => {
                self.waiting += if board.admit(&offer(segments), now).is_ok() { segments } else { 0 };
            }
            Step::Add(shares) => {
                let device = shares.then_some(0);
                assert_eq!(board.add_worker(0, Seat { device, slots: 1 }), self.workers);
                self.workers += 1;
            }
            Step::Close(worker) => {
                board.close_worker(known(worker), now);
                self.closed.insert(known(worker));
            }
            Step::Open(worker) => {
                board.open_worker(known(worker));
                self.closed.remove(&known(worker));
            }
            Step::Come(worker) => {
                board.worker_ready(known(worker), 1, now);
                self.there.insert(known(worker));
            }
            Step::Go(worker) => {
                let lost = board.worker_lost(known(worker), None, now);
                self.there.remove(&known(worker));
                assert_eq!(lost.first().copied(), self.speaking.remove(&known(worker)));
                for (id, segment) in lost {
                    self.waiting += 1;
                    board.ended(known(worker), id, segment, Ended::Again { alone: false }, now);
                }
            }
            Step::End(worker) => self.end(known(worker)),
        }
        self.launch();
    }

    fn end(&mut self, worker: WorkerIndex) {
        if let Some((id, segment)) = self.speaking.remove(&worker) {
            self.board.ended(worker, id, segment, Ended::Spoken(Micros::s(1)), self.now);
        }
    }

    fn launch(&mut self) {
        while let Some(Launch { worker, members, .. }) = self.board.next_launch(self.now) {
            assert!(self.there.contains(&worker) && !self.closed.contains(&worker), "{worker}");
            assert_eq!(self.speaking.insert(worker, members[0]), None, "{worker} speaks already");
            self.waiting -= members.len();
        }
    }
}

proptest! {
    /// However workers come and go: only those speak that are there and were not given up, each one thing at a time; and
    /// all that waits is spoken when one of them is left.
    #[test]
    fn the_books_agree(steps in steps()) {
        let layout = Layout { devices: vec![2], ..layout(1) };
        let mut book = Book {
            board: Board::new(&layout, Rules::default()),
            now: Micros::ZERO,
            closed: BTreeSet::new(),
            there: BTreeSet::new(),
            speaking: BTreeMap::new(),
            workers: 1,
            waiting: 0,
        };
        for step in steps {
            book.step(step);
        }
        let last = book.board.add_worker(0, Seat { device: Some(0), slots: 2 });
        book.workers += 1;
        for worker in 0..last {
            book.step(Step::Close(worker));
        }
        for worker in 0..last {
            book.end(worker);
        }
        book.step(Step::Come(last));
        for _ in 0..book.waiting + book.speaking.len() {
            prop_assert!(book.speaking.contains_key(&last), "it has all of the device");
            prop_assert!(book.speaking.len() == 1);
            book.step(Step::End(last));
        }
        prop_assert_eq!((book.waiting, book.speaking.len()), (0, 0));
    }
}
