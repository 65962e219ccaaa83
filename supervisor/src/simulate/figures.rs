//! What a simulated run came to.

use std::time::Duration;

use super::{
    Fate, Load, World,
    timed::{Timed, Times},
};
use crate::{bench::Spread, schedule::plan::Micros};

/// The first part of a run, in which the machine fills up, is not counted in rates.
const FILLING_UP: f64 = 0.25;
/// Who waits longer than this for first audio was not served well, however smooth the rest is.
const PROMPT: Micros = Micros::s(1);
/// A silence up to this is no stutter.
const CONTINUOUS: Micros = Micros::ms(100);
const LIMITS_MS: [i64; 3] = [50, 100, 200];

/// Figures of one discipline under one load.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Who decided.
    pub discipline: Decider,
    /// What was asked for, in relation to capacity.
    pub load: f64,
    /// Requests that came, each counted once however often it came back.
    pub requests: usize,
    /// Percent of them that were never let in.
    pub refused: f64,
    /// Percent of streams whose longest silence is at most 50, 100 and 200 ms.
    pub continuity: [f64; 3],
    /// From the asking that was let in until the first audio, in ms.
    pub ttfa: Option<Spread>,
    /// Percent of capacity that went into audio, whatever it was like.
    pub spoken: f64,
    /// Percent of capacity that went into streams that began within a second and then never fell silent for more
    /// than 100 ms.
    pub goodput: f64,
    /// Most streams at once.
    pub most_streams: usize,
    /// Times that somebody who was refused came back as told, and was let in then.
    pub kept: usize,
    /// Times that somebody came back.
    pub came_back: usize,
    /// How long each kind of decision took, in µs.
    pub decisions: Decisions,
    /// How long the run took.
    pub elapsed: Duration,
}

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    /// Segments in the order in which their texts came.
    Fifo,
    /// The same, each stream asking for one segment after the other.
    Turns,
    /// Our plan.
    Plan,
}

impl Decider {
    /// Every one, in the order of reports.
    pub const ALL: [Self; 3] = [Self::Fifo, Self::Turns, Self::Plan];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fifo => "fifo",
            Self::Turns => "turns",
            Self::Plan => "ishowtts",
        }
    }
}

/// How long decisions took, in µs; none where none was made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Decisions {
    /// To let somebody in.
    pub admission: Option<Spread>,
    /// To refuse somebody.
    pub refusal: Option<Spread>,
    /// To tell when a stream begins.
    pub beginning: Option<Spread>,
    /// To give a free worker its next segment.
    pub dispatch: Option<Spread>,
}

impl From<Times> for Decisions {
    fn from(times: Times) -> Self {
        Self {
            admission: Spread::of(times.admission),
            refusal: Spread::of(times.refusal),
            beginning: Spread::of(times.beginning),
            dispatch: Spread::of(times.dispatch),
        }
    }
}

impl Figures {
    /// Of a world in which nothing more will happen.
    pub fn of<D>(
        world: World<Timed<D>>,
        (discipline, load): (Decider, f64),
        machine: &Load,
        elapsed: Duration,
    ) -> Self {
        let mut refused = 0;
        let (mut firsts, mut silences) = (Vec::new(), Vec::new());
        for fate in &world.fates {
            match fate {
                Some(Fate::Refused(_)) => refused += 1,
                Some(Fate::Served { first, underrun, .. }) => {
                    firsts.push(first.to_ms());
                    silences.push(*underrun);
                }
                // Begun, perhaps, and never ended: no continuous stream.
                Some(Fate::Lost | Fate::Left) | None => silences.push(Micros::NEVER),
            }
        }
        let within = |limit: i64| silences.iter().filter(|silence| **silence <= Micros::ms(limit)).count();
        let rate = |is_counted: fn(&Fate) -> bool| {
            let from = Micros::from(machine.length.mul_f64(FILLING_UP));
            let until = Micros::from(machine.length);
            let spoken = world.spoken.iter().filter(|spoken| spoken.at >= from && spoken.at < until);
            let counted = spoken.filter(|spoken| {
                world.fates.get(spoken.request).copied().flatten().is_some_and(|fate| is_counted(&fate))
            });
            let audio: Micros = counted.map(|spoken| spoken.audio).sum();
            100.0 * audio.to_ms() / ((until - from).to_ms() * machine.capacity())
        };
        Self {
            discipline,
            load,
            requests: world.fates.len(),
            refused: percent(refused, world.fates.len()),
            continuity: LIMITS_MS.map(|limit| percent(within(limit), silences.len())),
            ttfa: Spread::of(firsts),
            spoken: rate(|_| true),
            goodput: rate(|fate| match fate {
                Fate::Served { first, underrun, .. } => *first <= PROMPT && *underrun <= CONTINUOUS,
                _ => false,
            }),
            most_streams: world.most_streams,
            kept: world.kept,
            came_back: world.came_back,
            decisions: world.discipline.times.into(),
            elapsed,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are small")]
fn percent(part: usize, all: usize) -> f64 {
    if all == 0 { 100.0 } else { 100.0 * part as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{FirstComeFirstServed, Readers, Request},
        *,
    };
    use crate::schedule::plan::Piece;

    #[test]
    fn who_stuttered_counts_as_spoken_and_not_as_served_well() {
        let machine = Load {
            workers: 1,
            rtf: 0.1,
            length: Duration::from_secs(8),
            clients: 2,
            readers: Readers::Eager,
            cost_error: 0.0,
            come_back: false,
            seed: 1,
        };
        let piece = |audio: i64, cost: i64| {
            let total = Micros::ms(cost);
            Piece { pool: 0, total, first: total, audio: Micros::ms(audio) }
        };
        // The second one's player is dry at 4.5 s, a second after it began, and hears on at 5.4 s.
        let requests = vec![
            Request::live(Micros::s(3), 1, vec![piece(4000, 400)]),
            Request::live(Micros::s(3), 2, vec![piece(1000, 100), piece(1000, 1900)]),
        ];
        let mut world = World::new(Timed::new(FirstComeFirstServed::new(&machine.layout())), requests);
        world.run(Micros::NEVER);
        let figures = Figures::of(world, (Decider::Fifo, 1.0), &machine, Duration::ZERO);
        assert_eq!((figures.requests, figures.most_streams), (2, 2));
        assert_eq!(figures.continuity.map(|share| (share - 50.0).abs() < 1e-9), [true; 3], "{figures:?}");
        assert!(figures.refused <= 0.0, "{figures:?}");
        // Of the 60 s that could be made in the last six.
        assert!((figures.spoken - 10.0).abs() < 1e-9, "{figures:?}");
        assert!((figures.goodput - 100.0 * 4.0 / 60.0).abs() < 1e-9, "{figures:?}");
        let ttfa = figures.ttfa.map(|ttfa| (ttfa.p50, ttfa.worst));
        assert_eq!(ttfa, Some((400.0, 500.0)));
    }
}
