//! Letting a newcomer in, or telling it when to come back.

use super::{
    Board, ClientIndex, Micros, StreamId,
    begin::Expected,
    board::Presence,
    forward::{Guest, Miss, Play, Weights},
    outlook::{Outlook, Verdict},
    search,
    stream::{Kind, Listener, Piece, Rank, Stream},
};
use crate::speech::Priority;

/// Most of all capacity that may be promised to batch work beyond its share: who listens finds the rest.
const MOST_BATCH: f64 = 0.6;
/// A look into the future has at most so many steps; each halves what is still in question.
const STEPS: u32 = 9;
/// With many streams each step takes a millisecond, and nobody who waits for seconds minds two tenths of one.
const STEPS_OF_MANY: u32 = 7;
/// No step is finer than this.
const FINEST: Micros = Micros::ms(5);
const SECOND: Micros = Micros::s(1);
/// So few streams are played in less time than it takes to look.
const FEW: usize = 64;

/// How the audio is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// As it is made, to be played at once.
    Live,
    /// All of it at the end.
    Whole,
}

/// What somebody asks for.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Who asks.
    pub client: ClientIndex,
    /// Whether somebody listens.
    pub class: Priority,
    /// How the audio is wanted.
    pub delivery: Delivery,
    /// When it is no longer wanted, from now: its first audio if it is live, else all of it.
    pub deadline: Option<Micros>,
    /// What is to be spoken, in order.
    pub pieces: Vec<Piece>,
    /// More text may come; this is what a segment of it is expected to be like.
    pub open: Option<Piece>,
    /// Most audio that is held for it at any time, in bytes.
    pub bytes: u64,
}

/// A newcomer that was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Its stream.
    pub id: StreamId,
    /// Its listener.
    pub listener: u32,
    /// When its audio is promised: the first of it if it is live, else all of it.
    pub promised: Micros,
}

/// Why a newcomer was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// It could not be served in time beside those who are there.
    Capacity {
        /// When it can, from now.
        retry: Micros,
    },
    /// It could be served, but then somebody could not who was told to come back now.
    Fairness {
        /// When it can, from now.
        retry: Micros,
    },
    /// Too much audio is held already.
    Memory {
        /// An estimate of when there is less, from now.
        retry: Micros,
    },
    /// Its deadline is earlier than even an idle machine could meet.
    DeadlineTooShort {
        /// What an idle machine needs.
        needs: Micros,
    },
    /// Its engine is slower than speech, and what would have to be made before it begins is more than may be held, or
    /// takes longer than its deadline allows.
    TooSlow {
        /// What has to pass before it could begin.
        lead: Micros,
    },
}

/// What is known before anybody comes.
#[derive(Debug, Default)]
pub(super) struct Outset {
    /// What can be seen without playing.
    pub(super) outlook: Option<Outlook>,
    /// Streams that will wait for audio whoever comes.
    pub(super) late: Vec<u64>,
}

impl Board {
    /// Lets a newcomer in if everybody, itself included, has their audio in time then.
    pub fn admit(&mut self, offer: &Offer, now: Micros) -> Result<Admitted, Rejection> {
        self.holds.expire(now);
        let (mut stream, mut listener) = self.stream_of(offer, true, now)?;
        // Alone, everybody fits.
        if self.bytes + stream.bytes > self.rules.most_bytes && self.streams > 0 {
            return Err(Rejection::Memory { retry: self.until_freed(stream.bytes, now) });
        }
        let mut outset = Outset { outlook: self.outlook(now), late: Vec::new() };
        let (mut fits, mut fair) = self.has_place(&outset, &stream, now);
        if fits.is_none() && stream.class == Priority::Batch && stream.rank == Rank::Interactive {
            // What its share has no room for in time may still be done behind everybody.
            (stream, listener) = self.stream_of(offer, false, now)?;
            (fits, fair) = self.has_place(&outset, &stream, now);
        }
        if !(fits.is_some() && fair) {
            // Elsewhere somebody may be late already, since something took longer than was expected: it has nothing to
            // do with that. What is late where it wants to go itself keeps it out.
            outset.late = Play::of(self, now).late();
            let elsewhere = |seq: &u64| {
                let late = self.slots.iter().flatten().find(|late| late.seq == *seq);
                late.is_some_and(|late| !self.meet(late, &stream))
            };
            outset.late.retain(elsewhere);
            if !outset.late.is_empty() {
                (fits, fair) = self.has_place(&outset, &stream, now);
            }
        }
        let is_full = self.streams >= self.rules.most_streams;
        if let Some(expected) = fits.take_if(|_| fair && !is_full) {
            self.expected = expected;
            self.holds.release(offer.client);
            let promised = stream.deadline(Micros::ZERO);
            if stream.class == Priority::Batch && stream.rank == Rank::Interactive {
                self.batch_until = self.share_due(&stream, now);
            }
            let id = self.insert(stream, now);
            return Ok(Admitted { id, listener, promised });
        }
        let retry = if is_full {
            self.first_end(now).max(FINEST)
        } else {
            let retry = self.first_place(&outset, &stream, now);
            self.last_place = now + retry;
            retry
        };
        self.holds.keep(stream, retry, retry.whole_seconds(), now);
        Err(if fits.is_some() && !is_full {
            Rejection::Fairness { retry }
        } else {
            Rejection::Capacity { retry }
        })
    }

