//! When a stream begins whose first audio is there.
//!
//! Its deadlines follow the moment at which it begins, and until then the one that was promised. When it begins earlier
//! than it was expected to, since others have left or have taken less time than was told, all its deadlines are earlier,
//! and it goes before others that were counted to come first. Nothing else that takes work away makes anybody later: on
//! equal workers, segments that go to them in the order of a list never begin later when one of them becomes shorter or
//! leaves it. So here alone it has to be asked whether somebody would wait for audio who was let in. If so, the
//! first audio is held back a little.

use super::{
    Board, Micros, StreamId,
    admission::Outset,
    forward::{Play, Weights},
    stream::{Listener, Stream},
};

/// How often the time until the promised moment is halved to find one at which there is room.
const STEPS: u32 = 5;
/// No step is finer than this.
const FINEST: Micros = Micros::ms(5);

/// When streams begin that have yet to, by the number of the stream; those that are not here, when it was promised.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected(Vec<(u64, Micros)>);

impl Expected {
    pub(super) fn of(mut begun: Vec<(u64, Micros)>) -> Self {
        begun.sort_unstable();
        Self(begun)
    }

    /// A moment, or the one at which a stream is expected to begin if that is later.
    pub(super) fn at_least(&self, stream: u64, moment: Micros) -> Micros {
        let known = self.0.binary_search_by_key(&stream, |known| known.0).ok();
        known.and_then(|at| self.0.get(at)).map_or(Micros::NEVER, |known| known.1.max(moment))
    }
}

impl Board {
    /// A stream's first audio is there: tells when its listeners are to have it. That is now, unless its engine is slower
    /// than speech or somebody would wait for audio then; and at the latest when it was promised.
    pub fn begin(&mut self, id: StreamId, now: Micros) -> Micros {
        let Some(stream) = self.stream_mut(id) else { return now };
        let soonest = stream.could_begin(now);
        if !stream.has_to_begin() {
            return stream.held_until().unwrap_or(now).max(now);
        }
        let promised = stream.base();
        let start = if soonest >= promised {
            promised.max(now)
        } else if stream.waits() {
            self.first_beginning(id, (soonest, promised), now)
        } else {
            soonest
        };
        if let Some(stream) = self.stream_mut(id) {
            stream.begin(start);
        }
        self.expose(id.slot, now);
        start
    }

    /// The first moment at which a stream can begin without anybody waiting for audio.
    fn first_beginning(
        &mut self,
        id: StreamId,
        (soonest, promised): (Micros, Micros),
        now: Micros,
    ) -> Micros {
        let as_expected = self.expected.at_least(id.seq, soonest).min(promised);
        // No sooner than was expected changes nothing.
        if as_expected == soonest || self.if_begun(id, soonest, |board| board.nobody_waits(&[], now)) {
            return soonest;
        }
        // Whoever waits for audio in any case is no reason to wait.
        let late = self
            .if_begun(id, as_expected, |board| Play::of(board, now).no_sooner(&board.expected).survey().late);
        if !late.is_empty() && self.if_begun(id, soonest, |board| board.nobody_waits(&late, now)) {
            return soonest;
        }
        let (mut earliest, mut latest) = (soonest, as_expected);
        for _ in 0..STEPS {
            if latest - earliest <= FINEST {
                break;
            }
            let middle = earliest + (latest - earliest) / 2;
            if self.if_begun(id, middle, |board| board.nobody_waits(&late, now)) {
                latest = middle;
            } else {
                earliest = middle;
            }
        }
        latest
    }

    /// What would be if a stream began then.
    fn if_begun<T>(&mut self, id: StreamId, start: Micros, what: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.stream_mut(id).map(|stream| {
            let before = stream.listeners.clone();
            stream.begin(start);
            before
        });
        let told = what(self);
        if let (Some(stream), Some(before)) = (self.stream_mut(id), before) {
            stream.listeners = before;
        }
        told
    }

    /// A listener that pauses has moved its clock. That makes its stream less urgent, and others go before it; if somebody
    /// would wait for audio then who would not if everything went in the order that was counted with, that order stays.
    pub(super) fn keep_clocks_if_needed(&mut self, slot: usize, before: &[Listener], now: Micros) {
        if !self.slots.get(slot).is_some_and(|stream| stream.as_ref().is_some_and(Stream::waits))
            || self.nobody_waits(&[], now)
        {
            return;
        }
        let moved = self.swap_clocks(slot, before);
        if !self.nobody_waits(&[], now) {
            self.swap_clocks(slot, &moved);
        }
    }

    fn swap_clocks(&mut self, slot: usize, with: &[Listener]) -> Vec<Listener> {
        let Some(Some(stream)) = self.slots.get_mut(slot) else { return Vec::new() };
        let present = stream.listeners.clone();
        for (listener, other) in stream.listeners.iter_mut().zip(with) {
            listener.kind = other.kind;
        }
        present
    }

    /// Whether everybody is in time: if those who have yet to begin do so as soon as they can, which is what is counted
    /// with from then on, or if they do when it was counted with before.
    pub(super) fn nobody_waits(&mut self, late: &[u64], now: Micros) -> bool {
        let outset = Outset::new(self.outlook(now), late.to_vec());
        if let Some(expected) = self.foresee(&outset, now, Weights::default(), || [].iter()) {
            self.expected = expected;
            return true;
        }
        self.fits_as_expected(late, now)
    }

    /// Whether everybody is in time if nobody begins before it was expected to.
    fn fits_as_expected(&self, late: &[u64], now: Micros) -> bool {
        let play = |play: Play<'_>| {
            let mut play = play.no_sooner(&self.expected).excuse(late);
            (play.run().is_ok(), play.was_full)
        };
        match play(Play::of(self, now)) {
            (true, true) => play(Play::of(self, now).eager()).0,
            (fits, _) => fits,
        }
    }
}
