//! What can be said of the future without playing it: surely in time, surely not, or only [`Play`] can tell.
//!
//! Playing costs a tenth of a microsecond for each segment that waits, which is much with a hundred thousand of them.
//! A sum over the same segments, by when they are due, costs a twentieth of that. For one pool whose m workers do not
//! wait for devices:
//!
//! - In time: from now until a segment begins, every worker is busy with what is running and with what is due before
//!   it. So it begins at the latest when that work, spread over m workers, is done. One that is released later, for
//!   want of room or since its stream has yet to come, finds either the same, or workers that have begun with less
//!   urgent ones, each at most one, and what else was released later and is due before it.
//! - Not in time: what is due until some moment is more than all workers can do until then.
//!
//! The two leave a gap of about one segment's cost. What lies in it is played.
//!
//! On a full machine most lies there. But once playing has told that everybody on the board is in time, a newcomer can
//! make only those late who are due after it ([`Outlook::settle`]): what goes before it goes when it would without it,
//! unless it is released only after the newcomer has begun, which is counted for as above.
//!
//! [`Play`]: super::forward::Play

use super::{
    Board, Micros,
    board::Presence,
    forward::Guest,
    stream::{Rank, Stream, deadline},
};

/// A bucket is 2¹⁴ µs long, and all of them 33 s, as long as a long text; what is due later shares the last one.
const WIDTH: u32 = 14;
const BUCKETS: usize = 2048;

/// Whether everybody will be in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    InTime,
    Late,
    Unclear,
}

/// Work by the moment when it is due.
#[derive(Clone, Debug)]
pub(super) struct Outlook {
    now: Micros,
    buffer: Micros,
    workers: i64,
    /// Of what is running now.
    running: Micros,
    /// Longest time that a worker may be kept by something less urgent.
    longest: Micros,
    buckets: Vec<Bucket>,
    /// Work that waits for room.
    delayed: Micros,
    /// Least time between having room and having to have begun.
    tightest: Micros,
    /// Somebody has to have something by a moment that has passed.
    is_overdue: bool,
    guests: Vec<Released>,
    /// What may be due at one of several moments, since its stream has yet to begin.
    spans: Vec<Span>,
    /// When the first of what was added is due, once all that was there before is known to be in time.
    settled: Option<Micros>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Work that is due then at the earliest.
    soonest: Micros,
    /// That part of it which is released later than now.
    delayed: Micros,
    /// Work that has to be done by then for nobody to be late.
    needed: Micros,
    /// Something may be due here that must have begun so much earlier.
    ahead: Option<Micros>,
    /// Workers that become free.
    freed: i64,
}

/// The first and the last bucket that something may be due in.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: usize,
    last: usize,
    ahead: Micros,
}

/// A segment of a stream that has yet to come.
#[derive(Clone, Copy, Debug)]
struct Released {
    at: Micros,
    soonest: Micros,
    latest: Micros,
    total: Micros,
    ahead: Micros,
}

impl Outlook {
    /// Of a board that is simple enough.
    pub(super) fn of(board: &Board, now: Micros) -> Option<Self> {
        if board.floor.pools() != 1 || !board.floor.is_ample() || board.batch.iter().any(|most| *most > 1) {
            return None;
        }
        let mut outlook = Self {
            now,
            buffer: board.rules.buffer,
            workers: 0,
            running: Micros::ZERO,
            longest: Micros::ZERO,
            buckets: vec![Bucket::default(); BUCKETS],
            delayed: Micros::ZERO,
            tightest: Micros::NEVER,
            is_overdue: false,
            guests: Vec::new(),
            spans: Vec::new(),
            settled: None,
        };
        for presence in &board.workers {
            let until = match presence {
                Presence::Free => now,
                // One that takes longer than was expected is expected to take as long again.
                Presence::Busy { until, .. } => (*until).max(now + now - *until),
                Presence::Away { back: Some(until) } => *until,
                Presence::Away { back: None } => continue,
            };
            let rest = (until - now).max(Micros::ZERO);
            outlook.workers += 1;
            outlook.running += rest;
            outlook.longest = outlook.longest.max(rest);
            outlook.bucket(now + rest).freed += 1;
        }
        let all = board.slots.iter().flatten().all(|stream| outlook.add(stream, Micros::ZERO, now));
        (all && outlook.workers > 0).then_some(outlook)
    }

