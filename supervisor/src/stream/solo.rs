//! Segments one by one: for work that nobody listens to while it is made, and that keeps what it has by itself.

use bytes::{Bytes, BytesMut};
use ishowtts_workers::Failure;
use std::time::Instant;

use super::{SpeechError, Studio};
use crate::{
    schedule::{Booking, Delivery, Heard, Segment},
    speech::{ClientId, Pause, Priority, Utterance, cut_parts},
};

/// A segment, before it is spoken.
#[derive(Clone, Debug)]
pub struct Slice {
    /// What its worker is asked.
    pub segment: Segment,
    /// The silence before it that was asked for, in milliseconds.
    pub lead_ms: u32,
    /// How long the voice rests behind it.
    pub pause: Pause,
}

/// One segment's audio.
#[derive(Clone, Debug)]
pub struct Solo {
    /// PCM16 at its engine's rate; empty if the engine could read nothing of it.
    pub pcm: Bytes,
    /// Samples per second.
    pub rate: u32,
    /// Characters that the engine left out.
    pub skipped: u64,
}

impl Studio {
    /// Cuts an utterance that nobody waits for: no segment is short for the sake of a first sound. The engines have to be
    /// known ([`Scheduler::known`](crate::schedule::Scheduler::known)). Also gives the rate at which the segments are
    /// joined: the highest of their engines.
    pub fn slices(&self, utterance: &Utterance) -> (Vec<Slice>, u32) {
        let scheduler = self.scheduler();
        let parts = cut_parts(&utterance.parts, |engine| scheduler.budget(engine), false);
        let rates = parts.iter().filter_map(|part| scheduler.ready(&part.route.engine));
        let rate = rates.map(|ready| ready.sample_rate).max().unwrap_or_default();
        let slices = parts.iter().map(|part| Slice {
            segment: self.segment(utterance, part),
            lead_ms: part.lead_ms,
            pause: part.pause().at_speed(utterance.speed),
        });
        (slices.collect(), rate)
    }

    /// Has one segment spoken behind everybody who listens, and waits for all of it. It holds no request's place in the
    /// server: it waits as long as it has to, but for a refusal, which says when it is worth another try.
    pub async fn solo(&self, segment: Segment, client: ClientId) -> Result<Solo, SpeechError> {
        let engine = segment.engine.clone();
        self.scheduler().known(&[&engine]).await?;
        let _voice = match &segment.request.voice {
            None => None,
            Some(voice) => {
                let held = self.shelf().hold(&engine, voice).await;
                held.map_err(|reason| SpeechError::Voice { voice: voice.clone(), reason })?
            }
        };
        let characters = segment.request.text.chars().filter(|c| !c.is_whitespace()).count();
        let rate = self.scheduler().ready(&engine).map_or(0, |ready| ready.sample_rate);
        let mut place = self.scheduler().admit(Booking {
            client,
            class: Priority::Batch,
            delivery: Delivery::Whole,
            accepted: Instant::now(),
            deadline: None,
            segments: vec![segment],
            open: None,
            is_kept: false,
        })?;
        if let Some(turn) = place.tickets.turn().await {
            turn?;
        }
        let mut pcm = BytesMut::new();
        loop {
            match place.tickets.next().await {
                Some(Heard::Audio(piece)) => pcm.extend_from_slice(&piece),
                Some(Heard::Anew) => pcm.clear(),
                Some(Heard::Done(summary)) => {
                    return Ok(Solo { pcm: pcm.freeze(), rate, skipped: summary.skipped });
                }
                // A stretch that its engine cannot read does not fail the others.
                Some(Heard::Failed(Failure::Engine { code, .. })) if code == "nothing_to_speak" => {
                    let skipped = u64::try_from(characters).unwrap_or_default();
                    return Ok(Solo { pcm: Bytes::new(), rate, skipped });
                }
                Some(Heard::Failed(failure)) => return Err(SpeechError::Failed { engine, failure }),
                Some(Heard::Late(failure, waited)) => {
                    return Err(SpeechError::NobodyCame { failure, waited });
                }
                Some(Heard::Refused(refusal)) => return Err(refusal.into()),
                None => return Err(SpeechError::Refused(crate::schedule::Refusal::Draining)),
            }
        }
    }
}
