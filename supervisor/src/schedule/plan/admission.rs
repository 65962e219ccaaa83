//! Letting a newcomer in, or telling it when to come back.

use super::{
    Board, ClientIndex, Micros, StreamId,
    begin::Expected,
    board::Presence,
    comeback,
    forward::{Guest, Play, Weights},
    outlook::{Outlook, Verdict},
    stream::{Kind, Listener, Piece, Rank, Stream},
};
use crate::speech::Priority;

/// Most of all capacity that may be promised to batch work beyond its share: who listens finds the rest.
const MOST_BATCH: f64 = 0.6;
const SECOND: Micros = Micros::s(1);
/// So few streams are played in less time than it takes to look.
pub(super) const FEW: usize = 64;

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
pub(super) struct Outset<'g> {
    /// What can be seen without playing.
    pub(super) outlook: Option<Outlook>,
    /// Streams that will wait for audio whoever comes.
    pub(super) late: Vec<u64>,
    /// Those who come in any case; the outlook has them in it.
    pub(super) told: &'g [Guest<'g>],
}

impl<'g> Outset<'g> {
    /// Nobody comes in any case.
    pub(super) fn new(outlook: Option<Outlook>, late: Vec<u64>) -> Self {
        Self { outlook, late, told: &[] }
    }

    /// The same, with these who come in any case.
    pub(super) fn with(&self, told: &'g [Guest<'g>]) -> Self {
        let outlook = self.outlook.as_ref().and_then(|outlook| outlook.with(told.iter()));
        Self { outlook, late: self.late.clone(), told }
    }
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
        let mut outset = Outset::new(self.outlook(now), Vec::new());
        let (mut fits, mut fair) = self.has_place(&outset, &stream, now);
        if fits.is_none() && stream.class == Priority::Batch && stream.rank == Rank::Interactive {
            // What its share has no room for in time may still be done behind everybody.
            (stream, listener) = self.stream_of(offer, false, now)?;
            (fits, fair) = self.has_place(&outset, &stream, now);
        }
        let mut survey = None;
        if !(fits.is_some() && fair) {
            // Elsewhere somebody may be late already, since something took longer than was expected: it has nothing to
            // do with that. What is late where it wants to go itself keeps it out.
            let known = survey.insert(Play::of(self, now).survey());
            outset.late.clone_from(&known.late);
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
            self.first_end(now).max(comeback::FINEST)
        } else {
            let survey = survey.unwrap_or_else(|| Play::of(self, now).survey());
            let retry = self.first_place(outset, &survey, &stream, now);
            self.last_place.note(&stream, now + retry);
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
            return Err(Rejection::Capacity { retry: comeback::FINEST });
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
        let outset = Outset::new(self.outlook(now), Vec::new());
        if let Some(expected) = self.foresee(&outset, now, Self::weights(class), || [].iter()) {
            self.expected = expected;
            return Ok(Admitted { id, listener, promised });
        }
        if let Some(stream) = self.stream_mut(id) {
            (stream.listeners, stream.class, stream.rank) = before;
        }
        self.expose(id.slot, now);
        Err(Rejection::Capacity { retry: self.first_end(now).max(comeback::FINEST) })
    }

    /// Batch work leaves what it may not be promised.
    pub(super) fn weights(class: Priority) -> Weights {
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
        outset: &Outset<'g>,
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
        outset: &Outset<'g>,
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
            let mut play = guests().chain(outset.told).fold(play, |play, guest| play.invite(*guest));
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
    fn has_place(&self, outset: &Outset<'_>, stream: &Stream, now: Micros) -> (Option<Expected>, bool) {
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
