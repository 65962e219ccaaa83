//! What a worker's life does next. Pure: facts in, next state and one deed out.

/// Where a worker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Not running, and not meant to.
    Stopped,
    /// Launched, not yet ready.
    Starting,
    /// Warm and idle.
    Ready,
    /// Speaking.
    Busy,
    /// Being ended.
    Stopping,
    /// Waiting before another try.
    Backoff,
    /// Given up after too many failed starts.
    Failed,
}

impl State {
    /// Every state, for metrics.
    pub const ALL: [Self; 7] =
        [Self::Stopped, Self::Starting, Self::Ready, Self::Busy, Self::Stopping, Self::Backoff, Self::Failed];

    /// As in metrics and status.
    pub fn label(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Busy => "busy",
            Self::Stopping => "stopping",
            Self::Backoff => "backoff",
            Self::Failed => "failed",
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// Someone wants it to run; a given-up worker gets a fresh start.
    Start,
    /// Someone wants it replaced.
    Restart,
    /// Someone wants it gone.
    Stop,
    /// It is loaded, warm, and was heard speaking.
    ReadyLine,
    /// It was given something to speak.
    Began,
    /// Nothing is left that it was given.
    Idle,
    /// One synthesis was finished.
    Finished,
    /// It cannot or must not go on.
    Fault,
    /// It cannot start, and would not the next time either.
    Hopeless,
    /// Since it last failed to start, others of its pool did not: what it runs can start.
    OthersStart,
    /// Its process is gone and reaped.
    Reaped,
    /// A spare has taken its seat: there is no hurry to start it again.
    Covered,
    /// The delay is over.
    DelayOver,
}

/// What has to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Nothing.
    None,
    /// Start a process.
    Launch,
    /// End the process, and with it whatever it was speaking.
    End,
    /// Wait before another try; so many lives in a row came to nothing. None: only to leave the machine to others.
    Wait(u32),
}

/// What follows once the process is reaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Afterwards {
    Stop,
    GiveUp,
    StartAgain,
    Recover { was_ready: bool },
}

/// The state and what of the past matters for what comes next.
#[derive(Clone, Debug)]
pub(super) struct Lifecycle {
    state: State,
    afterwards: Afterwards,
    /// Failed starts in a row.
    startup_failures: u32,
    /// Lives in a row that became ready and finished nothing.
    barren_lives: u32,
    finished_in_this_life: bool,
    is_covered: bool,
    most_startup_failures: u32,
}

