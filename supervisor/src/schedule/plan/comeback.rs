//! Telling a newcomer for whom there is no place when to come back.

use super::{
    Board, Micros,
    admission::{FEW, Outset},
    forward::{Guest, Miss, Play, Survey},
    outlook::Verdict,
    search,
    stream::Stream,
};

/// A look into the future has at most so many steps; each halves what is still in question.
const STEPS: u32 = 9;
/// With many streams each step takes a while, and nobody who waits for seconds minds two tenths of one.
const STEPS_OF_MANY: u32 = 7;
/// No step is finer than this.
pub(super) const FINEST: Micros = Micros::ms(5);
const SECOND: Micros = Micros::s(1);

/// When there was a place for whoever was refused last: for the next one it is often the same moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LastPlace {
    live: Micros,
    whole: Micros,
}

impl LastPlace {
    fn of(&self, stream: &Stream) -> Micros {
        if stream.due() < Micros::NEVER { self.whole } else { self.live }
    }

    pub(super) fn note(&mut self, stream: &Stream, moment: Micros) {
        *(if stream.due() < Micros::NEVER { &mut self.whole } else { &mut self.live }) = moment;
    }
}

/// The future in which a newcomer is tried at one moment after the other.
///
/// Until it comes, all goes as it would without it. So that is played once, and each look goes on from where it was
/// found last that there is no place.
pub(super) struct Future<'s> {
    board: &'s Board,
    outset: Outset<'s>,
    newcomer: &'s Stream,
    now: Micros,
    paced: Play<'s>,
    /// The same for readers that take at once what is there, once that has made a difference.
    eager: Option<Play<'s>>,
}

impl<'s> Future<'s> {
    pub(super) fn new(board: &'s Board, outset: Outset<'s>, newcomer: &'s Stream, now: Micros) -> Self {
        let paced = Self::begin(Play::of(board, now), &outset, newcomer);
        Self { board, outset, newcomer, now, paced, eager: None }
    }

    /// All but the newcomer. How readers read has to be told before: who comes later is not there yet.
    fn begin(play: Play<'s>, outset: &Outset<'s>, newcomer: &Stream) -> Play<'s> {
        let play = play.weigh(Board::weights(newcomer.class)).excuse(&outset.late);
        outset.told.iter().fold(play, |play, guest| play.invite(*guest))
    }

    /// Whether everybody is in time if the newcomer comes after `shift`. It was tried `earlier` and there was no place for
    /// it, and nobody asks for what is before that any more.
    pub(super) fn fits(&mut self, shift: Micros, earlier: Micros) -> bool {
        let newcomer = Guest { stream: self.newcomer, arrives: self.now + shift, shift };
        // A sum cannot tell whose work is late.
        let outlook = self.outset.outlook.as_ref().filter(|_| self.outset.late.is_empty());
        match outlook.map(|outlook| outlook.verdict(std::iter::once(&newcomer))) {
            Some(Verdict::InTime) => return true,
            Some(Verdict::Late) => return false,
            Some(Verdict::Unclear) | None => {}
        }
        let earlier = self.now + earlier;
        match try_at(&mut self.paced, newcomer, earlier) {
            Ok(was_full) if was_full => {}
            told => return told.is_ok(),
        }
        let eager = || Play::of(self.board, self.now).eager();
        let begin = || Self::begin(eager(), &self.outset, self.newcomer);
        try_at(self.eager.get_or_insert_with(begin), newcomer, earlier).is_ok()
    }
}

/// Plays on from `earlier`, before the newcomer comes; tells whether somebody's buffer was full.
fn try_at<'s>(from: &mut Play<'s>, newcomer: Guest<'s>, earlier: Micros) -> Result<bool, Miss> {
    from.run_until(earlier)?;
    let mut before = from.clone();
    before.run_until(newcomer.arrives)?;
    let mut play = before.invite(newcomer);
    play.run()?;
    Ok(play.was_full)
}

impl Board {
    /// How long from now a newcomer has to wait until there is a place for it: then, and at the next whole second,
    /// which is what most clients are told.
    pub(super) fn first_place(
        &self,
        outset: Outset<'_>,
        survey: &Survey,
        stream: &Stream,
        now: Micros,
    ) -> Micros {
        let is_in_time =
            survey.late.is_empty() && (!survey.was_full || Play::of(self, now).eager().run().is_ok());
        // Those who were told before it have their places then, whoever has more.
        let [early, late] = self.holds.guests(stream.client, now);
        // Less work is not always easier: who does not come cannot keep a long segment from beginning too early.
        let with_told = [&early, &late].into_iter().filter(|told| !told.is_empty());
        let mut outsets: Vec<Outset<'_>> = with_told.map(|told| outset.with(told)).collect();
        outsets.insert(0, outset);
        for (number, outset) in outsets.iter_mut().enumerate() {
            let weights = Self::weights(stream.class);
            let is_settled = outset.outlook.is_some()
                && if number == 0 { is_in_time } else { self.fits(outset, now, weights, || [].iter()) };
            if let Some(outlook) = outset.outlook.as_mut().filter(|_| is_settled) {
                outlook.settle();
            }
        }
        let mut futures: Vec<Future<'_>> =
            outsets.into_iter().map(|outset| Future::new(self, outset, stream, now)).collect();
        let mut earlier = Micros::ZERO;
        let mut fits = |shift: Micros| {
            let is_place = futures.iter_mut().all(|future| future.fits(shift, earlier));
            if !is_place {
                earlier = earlier.max(shift);
            }
            is_place
        };
        let end = if survey.late.is_empty() { survey.end } else { now + self.rules.patience };
        // At the latest when all that is known of is over.
        let over = (end - now).max(self.rules.target) + SECOND;
        let steps = if self.streams > FEW { STEPS_OF_MANY } else { STEPS };
        let finest = FINEST.max(over / (1 << steps));
        // Most of a crowd are sent away until the same moment.
        let latest = search::first(&mut fits, over, finest, self.last_place.of(stream) - now);
        let rounded = latest.whole_seconds();
        if fits(rounded) {
            return latest;
        }
        let later = (0..6).map(|step| rounded + SECOND * (1 << step)).take_while(|moment| *moment < over);
        later.into_iter().find(|moment| fits(*moment)).unwrap_or(over.whole_seconds())
    }
}
