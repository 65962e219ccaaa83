//! What a newcomer is promised: its offer becomes a stream with deadlines that follow the speed of its engines.

use super::{
    Board, Delivery, Micros, Offer, Rejection,
    board::Presence,
    forward::{Guest, Met, Play},
    stream::{Kind, Lane, Listener, Piece, Rank, Stream},
};
use crate::speech::Priority;

/// How much earlier than needed a stream is begun that its engine cannot keep up with: its length is an estimate.
const LEAD_MARGIN: f64 = 1.25;

/// What an idle machine would make of an offer.
struct Idle {
    first: Micros,
    all: Micros,
    /// When it has to begin so that nothing of it is late.
    lead: Micros,
    met: Vec<Met>,
}

impl Board {
    /// The offer as a stream with its promises, and its listener. Batch work may be meant to be done within its share.
    pub(super) fn stream_of(
        &mut self,
        offer: &Offer,
        in_share: bool,
        now: Micros,
    ) -> Result<(Stream, u32), Rejection> {
        let listener = self.listener_id();
        let mut stream = Stream {
            seq: self.next_seq,
            client: offer.client,
            class: offer.class,
            rank: if offer.class == Priority::Batch { Rank::Batch } else { Rank::Interactive },
            listeners: vec![Listener {
                id: listener,
                kind: Kind::Live { base: now, plays: false },
                read: Micros::ZERO,
            }],
            segments: Vec::with_capacity(offer.pieces.len()),
            lanes: Vec::<Lane>::new(),
            open: offer.open.map(|piece| Piece {
                total: piece.total.max(Micros(1)),
                audio: piece.audio.max(Micros::ms(100)),
                ..piece
            }),
            bytes: offer.bytes,
            longest: Micros::ZERO,
            target: Micros::ZERO,
            left: Micros::ZERO,
        };
        stream.append(&offer.pieces);
        let idle = self.idle(&stream, now);
        let wanted = offer.deadline.unwrap_or(Micros::NEVER);
        let needs = if offer.delivery == Delivery::Live { idle.first } else { idle.all };
        if wanted < needs {
            return Err(Rejection::DeadlineTooShort { needs });
        }
        // While an engine is coming up, time counts from when it is expected.
        let from = now + self.until_staffed(&stream, now);
        let class =
            if offer.class == Priority::Interactive { self.rules.target } else { self.rules.patience };
        stream.target = class.max(idle.first * 2);
        let latest = now + wanted;
        let kind = match offer.delivery {
            Delivery::Whole => {
                Kind::Whole { due: (from + self.rules.patience.max(idle.all * 2)).min(latest) }
            }
            Delivery::Live if idle.lead <= idle.first => {
                Kind::Live { base: (from + stream.target).min(latest), plays: false }
            }
            Delivery::Live => {
                let lead = idle.lead.times(LEAD_MARGIN);
                let held: Micros = idle.met.iter().filter(|met| met.first <= lead).map(|met| met.audio).sum();
                if from + lead > latest || held > stream.buffer(self.rules.buffer) {
                    return Err(Rejection::TooSlow { lead });
                }
                Kind::Live { base: from + lead, plays: true }
            }
        };
        let kind = if offer.class == Priority::Batch && in_share {
            self.with_share(&mut stream, kind, idle.first, now)
        } else {
            kind
        };
        stream.listeners.iter_mut().for_each(|only| only.kind = kind);
        Ok((stream, listener))
    }

    /// Batch work that its share has room for competes like anybody else; what is beyond it is behind everybody.
    fn with_share(&self, stream: &mut Stream, kind: Kind, first: Micros, now: Micros) -> Kind {
        // Whoever is running is waited for, as by everybody.
        let due = self.share_due(stream, now) + self.rules.target.max(first * 2);
        match kind {
            Kind::Whole { due: latest } if due <= latest => {
                stream.rank = Rank::Interactive;
                Kind::Whole { due }
            }
            Kind::Live { base, plays: false } if due <= base => {
                stream.rank = Rank::Interactive;
                Kind::Live { base: due, plays: false }
            }
            beyond => beyond,
        }
    }

    fn idle(&self, stream: &Stream, now: Micros) -> Idle {
        let mut play = Play::idle(self, now).watch(Guest { stream, arrives: now, shift: Micros::ZERO });
        // Nobody is there who could be late.
        let all = play.run().map_or(Micros::ZERO, |end| end - now);
        let first = play.met.iter().find(|met| met.before == Micros::ZERO);
        let first = first.map_or(Micros::ZERO, |met| met.first - now);
        let lead = play.met.iter().map(|met| met.needs() - now).max().unwrap_or_default();
        let met = play.met.iter().map(|met| Met { first: met.first - now, ..*met }).collect();
        Idle { first, all, lead, met }
    }

    /// How long until each engine of a stream has a worker.
    fn until_staffed(&self, stream: &Stream, now: Micros) -> Micros {
        let of_pool = |pool: usize| {
            let workers =
                self.workers.iter().enumerate().filter(|(worker, _)| self.floor.pool_of(*worker) == pool);
            let waits = workers.filter_map(|(_, presence)| match presence {
                Presence::Free | Presence::Busy { .. } => Some(Micros::ZERO),
                Presence::Away { back } => back.map(|back| (back - now).max(Micros::ZERO)),
            });
            waits.min().unwrap_or_default()
        };
        stream.lanes.iter().map(|lane| of_pool(lane.pool)).max().unwrap_or_default()
    }

    /// When batch work is done if it has its share of what can be done at once, and nothing else of the share has to
    /// be done before: the deadlines of a server of that bandwidth, after Spuri and Buttazzo, "Scheduling aperiodic
    /// tasks in dynamic priority systems" (1996). Competing with them like anybody else, it gets its share exactly.
    pub(super) fn share_due(&self, stream: &Stream, now: Micros) -> Micros {
        let at_once = stream.lanes.iter().map(|lane| self.floor.at_once(lane.pool)).min().unwrap_or(1);
        let share = self.rules.batch_share * f64::from(at_once);
        if share > 0.0 { self.batch_until.max(now) + stream.left.times(1.0 / share) } else { Micros::NEVER }
    }
}
