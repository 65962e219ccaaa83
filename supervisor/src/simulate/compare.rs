//! The same load for each discipline, one after the other.

use std::time::{Duration, Instant};

use super::{
    Discipline, Figures, FirstComeFirstServed, Load, Request, World, figures::Decider, timed::Timed,
};
use crate::schedule::plan::{Board, Micros};

/// How often somebody who was refused comes back before it gives up.
const MOST_RETURNS: u32 = 20;

/// Puts a machine under a load of so many times its capacity, and tells `watch` of each second that has passed there.
pub fn simulate(machine: &Load, multiple: f64, decider: Decider, watch: &mut dyn FnMut()) -> Figures {
    let (layout, requests) = (machine.layout(), machine.requests(multiple));
    let case = (decider, multiple);
    match decider {
        Decider::Fifo => live(FirstComeFirstServed::new(&layout), requests, case, machine, watch),
        Decider::Turns => live(FirstComeFirstServed::in_turns(&layout), requests, case, machine, watch),
        Decider::Plan => {
            let mut board = Board::new(&layout, Load::rules());
            (0..machine.workers).for_each(|worker| board.worker_ready(worker, 1, Micros::ZERO));
            live(board, requests, case, machine, watch)
        }
    }
}

/// Until everybody has heard everything.
fn live<D: Discipline>(
    discipline: D,
    requests: Vec<Request>,
    case: (Decider, f64),
    machine: &Load,
    watch: &mut dyn FnMut(),
) -> Figures {
    let began = Instant::now();
    let mut world = World::new(Timed::new(discipline), requests);
    world.most_returns = if machine.come_back { MOST_RETURNS } else { 0 };
    let mut now = Duration::ZERO;
    while now < machine.length {
        now += Duration::from_secs(1);
        world.run(now.into());
        watch();
    }
    world.run(Micros::NEVER);
    Figures::of(world, case, machine, began.elapsed())
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Decisions, Readers},
        *,
    };

    fn figures(multiple: f64, decider: Decider, change: impl Fn(&mut Load)) -> Figures {
        let mut machine = Load {
            workers: 2,
            rtf: 0.1,
            length: Duration::from_mins(1),
            clients: 5,
            readers: Readers::Paced,
            cost_error: 0.0,
            come_back: false,
            seed: 1,
        };
        change(&mut machine);
        simulate(&machine, multiple, decider, &mut || ())
    }

    #[test]
    fn three_times_what_it_can_do_makes_no_stream_stutter_and_no_worker_idle() {
        let saturated = figures(1.0, Decider::Plan, |_| ());
        let crowded = figures(3.0, Decider::Plan, |_| ());
        for figures in [&saturated, &crowded] {
            assert_eq!(figures.continuity.map(|share| share >= 100.0), [true; 3], "{figures:?}");
            assert!(figures.ttfa.is_some_and(|ttfa| ttfa.worst <= 300.0), "{figures:?}");
        }
        assert!(crowded.goodput >= 0.95 * saturated.goodput, "{crowded:?} {saturated:?}");
        assert!(crowded.goodput >= 90.0, "{crowded:?}");
        assert!((50.0..80.0).contains(&crowded.refused), "{crowded:?}");
    }

    #[test]
    fn first_come_first_served_is_as_good_with_little_to_do_and_of_no_use_with_much() {
        for decider in [Decider::Fifo, Decider::Turns] {
            let relaxed = figures(0.3, decider, |_| ());
            assert!(relaxed.goodput > 15.0 && relaxed.continuity[2] >= 99.0, "{relaxed:?}");
            let crowded = figures(3.0, decider, |_| ());
            assert!(crowded.spoken > 95.0 && crowded.goodput < 20.0, "{crowded:?}");
        }
        let turns = figures(3.0, Decider::Turns, |_| ());
        assert!(turns.continuity[1] < 60.0, "{turns:?}");
    }

    #[test]
    fn the_same_seed_comes_to_the_same() {
        let run = || {
            let figures = figures(1.5, Decider::Plan, |machine| machine.cost_error = 0.2);
            Figures { decisions: Decisions::default(), elapsed: Duration::ZERO, ..figures }
        };
        assert_eq!(run(), run());
    }

    #[test]
    fn who_keeps_coming_back_as_told_is_let_in() {
        let figures = figures(1.2, Decider::Plan, |machine| machine.come_back = true);
        assert!(figures.kept > 0 && figures.refused <= 0.0, "{figures:?}");
    }
}
