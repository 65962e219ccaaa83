use proptest::prelude::*;

use super::*;
use crate::protocol::{Memory, WarmUp};

fn ready() -> Arc<Ready> {
    Arc::new(Ready {
        sample_rate: 24_000,
        voices: Vec::new(),
        languages: Vec::new(),
        max_batch: 1,
        repeatable: true,
        device: "none".into(),
        tier: "test".into(),
        warmup: WarmUp { characters: 1, elapsed_ms: 1.0, audio_ms: 1.0 },
        memory: Memory::default(),
        options: None,
        ahead: false,
    })
}

struct House {
    seats: Arc<Seats>,
    told: Arc<Mutex<Changes>>,
    chairs: Vec<Chair>,
    _mailboxes: Vec<(mpsc::Sender<Command>, mpsc::Receiver<Command>)>,
}

fn house(seats: usize, workers: usize) -> House {
    let hook = ChangeHook::default();
    let told = Arc::new(Mutex::new(Changes::new()));
    let kept = Arc::clone(&told);
    hook.set(move |change| {
        kept.lock().unwrap_or_else(PoisonError::into_inner).push((change.worker, change.to));
    });
    let seats = Arc::new(Seats::new("tone", seats, hook));
    let mailboxes: Vec<_> = (0..workers).map(|_| mpsc::channel(8)).collect();
    let chair = |(mailbox, _): &(mpsc::Sender<Command>, _)| Chair {
        seats: Arc::clone(&seats),
        worker: WorkerKey::new(),
        mailbox: mailbox.downgrade(),
    };
    House { chairs: mailboxes.iter().map(chair).collect(), told, seats, _mailboxes: mailboxes }
}

