//! One request: what is asked, how it is listened to, and what becomes of it.

use crate::{
    schedule::plan::{ClientIndex, Delivery, Micros, Offer, Piece, Rejection},
    speech::Priority,
};

/// One request and everything that will come of it.
#[derive(Clone, Debug)]
pub struct Request {
    /// When it comes.
    pub arrives: Micros,
    /// What it asks for, with the costs that the discipline is told.
    pub offer: Offer,
    /// What its segments really are like; as told where it is empty.
    pub truth: Vec<Piece>,
    /// How its audio is read.
    pub reader: Reader,
    /// When its client goes away, from its arrival.
    pub leaves: Option<Micros>,
}

impl Request {
    /// A live stream of one client, read as fast as it comes, its costs known.
    pub fn live(arrives: Micros, client: u64, pieces: Vec<Piece>) -> Self {
        let offer = Offer {
            client: ClientIndex(client),
            class: Priority::Interactive,
            delivery: Delivery::Live,
            deadline: None,
            pieces,
            open: None,
            bytes: 0,
        };
        Self { arrives, offer, truth: Vec::new(), reader: Reader::Eager, leaves: None }
    }

    pub(super) fn truth(&self, segment: usize) -> Piece {
        let told = self.offer.pieces.get(segment).copied();
        self.truth.get(segment).copied().or(told).unwrap_or(Piece {
            pool: 0,
            total: Micros::ZERO,
            first: Micros::ZERO,
            audio: Micros::ZERO,
        })
    }
}

/// How a listener reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Whatever is there, at once.
    Eager,
    /// As it plays, so much ahead; and once, before this segment, it stops for so long.
    Paced {
        /// How far ahead.
        ahead: Micros,
        /// Where, and for how long.
        pause: Option<(usize, Micros)>,
    },
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was sent away.
    Refused(Rejection),
    /// Its client left before the end.
    Left,
    /// A worker was lost with it, or the world ended first.
    Lost,
    /// It heard everything.
    Served {
        /// Arrival → first audio, or all of it if it was wanted whole.
        first: Micros,
        /// Longest silence of its player.
        underrun: Micros,
        /// When it was done.
        ended: Micros,
    },
}

/// A segment that was spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// Of which request.
    pub request: usize,
    /// When it was complete.
    pub at: Micros,
    /// How long it is.
    pub audio: Micros,
}