    /// Lets another listener join a stream, if everybody is still in time then.
    pub fn join(
        &mut self,
        id: StreamId,
        class: Priority,
        delivery: Delivery,
        deadline: Option<Micros>,
        now: Micros,
    ) -> Result<Admitted, Rejection> {
        let listener = self.listener_id();
        let patience = self.rules.patience;
        let Some(stream) = self.stream_mut(id) else {
            return Err(Rejection::Capacity { retry: FINEST });
        };
        let before = (stream.listeners.clone(), stream.class, stream.rank);
        let target = if class == Priority::Interactive { stream.target } else { patience };
        let wanted = deadline.unwrap_or(Micros::NEVER);
        let kind = match delivery {
            // What is there it takes at once.
            Delivery::Live if stream.made() > Micros::ZERO => Kind::Live { base: now, plays: false },
            Delivery::Live => Kind::Live { base: now + target.min(wanted), plays: false },
            Delivery::Whole => Kind::Whole { due: now + patience.max(stream.left * 2).min(wanted) },
        };
        stream.listeners.push(Listener { id: listener, kind, read: Micros::ZERO });
        if class == Priority::Interactive && stream.class == Priority::Batch {
            (stream.class, stream.rank) = (class, Rank::Interactive);
        }
        let promised = stream.deadline(Micros::ZERO);
        self.expose(id.slot, now);
        let outset = Outset { outlook: self.outlook(now), late: Vec::new() };
        if let Some(expected) = self.foresee(&outset, now, Self::weights(class), || [].iter()) {
            self.expected = expected;
            return Ok(Admitted { id, listener, promised });
        }
        if let Some(stream) = self.stream_mut(id) {
            (stream.listeners, stream.class, stream.rank) = before;
        }
        self.expose(id.slot, now);
        Err(Rejection::Capacity { retry: self.first_end(now).max(FINEST) })
    }

    /// Batch work leaves what it may not be promised.
    fn weights(class: Priority) -> Weights {
        match class {
            Priority::Interactive => Weights::default(),
            Priority::Batch => Weights { batch: 1.0 / MOST_BATCH },
        }
    }

    /// What there is to be seen without playing, where that is less work.
    pub(super) fn outlook(&self, now: Micros) -> Option<Outlook> {
        if self.streams > FEW { Outlook::of(self, now) } else { None }
    }

    /// Whether two streams need the same workers, or the same device.
    fn meet(&self, one: &Stream, other: &Stream) -> bool {
        let room = |pool: usize| (self.floor.devices_of(pool), pool);
        one.lanes.iter().any(|lane| {
            let (devices, pool) = room(lane.pool);
            other
                .lanes
                .iter()
                .map(|lane| room(lane.pool))
                .any(|(others, other)| pool == other || devices.iter().any(|device| others.contains(device)))
        })
    }

