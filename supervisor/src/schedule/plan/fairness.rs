//! Who asks, how much of the machine each has, and places that are kept for those who were sent away.

use std::collections::{BTreeMap, BTreeSet};

use super::{Board, Micros, forward::Guest, stream::Stream};

/// A client, as whoever asks for it numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientIndex(pub u64);

/// Most clients that places are kept for; more than that at once is no queue but a crowd.
const MOST_HOLDS: usize = 16;
/// How long after the moment that it was told a client may come back.
const GRACE: Micros = Micros::s(1);

/// A place that is kept for a client who was told when to come back.
#[derive(Clone, Debug)]
struct Hold {
    stream: Stream,
    asked: Micros,
    /// Told to the microsecond, and in whole seconds.
    from: Micros,
    rounded: Micros,
}

/// Places that are kept, at most one for each client.
#[derive(Clone, Debug, Default)]
pub(super) struct Holds(BTreeMap<ClientIndex, Hold>);

impl Holds {
    /// Keeps a place for a client who may come back in `wait`, or `rounded`. One that has a place keeps that.
    pub(super) fn keep(&mut self, stream: Stream, wait: Micros, rounded: Micros, now: Micros) {
        self.expire(now);
        if self.0.len() < MOST_HOLDS {
            let hold = Hold { asked: now, from: now + wait, rounded: now + rounded, stream };
            self.0.entry(hold.stream.client).or_insert(hold);
        }
    }

    /// The client has come back.
    pub(super) fn release(&mut self, client: ClientIndex) {
        self.0.remove(&client);
    }

    pub(super) fn expire(&mut self, now: Micros) {
        self.0.retain(|_, hold| hold.rounded + GRACE >= now);
    }

    pub(super) fn clients(&self) -> impl Iterator<Item = ClientIndex> {
        self.0.keys().copied()
    }

    /// Those who may still come, as if they came at the earliest moment, and as if they came at the rounded one.
    pub(super) fn guests(&self, except: ClientIndex, now: Micros) -> [Vec<Guest<'_>>; 2] {
        let others = || self.0.iter().filter(move |(client, _)| **client != except);
        let guest = |hold: &'_ Hold, told: Micros| (told.max(now), told.max(now) - hold.asked);
        let when = |told: fn(&Hold) -> Micros| {
            others()
                .map(|(_, hold)| {
                    let (arrives, shift) = guest(hold, told(hold));
                    Guest { stream: &hold.stream, arrives, shift }
                })
                .collect()
        };
        [when(|hold| hold.from), when(|hold| hold.rounded)]
    }
}

impl Board {
    /// Whether a client, given so much more work, has more than its share while others ask too. Who has nothing yet
    /// does not: with many clients of one request each, whoever comes would else have to leave room for everybody
    /// who was sent away and does not come back.
    pub(super) fn is_above_its_share(&self, client: ClientIndex, more: Micros) -> bool {
        let (mut own, mut all) = (Micros::ZERO, Micros::ZERO);
        let mut clients: BTreeSet<ClientIndex> = self.holds.clients().chain([client]).collect();
        for stream in self.slots.iter().flatten() {
            all += stream.left;
            if stream.client == client {
                own += stream.left;
            } else if stream.left > Micros::ZERO {
                clients.insert(stream.client);
            }
        }
        let clients = i64::try_from(clients.len()).unwrap_or(i64::MAX);
        own > Micros::ZERO && clients > 1 && (own + more).0.saturating_mul(clients) > (all + more).0
    }
}