impl Lifecycle {
    pub(super) fn new(most_startup_failures: u32) -> Self {
        Self {
            state: State::Stopped,
            afterwards: Afterwards::Stop,
            startup_failures: 0,
            barren_lives: 0,
            finished_in_this_life: false,
            is_covered: false,
            most_startup_failures,
        }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Takes in what happened; inputs that mean nothing in a state change nothing.
    pub(super) fn step(&mut self, input: Input) -> Deed {
        use State::{Backoff, Busy, Failed, Ready, Starting, Stopped, Stopping};
        match (self.state, input) {
            (Stopped | Failed, Input::Start | Input::Restart) => {
                (self.startup_failures, self.barren_lives) = (0, 0);
                self.launch()
            }
            (Backoff, Input::Start | Input::Restart | Input::DelayOver) => self.launch(),
            (Backoff | Failed, Input::Stop) => self.to(Stopped, Deed::None),

            (Starting, Input::ReadyLine) => {
                self.startup_failures = 0;
                self.to(Ready, Deed::None)
            }
            (Ready, Input::Began) => self.to(Busy, Deed::None),
            (Busy, Input::Idle) => self.to(Ready, Deed::None),
            (Ready | Busy, Input::Finished) => {
                (self.finished_in_this_life, self.barren_lives) = (true, 0);
                Deed::None
            }

            (Starting, Input::OthersStart) => {
                self.startup_failures = 0;
                Deed::None
            }

            (Stopping, Input::Covered) => {
                self.is_covered = true;
                Deed::None
            }
            (Starting, Input::Hopeless) => self.end(Afterwards::GiveUp),
            (Starting | Ready | Busy, Input::Fault | Input::Hopeless) => {
                self.end(Afterwards::Recover { was_ready: self.state != Starting })
            }
            (Starting | Ready | Busy, Input::Stop) => self.end(Afterwards::Stop),
            (Starting | Ready | Busy, Input::Restart) => self.end(Afterwards::StartAgain),
            (Stopping, Input::Stop) => {
                self.afterwards = Afterwards::Stop;
                Deed::None
            }
            (Stopping, Input::Start) if self.afterwards == Afterwards::Stop => {
                self.afterwards = Afterwards::StartAgain;
                Deed::None
            }
            (Stopping, Input::Reaped) => match self.afterwards {
                Afterwards::Stop => self.to(Stopped, Deed::None),
                Afterwards::GiveUp => self.to(Failed, Deed::None),
                Afterwards::StartAgain => self.launch(),
                Afterwards::Recover { was_ready } => self.recover(was_ready),
            },
            _ => Deed::None,
        }
    }

    fn recover(&mut self, was_ready: bool) -> Deed {
        if !was_ready {
            self.startup_failures += 1;
            return if self.startup_failures >= self.most_startup_failures {
                self.to(State::Failed, Deed::None)
            } else {
                self.to(State::Backoff, Deed::Wait(self.startup_failures))
            };
        }
        if self.finished_in_this_life {
            return if self.is_covered { self.to(State::Backoff, Deed::Wait(0)) } else { self.launch() };
        }
        self.barren_lives += 1;
        self.to(State::Backoff, Deed::Wait(self.barren_lives))
    }

    fn launch(&mut self) -> Deed {
        (self.finished_in_this_life, self.is_covered) = (false, false);
        self.to(State::Starting, Deed::Launch)
    }

    fn end(&mut self, afterwards: Afterwards) -> Deed {
        self.afterwards = afterwards;
        self.to(State::Stopping, Deed::End)
    }

    fn to(&mut self, next: State, deed: Deed) -> Deed {
        self.state = next;
        deed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Input::*, *};

    fn after(inputs: &[Input]) -> (State, Deed) {
        let mut life = Lifecycle::new(3);
        let mut last = Deed::None;
        for &input in inputs {
            last = life.step(input);
        }
        (life.state(), last)
    }

    #[test]
    fn every_arrow_of_the_diagram() {
        let table: &[(&[Input], State, Deed)] = &[
            (&[], State::Stopped, Deed::None),
            (&[Start], State::Starting, Deed::Launch),
            (&[Start, ReadyLine], State::Ready, Deed::None),
            (&[Start, ReadyLine, Began], State::Busy, Deed::None),
            (&[Start, ReadyLine, Began, Idle], State::Ready, Deed::None),
            (&[Start, Fault], State::Stopping, Deed::End),
            (&[Start, Fault, Reaped], State::Backoff, Deed::Wait(1)),
            (&[Start, Fault, Reaped, DelayOver], State::Starting, Deed::Launch),
            (&[Start, Stop], State::Stopping, Deed::End),
            (&[Start, Stop, Reaped], State::Stopped, Deed::None),
            (&[Start, Fault, Stop, Reaped], State::Stopped, Deed::None),
            (&[Start, Hopeless, Reaped], State::Failed, Deed::None),
            (&[Start, Hopeless, Stop, Reaped], State::Stopped, Deed::None),
            (&[Start, ReadyLine, Hopeless, Reaped], State::Backoff, Deed::Wait(1)),
            (&[Start, Fault, Reaped, Stop], State::Stopped, Deed::None),
            (&[Start, ReadyLine, Restart], State::Stopping, Deed::End),
            (&[Start, ReadyLine, Restart, Reaped], State::Starting, Deed::Launch),
            (&[Start, Stop, Start, Reaped], State::Starting, Deed::Launch),
        ];
        for (inputs, state, deed) in table {
            assert_eq!(after(inputs), (*state, *deed), "after {inputs:?}");
        }
    }

    #[test]
    fn too_many_failed_starts_give_up_until_started_again() {
        let once = [Fault, Reaped, DelayOver];
        let mut inputs = vec![Start];
        inputs.extend([once, once, once].concat());
        assert_eq!(after(&inputs).0, State::Failed);
        inputs.push(Start);
        assert_eq!(after(&inputs), (State::Starting, Deed::Launch));
        inputs.extend([Fault, Reaped]);
        assert_eq!(after(&inputs), (State::Backoff, Deed::Wait(1)), "failures are counted afresh");
    }

    #[test]
    fn that_others_start_forgives_failed_starts() {
        let once = [Fault, Reaped, DelayOver];
        let mut inputs = [&[Start][..], &once, &once, &[OthersStart]].concat();
        inputs.extend([Fault, Reaped]);
        assert_eq!(after(&inputs), (State::Backoff, Deed::Wait(1)), "counted afresh");
        inputs.extend([DelayOver, Fault, Reaped, DelayOver, Fault, Reaped]);
        assert_eq!(after(&inputs).0, State::Failed, "and no further than that");
    }

    #[test]
    fn a_ready_line_forgives_failed_starts() {
        let inputs = [Start, Fault, Reaped, DelayOver, Fault, Reaped, DelayOver, ReadyLine, Fault, Reaped];
        assert_eq!(after(&inputs), (State::Backoff, Deed::Wait(1)), "a crash, not a third failed start");
    }

    #[test]
    fn a_worker_that_finished_something_starts_again_at_once() {
        let inputs = [Start, ReadyLine, Began, Finished, Idle, Began, Fault, Reaped];
        assert_eq!(after(&inputs), (State::Starting, Deed::Launch));
    }

    #[test]
    fn a_worker_whose_seat_is_taken_by_a_spare_leaves_the_machine_to_it_for_a_moment() {
        let inputs = [Start, ReadyLine, Began, Finished, Fault, Covered, Reaped];
        assert_eq!(after(&inputs), (State::Backoff, Deed::Wait(0)));
        let again = [&inputs[..], &[DelayOver, ReadyLine, Finished, Fault, Reaped]].concat();
        assert_eq!(after(&again), (State::Starting, Deed::Launch), "that holds for one life");
    }

    #[test]
    fn delays_grow_only_over_lives_that_finished_nothing() {
        let barren = [ReadyLine, Began, Fault, Reaped, DelayOver];
        let mut inputs = vec![Start];
        inputs.extend([barren, barren].concat());
        inputs.extend([ReadyLine, Began, Fault, Reaped]);
        assert_eq!(after(&inputs), (State::Backoff, Deed::Wait(3)));
        inputs.extend([DelayOver, ReadyLine, Began, Finished, Fault, Reaped, ReadyLine, Fault, Reaped]);
        assert_eq!(after(&inputs), (State::Backoff, Deed::Wait(1)));
    }

    proptest! {
        #[test]
        fn a_process_is_launched_only_when_none_is_there(
            inputs in prop::collection::vec(prop::sample::select(vec![
                Start, Restart, Stop, ReadyLine, Began, Idle, Finished, Fault, Hopeless, Reaped, DelayOver, Covered,
                OthersStart,
            ]), 0..200)
        ) {
            let mut life = Lifecycle::new(3);
            let mut alive = false;
            for input in inputs {
                if input == Reaped && (!alive || life.state() != State::Stopping) {
                    continue;
                }
                alive &= input != Reaped;
                let deed = life.step(input);
                if deed == Deed::Launch {
                    prop_assert!(!alive);
                    alive = true;
                }
                let lives = matches!(life.state(), State::Starting | State::Ready | State::Busy | State::Stopping);
                prop_assert_eq!(alive, lives);
            }
        }
    }
}