    /// With these guests; nothing if one of them is none of the simple ones.
    pub(super) fn with<'g>(&self, guests: impl Iterator<Item = &'g Guest<'g>>) -> Option<Self> {
        let mut outlook = self.clone();
        let mut guests = guests;
        guests.all(|guest| outlook.add(guest.stream, guest.shift, guest.arrives)).then_some(outlook)
    }

    /// All that is in it is known to be in time, as long as nothing is added.
    pub(super) fn settle(&mut self) {
        self.settled = Some(Micros::NEVER);
    }

    /// With these guests.
    pub(super) fn verdict<'g>(&self, guests: impl Iterator<Item = &'g Guest<'g>>) -> Verdict {
        self.with(guests).map_or(Verdict::Unclear, |outlook| outlook.judge())
    }

    fn moment(&self, bucket: usize) -> Micros {
        self.now + Micros(i64::try_from(bucket).unwrap_or(0) << WIDTH)
    }

    fn index(&self, moment: Micros) -> usize {
        usize::try_from((moment - self.now).0 >> WIDTH).map_or(0, |bucket| bucket.min(BUCKETS - 1))
    }

    fn bucket(&mut self, moment: Micros) -> &mut Bucket {
        let index = self.index(moment);
        // There are always that many.
        &mut self.buckets[index]
    }

    /// Counts a stream; false if it is none of the simple ones.
    fn add(&mut self, stream: &Stream, shift: Micros, arrives: Micros) -> bool {
        let Some(lane) = stream.lanes.first() else { return stream.open.is_none() };
        if stream.rank != Rank::Interactive || stream.open.is_some() || stream.lanes.len() > 1 {
            return false;
        }
        let Some(head) = lane.head().and_then(|head| stream.segments.get(head)) else { return true };
        let later = |moment: Micros| if moment == Micros::NEVER { moment } else { moment + shift };
        let (base, due, read) = (later(stream.base()), later(stream.due()), stream.read_to());
        // Its clock begins with its first audio: between at once and as late as was promised.
        let soonest = if stream.has_to_begin() { base.min(arrives) } else { base };
        let is_checked = arrives + head.piece.first <= deadline(base, due, head.before);
        let is_guest = arrives > self.now;
        let buffer = stream.buffer(self.buffer);
        for index in lane.segments.iter().skip(lane.next) {
            let Some(segment) = stream.segments.get(*index) else { continue };
            let (piece, before) = (segment.piece, segment.before);
            let latest = deadline(base, due, before);
            let soonest = if before == Micros::ZERO { latest } else { deadline(soonest, due, before) };
            let of_play = piece.first.max(piece.total - piece.audio);
            let ahead = if due < Micros::NEVER { of_play.max(piece.total) } else { of_play };
            self.longest = self.longest.max(piece.total);
            let room = base + before + piece.audio - buffer;
            let is_full = before > read && before + piece.audio > read + buffer;
            let is_delayed = is_full && base < Micros::NEVER && room > self.now;
            if is_delayed {
                if due < Micros::NEVER {
                    return false;
                }
                self.delayed += piece.total;
                if is_checked {
                    self.tightest = self.tightest.min(buffer - piece.audio - ahead);
                }
            }
            self.settled = self.settled.map(|first| first.min(soonest));
            let bucket = self.bucket(soonest);
            bucket.soonest += piece.total;
            if is_delayed || is_guest {
                bucket.delayed += piece.total;
            }
            if !is_checked {
                continue;
            }
            self.is_overdue |= soonest < self.now;
            let (first, last) = (self.index(soonest), self.index(latest));
            if first < last {
                self.spans.push(Span { first, last, ahead });
            }
            for bucket in first..=last {
                let marked = &mut self.buckets[bucket].ahead;
                *marked = (*marked).max(Some(ahead));
            }
            let whole = if latest == due { piece.total } else { of_play.min(piece.total) };
            self.bucket(latest).needed += whole;
            if is_guest {
                self.guests.push(Released { at: arrives, soonest, latest, total: piece.total, ahead });
            }
        }
        true
    }

    fn judge(&self) -> Verdict {
        let (mut work, mut needed, mut free, mut supply) = (Micros::ZERO, Micros::ZERO, 0, Micros::ZERO);
        let mut is_in_time = !self.is_overdue || self.settled.is_some();
        let from = self.settled.map_or(0, |first| self.index(first));
        // What is due before that, unless it turns out to be due after it.
        let wavering = || self.spans.iter().filter(|span| span.first < from && from <= span.last);
        let waver = wavering().map(|span| span.first).min().unwrap_or(from);
        let most_ahead = wavering().map(|span| span.ahead).max();
        for (number, bucket) in self.buckets.iter().enumerate() {
            work += bucket.soonest;
            let ahead = match number {
                _ if number >= from => bucket.ahead,
                _ if number >= waver => most_ahead,
                _ => None,
            };
            if let Some(ahead) = ahead {
                let until = self.moment(number) - self.now - ahead;
                is_in_time &= self.running + work <= until * self.workers;
            }
            free += bucket.freed;
            supply += Micros(free << WIDTH);
            needed += bucket.needed;
            // What is due later than all buckets shares the last one.
            if needed > supply && number + 1 < BUCKETS {
                return Verdict::Late;
            }
        }
        if is_in_time && self.delayed_are_in_time() { Verdict::InTime } else { Verdict::Unclear }
    }

    /// Whether what is released later is in time even if each worker has just begun with something less urgent.
    fn delayed_are_in_time(&self) -> bool {
        if self.tightest < Micros::NEVER && self.delayed > (self.tightest - self.longest) * self.workers {
            return false;
        }
        let until = |latest: Micros| -> Micros {
            self.buckets.iter().take(self.index(latest) + 1).map(|bucket| bucket.delayed).sum()
        };
        self.guests.iter().all(|guest| {
            let spare = guest.soonest - guest.at - self.longest - guest.ahead;
            until(guest.latest) - guest.total <= spare * self.workers
        })
    }
}