    /// Whether everybody on the board, and these guests, are in time. Where it makes a difference how fast readers
    /// read, they are in time both if all read as they play and if all read at once.
    pub(super) fn fits<'g, G>(
        &self,
        outset: &Outset,
        now: Micros,
        weights: Weights,
        guests: impl Fn() -> G,
    ) -> bool
    where
        G: Iterator<Item = &'g Guest<'g>>,
    {
        self.foresee(outset, now, weights, guests).is_some()
    }

    /// The same, and when those begin who have yet to.
    pub(super) fn foresee<'g, G>(
        &self,
        outset: &Outset,
        now: Micros,
        weights: Weights,
        guests: impl Fn() -> G,
    ) -> Option<Expected>
    where
        G: Iterator<Item = &'g Guest<'g>>,
    {
        // A sum cannot tell whose work is late.
        let outlook = outset.outlook.as_ref().filter(|_| outset.late.is_empty());
        match outlook.map(|outlook| outlook.verdict(guests())) {
            // Whenever they begin.
            Some(Verdict::InTime) => return Some(Expected::default()),
            Some(Verdict::Late) => return None,
            Some(Verdict::Unclear) | None => {}
        }
        let play = |play: Play<'_>| {
            let play = play.weigh(weights).excuse(&outset.late);
            let mut play = guests().fold(play, |play, guest| play.invite(*guest));
            play.run().ok()?;
            Some((play.was_full, play.begun))
        };
        let (was_full, begun) = play(Play::of(self, now))?;
        if was_full {
            play(Play::of(self, now).eager())?;
        }
        Some(Expected::of(begun))
    }

    /// Whether a newcomer would be served in time; and whether it would be even if those came too who were told to, in
    /// case it has more than its share.
    fn has_place(&self, outset: &Outset, stream: &Stream, now: Micros) -> (Option<Expected>, bool) {
        let newcomer = Guest { stream, arrives: now, shift: Micros::ZERO };
        let weights = Self::weights(stream.class);
        let play = |guests: &[Guest<'_>]| {
            self.foresee(outset, now, weights, || std::iter::once(&newcomer).chain(guests))
        };
        let Some(expected) = play(&[]) else { return (None, false) };
        let [early, late] = self.holds.guests(stream.client, now);
        let is_fair = early.is_empty()
            || !self.is_above_its_share(stream.client, stream.left)
            || (play(&early).is_some() && play(&late).is_some());
        (Some(expected), is_fair)
    }

    /// How long from now a newcomer has to wait until there is a place for it: then, and at the next whole second,
    /// which is what most clients are told.
    fn first_place(&self, outset: &Outset, stream: &Stream, now: Micros) -> Micros {
        let weights = Self::weights(stream.class);
        // Those who were told before it have their places then, whoever has more.
        let told = self.holds.guests(stream.client, now);
        let fits = |shift: Micros| {
            let newcomer = Guest { stream, arrives: now + shift, shift };
            let with = |told: &[Guest<'_>]| {
                self.fits(outset, now, weights, || std::iter::once(&newcomer).chain(told))
            };
            // Less work is not always easier: who does not come cannot keep a long segment from beginning too early.
            with(&[]) && (told[0].is_empty() || (with(&told[0]) && with(&told[1])))
        };
        let seen = outset
            .outlook
            .as_ref()
            .filter(|outlook| outlook.verdict([].iter()) == Verdict::InTime)
            .map(Outlook::over);
        let played = || Play::of(self, now).run().unwrap_or_else(|Miss| now + self.rules.patience);
        let end = seen.filter(|over| *over < Micros::NEVER).unwrap_or_else(played);
        // At the latest when all that is known of is over.
        let over = (end - now).max(self.rules.target) + SECOND;
        let steps = if self.streams > FEW { STEPS_OF_MANY } else { STEPS };
        let finest = FINEST.max(over / (1 << steps));
        // Most of a crowd are sent away until the same moment.
        let latest = search::first(fits, over, finest, self.last_place - now);
        let rounded = latest.whole_seconds();
        if fits(rounded) {
            return latest;
        }
        let later = (0..6).map(|step| rounded + SECOND * (1 << step)).take_while(|moment| *moment < over);
        later.into_iter().find(|moment| fits(*moment)).unwrap_or(over.whole_seconds())
    }

    /// An estimate of how long it takes until so many bytes are free: live streams are over when they have been played,
    /// whole answers when they have been made.
    fn until_freed(&self, bytes: u64, now: Micros) -> Micros {
        let ends = self.slots.iter().flatten().map(|stream| {
            let played = stream.base() + stream.audio();
            (if stream.due() < Micros::NEVER { now + stream.left } else { played }, stream.bytes)
        });
        let mut ends: Vec<(Micros, u64)> = ends.collect();
        ends.sort_unstable();
        let mut held = self.bytes + bytes;
        for (end, freed) in ends {
            held -= freed;
            if held <= self.rules.most_bytes {
                return (end - now).max(SECOND);
            }
        }
        SECOND
    }

    /// How long until the first of the workers that speak is done.
    fn first_end(&self, now: Micros) -> Micros {
        let ends = self.workers.iter().filter_map(|presence| match presence {
            Presence::Busy { until, .. } => Some((*until - now).max(Micros::ZERO)),
            _ => None,
        });
        ends.min().unwrap_or(SECOND)
    }
}