impl House {
    fn told(&self) -> Changes {
        std::mem::take(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[test]
fn a_spare_takes_the_seat_of_one_that_is_lost() {
    let house = house(1, 2);
    house.chairs[0].offer(1, "none", ready());
    house.chairs[1].offer(1, "none", ready());
    assert_eq!(house.told(), [(0, ChangeTo::Ready { sitting: 1 })], "the other one is a spare");
    let permit = house.seats.take(0).expect("it is free");
    assert!(house.chairs[0].revoke());
    assert_eq!(house.told(), [(0, ChangeTo::Gone { sitting: 1 }), (0, ChangeTo::Ready { sitting: 2 })]);
    house.seats.give_back(&permit);
    assert!(house.seats.take(0).is_some(), "an old permit changes nothing");
    assert!(house.seats.take(0).is_none());
}

#[test]
fn who_retires_finishes_first_and_then_makes_room() {
    let house = house(1, 2);
    house.chairs[0].offer(1, "none", ready());
    let permit = house.seats.take(0).expect("it is free");
    house.chairs[1].offer(1, "none", ready());
    assert!(!house.chairs[0].drain());
    house.told();
    house.seats.give_back(&permit);
    assert_eq!(house.told(), [(0, ChangeTo::Gone { sitting: 1 }), (0, ChangeTo::Ready { sitting: 2 })]);
    assert!(house.chairs[0].drain(), "nothing is left of it");
}

#[test]
fn who_works_ahead_is_taken_twice_and_gone_when_both_have_ended() {
    let house = house(1, 2);
    house.chairs[0].offer(1, "none", Arc::new(Ready { ahead: true, ..Ready::clone(&ready()) }));
    assert!(house.seats.take_ahead(0).is_none(), "it has nothing to speak yet");
    let [first, second] =
        [house.seats.take(0), house.seats.take_ahead(0)].map(|permit| permit.expect("it takes both"));
    assert!(house.seats.take_ahead(0).is_none(), "one that speaks and one that waits");
    house.seats.give_back(&first);
    assert!(house.seats.take(0).is_none(), "it is still at work");
    let third = house.seats.take_ahead(0).expect("the second is what it speaks now");
    house.chairs[1].offer(1, "none", ready());
    house.told();
    assert!(!house.chairs[0].drain());
    house.seats.give_back(&second);
    assert!(house.told().is_empty() && !house.seats.is_resting(0));
    house.seats.give_back(&third);
    assert_eq!(house.told(), [(0, ChangeTo::Gone { sitting: 1 }), (0, ChangeTo::Ready { sitting: 2 })]);
    let permit = house.seats.take(0).expect("it is free");
    assert!(house.seats.take_ahead(0).is_none(), "this one does not work ahead");
    house.seats.give_back(&permit);
    assert!(house.seats.is_resting(0));
}

#[test]
fn who_shares_a_device_changes_places_with_a_spare_whose_device_is_idle() {
    let house = house(2, 3);
    house.chairs[0].offer(1, "cuda:0", ready());
    house.chairs[1].offer(1, "cuda:0", ready());
    let device = |seat| house.seats.device(seat).expect("somebody sits there");
    let permits = [0, 1].map(|seat| house.seats.take(seat).expect("it is free"));
    house.told();
    house.chairs[2].offer(1, "cuda:1", ready());
    assert!(house.told().is_empty(), "both are at work");
    house.seats.give_back(&permits[1]);
    assert_eq!(house.told(), [(1, ChangeTo::Gone { sitting: 2 }), (1, ChangeTo::Ready { sitting: 3 })]);
    assert_eq!((&*device(0), &*device(1)), ("cuda:0", "cuda:1"));
    house.seats.give_back(&permits[0]);
    assert!(house.told().is_empty(), "each has its own now");
    assert!(house.chairs[0].revoke(), "who made way is the next spare");
    assert_eq!((&*device(0), &*device(1)), ("cuda:0", "cuda:1"));
}

#[test]
fn who_sits_in_a_seat_that_is_given_up_finishes_first_and_is_a_spare_then() {
    let house = house(2, 2);
    house.chairs[0].offer(1, "none", ready());
    house.chairs[1].offer(1, "none", ready());
    house.told();
    let permit = house.seats.take(1).expect("it is free");
    house.seats.resize(1);
    assert_eq!(house.seats.count(), 1);
    assert!(house.told().is_empty(), "it is still at work");
    assert_eq!((house.seats.sitting(1), house.seats.is_resting(1)), (None, false));
    house.seats.give_back(&permit);
    assert_eq!(house.told(), [(1, ChangeTo::Gone { sitting: 2 })]);
    assert!(house.seats.take(1).is_none(), "nobody sits there any more");
    assert!(house.chairs[0].revoke(), "it waited for the seat that is left");
}

#[test]
fn a_seat_that_is_there_again_is_another_sitting() {
    let house = house(2, 2);
    house.chairs[0].offer(1, "none", ready());
    house.chairs[1].offer(1, "none", ready());
    house.told();
    let permit = house.seats.take(1).expect("it is free");
    house.seats.resize(1);
    house.seats.resize(3);
    house.told();
    assert_eq!(house.seats.sitting(1), None, "who is there leaves it, whatever becomes of the seat");
    house.seats.give_back(&permit);
    assert_eq!(house.told(), [(1, ChangeTo::Gone { sitting: 2 }), (1, ChangeTo::Ready { sitting: 3 })]);
    assert!(house.seats.take(1).is_some());
    assert!(house.seats.take(2).is_none(), "nobody is there for it");
}

proptest! {
    #[test]
    fn nobody_sits_twice_and_no_seat_is_empty_while_somebody_waits(
        steps in prop::collection::vec((0_usize..4, 0_u8..6), 0..200)
    ) {
        let house = house(2, 4);
        let mut permits = Vec::new();
        let mut warm = [false; 4];
        for (worker, step) in steps {
            let chair = &house.chairs[worker];
            match step {
                0 if !warm[worker] => {
                    chair.offer(1, ["cuda:0", "cuda:1"][worker % 2], ready());
                    warm[worker] = true;
                }
                1 => {
                    chair.revoke();
                    warm[worker] = false;
                }
                2 => permits.extend(house.seats.take(worker)),
                3 => if let Some(permit) = permits.pop() {
                    house.seats.give_back(&permit);
                },
                4 if chair.drain() => warm[worker] = false,
                5 => house.seats.resize(worker),
                _ => {}
            }
            let table = house.seats.lock();
            let seated = |key| table.seats.iter().filter(|place| {
                place.sitting.as_ref().is_some_and(|sitting| sitting.warm.worker == key)
            }).count();
            for (chair, warm) in house.chairs.iter().zip(warm) {
                let spare = table.spares.iter().filter(|spare| spare.worker == chair.worker).count();
                let places = seated(chair.worker) + spare;
                prop_assert!(places <= 1);
                prop_assert!(places == 0 || warm);
            }
            let empty = table.seats.iter().take(table.open).any(|place| place.sitting.is_none());
            prop_assert!(!empty || table.spares.is_empty());
            for place in table.seats.iter().skip(table.open) {
                let leaves = |sitting: &Sitting| sitting.is_held() && !sitting.takes_orders();
                prop_assert!(place.sitting.as_ref().is_none_or(leaves), "nobody new comes, and nobody stays");
            }
        }
    }
}
