//! Listeners: each takes its segments one by one as its player has it.

use std::cmp::Reverse;

use super::{Event, Fate, Reader, World};
use crate::{
    schedule::plan::{Delivery, Micros, StreamId},
    simulate::discipline::Discipline,
};

impl<D: Discipline> World<D> {
    /// What a listener does now that something has come.
    pub(super) fn listen(&mut self, id: StreamId) {
        loop {
            let Some(actor) = self.actors.get_mut(&id) else { return };
            let Some(request) = self.requests.get(actor.request) else { return };
            let segment = actor.read;
            if actor.heard.get(segment).copied().flatten().is_none() {
                return;
            }
            let starts = *actor.starts.get_or_insert_with(|| self.discipline.begin(id, self.now));
            if starts > self.now {
                self.events.push(Reverse((starts, Event::Heard { id, segment })));
                return;
            }
            if request.offer.delivery == Delivery::Live && actor.player.begin(self.now) {
                self.discipline.read(id, actor.admitted.listener, Micros::ZERO, true, self.now);
            }
            if actor.ended.get(segment).copied().flatten().is_none() {
                return;
            }
            let wanted = match (request.reader, request.offer.delivery) {
                (Reader::Paced { ahead, pause }, Delivery::Live) => {
                    if let Some((_, length)) = pause.filter(|pause| pause.0 == segment) {
                        actor.player.pause(segment, length);
                    }
                    actor.player.reaches(actor.player.position()) - ahead
                }
                _ => Micros::ZERO,
            };
            if wanted > self.now {
                self.events.push(Reverse((wanted, Event::Read { id, segment })));
                return;
            }
            self.take(id, true);
        }
    }

    /// A listener takes the next segment.
    pub(super) fn take(&mut self, id: StreamId, waited: bool) {
        let Some(actor) = self.actors.get_mut(&id) else { return };
        let Some(request) = self.requests.get(actor.request) else { return };
        let segment = actor.read;
        let piece = request.truth(segment);
        let (heard, ended) = (actor.heard.get(segment), actor.ended.get(segment));
        let (Some(&Some(heard)), Some(&Some(ended))) = (heard, ended) else { return };
        self.discipline.read(id, actor.admitted.listener, piece.audio, waited, self.now);
        actor.read += 1;
        actor.player.receive(heard, ended, piece.audio);
        if actor.read == request.offer.pieces.len() {
            let first = match request.offer.delivery {
                Delivery::Live => actor.player.began().unwrap_or(self.now),
                Delivery::Whole => self.now,
            };
            let fate = Fate::Served {
                first: first - request.arrives,
                underrun: if request.offer.delivery == Delivery::Live {
                    actor.player.worst()
                } else {
                    Micros::ZERO
                },
                ended: self.now,
            };
            self.discipline.leave(id, actor.admitted.listener, self.now);
            self.finish(id, fate);
        }
    }
}
