//! How streams come to the desk, whole or as their text arrives.

use std::{hash::BuildHasher, time::Instant};

use tokio::sync::oneshot;

use super::{
    super::super::{
        Booking, Delivery, Refusal, Segment,
        plan::{Admitted, ClientIndex, Micros, Offer, Piece, StreamId},
        ticket::Turns,
    },
    Desk, Order, Orders, Seated, Tries, kind,
};

impl Desk {
    pub(in crate::schedule::dispatcher) fn admit(
        &mut self,
        booking: Booking,
        now: Micros,
    ) -> Result<Seated, Refusal> {
        self.check_quarantine(&booking.segments, now)?;
        let mut pieces = Vec::with_capacity(booking.segments.len());
        let mut rate = 0;
        let mut most = Micros::ZERO;
        for (before, segment) in booking.segments.iter().enumerate() {
            let (piece, most_audio) = self.piece(segment, before)?;
            pieces.push(piece);
            most += most_audio;
            rate = self.facts(&segment.engine).map_or(rate, |facts| facts.ready.sample_rate.max(rate));
        }
        let open = booking.open.as_ref().map(|segment| self.piece(segment, pieces.len())).transpose()?;
        let open = open.map(|(piece, _)| piece);
        let longest = pieces.iter().chain(&open).map(|piece| piece.audio).max().unwrap_or_default();
        let buffer = self.buffer.max(longest * 2);
        let held = match (booking.delivery, open) {
            // How much there will be of it is not known, but that no more is held at once.
            (Delivery::Live, Some(_)) => buffer,
            (Delivery::Live, None) if !booking.is_kept => most.min(buffer),
            _ => most,
        };
        let offer = Offer {
            client: ClientIndex(self.clients.hash_one(&booking.client)),
            class: booking.class,
            delivery: booking.delivery,
            deadline: booking
                .deadline
                .map(|deadline| Micros::from(deadline.saturating_sub(booking.accepted.elapsed()))),
            pieces,
            open,
            // Two bytes a sample.
            bytes: u64::try_from(held.0).unwrap_or(0) * u64::from(rate) * 2 / 1_000_000,
        };
        let Admitted { id, listener, promised } = self.board.admit(&offer, now)?;
        let (mut orders, mut turns) = (Orders::new(), Turns::default());
        order(booking.segments, &mut orders, &mut turns);
        self.orders.insert(id, orders);
        Ok(Seated { id, listener, promised, turns })
    }

    /// More text of a stream has come.
    pub(in crate::schedule::dispatcher) fn append(
        &mut self,
        id: StreamId,
        segments: Vec<Segment>,
        now: Micros,
    ) -> Result<Turns, Refusal> {
        self.check_quarantine(&segments, now)?;
        if self.is_closed {
            return Err(Refusal::Draining);
        }
        let mut turns = Turns::default();
        let before = self.orders.get(&id).map_or(0, Vec::len);
        let pieces: Result<Vec<Piece>, Refusal> = segments
            .iter()
            .zip(before..)
            .map(|(segment, before)| Ok(self.piece(segment, before)?.0))
            .collect();
        let pieces = pieces?;
        // With its last listener a stream has left.
        if let Some(orders) = self.orders.get_mut(&id) {
            order(segments, orders, &mut turns);
            self.board.append(id, &pieces, now);
        }
        Ok(turns)
    }

    /// All of a stream's text has come.
    pub(in crate::schedule::dispatcher) fn close_text(&mut self, id: StreamId) {
        self.board.close(id);
    }

    /// What is expected of a segment that so many stand before, and as much audio as it may well have.
    fn piece(&self, segment: &Segment, before: usize) -> Result<(Piece, Micros), Refusal> {
        let engine = &segment.engine;
        let pool =
            self.names.pool(engine).ok_or_else(|| Refusal::EngineDisabled { engine: engine.clone() })?;
        let estimate = self.costs.estimate(&kind(segment), segment.spoken_ms, before);
        // What cannot be spoken the same way again is only released whole.
        let is_whole = self.facts(engine).is_none_or(|facts| !facts.ready.repeatable);
        let first = if is_whole { estimate.total } else { estimate.first };
        Ok((Piece { pool, total: estimate.total, first, audio: estimate.audio }, estimate.most_audio))
    }
}

/// Has segments wait for their turns.
fn order(segments: Vec<Segment>, orders: &mut Orders, turns: &mut Turns) {
    let admitted = Instant::now();
    for segment in segments {
        let (grant, granted) = oneshot::channel();
        orders.push(Some(Order { segment, grant, admitted, tries: Tries::default(), running: None }));
        turns.0.push_back(granted);
    }
}
