//! What a worker says, and what it means in each phase of its life.

use tokio::time::Instant;

use super::{Life, Phase};
use crate::{
    expectation::Flaw,
    lifecycle::{actor::Actor, fault::Fault},
    protocol::{FromWorker, Hello, Memory, PROTOCOL_VERSION, Ready, ToWorker},
    synthesis::{Failure, SynthesisEvent, SynthesisId, SynthesisSummary},
};

/// How a worker says that its samples are no numbers.
const GARBLED: &str = "garbled_audio";

impl Life {
    pub(super) fn audio(
        &mut self,
        actor: &Actor,
        id: SynthesisId,
        payload: bytes::Bytes,
    ) -> Result<(), Fault> {
        self.heard = Instant::now();
        let Some(running) = self.running.get_mut(&id) else { return Err(unknown("audio", id)) };
        running.sound.hear(&payload);
        let most = actor.spec.max_audio_bytes;
        if running.sound.samples() > u64::try_from(most / 2).unwrap_or(u64::MAX) {
            return Err(Fault::Violation(format!("synthesis {id} gave more than {most} bytes of audio")));
        }
        if running.flaw.is_none() {
            running.flaw = running.sound.early_flaw(&running.expected, self.rate);
        }
        let goes_on = running.flaw.is_none() && running.pass_on(payload);
        if goes_on { Ok(()) } else { self.cancel(id) }
    }

    pub(super) fn hear(&mut self, actor: &mut Actor, message: FromWorker) -> Result<(), Fault> {
        if !matches!(message, FromWorker::Pong { .. }) {
            self.heard = Instant::now();
        }
        match (self.phase, message) {
            (Phase::Hello, FromWorker::Hello(hello)) => self.greet(actor, &hello),
            (Phase::Loading, FromWorker::Progress { stage, fraction }) => {
                actor.note(|status| status.progress = Some((stage, fraction)));
                Ok(())
            }
            (Phase::Loading, FromWorker::Ready(ready)) => self.serve(actor, ready),
            (_, FromWorker::Error { id: None, code, message, fatal: true, .. }) => {
                Err(Fault::Fatal { code, message })
            }
            (_, FromWorker::Error { id: None, code, message, .. }) => {
                tracing::warn!(worker = actor.name, code, "{message}");
                Ok(())
            }
            (Phase::Serving, FromWorker::Done { id, samples, timings, skipped }) => {
                let Some(running) = self.running.get_mut(&id) else { return Err(unknown("the end", id)) };
                let received = running.sound.samples();
                if received != samples {
                    let why = format!("it sent {received} samples of synthesis {id} and says {samples}");
                    return Err(Fault::Violation(why));
                }
                if running.flaw.is_none() && !running.cancelled {
                    running.flaw = running.sound.flaw(&running.expected, self.rate, skipped);
                }
                if running.flaw.is_none() {
                    // Nobody may be listening any more, which its end shows as well.
                    running.let_go();
                    actor.finished();
                }
                let summary = SynthesisSummary { samples, timings, skipped };
                self.ended(actor, id, SynthesisEvent::Done(summary))
            }
            (Phase::Serving, FromWorker::Cancelled { id }) => {
                self.ended(actor, id, SynthesisEvent::Failed(Failure::Cancelled))
            }
            (Phase::Serving, FromWorker::Error { id: Some(id), code, message, param, fatal }) => {
                if fatal {
                    // Not the request's own failure: it goes to another process, like all that run beside it.
                    let known = self.running.contains_key(&id);
                    return Err(if known { Fault::Fatal { code, message } } else { unknown("an error", id) });
                }
                let failure = if code == GARBLED {
                    Failure::Garbled { flaw: Flaw::Told(message) }
                } else {
                    Failure::Engine { code, message, param }
                };
                self.ended(actor, id, SynthesisEvent::Failed(failure))
            }
            (Phase::Serving, FromWorker::Pong { nonce, rss_bytes, device_bytes, recompiles }) => {
                if nonce == self.nonce {
                    self.pinged = None;
                    self.heard = if self.is_speaking() { self.heard } else { Instant::now() };
                }
                actor.measured(Memory { rss_bytes, device_bytes }, recompiles);
                Ok(())
            }
            (Phase::Serving, FromWorker::Paused) => {
                if self.pausing {
                    self.paused = true;
                    actor.paused();
                }
                Ok(())
            }
            (_, FromWorker::Bye { reason }) => {
                tracing::debug!(worker = actor.name, reason, "The worker says goodbye");
                Ok(())
            }
            (_, message) => Err(Fault::Violation(format!("this was not its turn: {message:?}"))),
        }
    }

    fn greet(&mut self, actor: &Actor, hello: &Hello) -> Result<(), Fault> {
        let spec = &actor.spec;
        if hello.protocol != PROTOCOL_VERSION {
            let theirs = hello.protocol;
            return Err(Fault::Violation(format!("it speaks version {theirs}, not {PROTOCOL_VERSION}")));
        }
        if hello.engine != spec.engine || hello.pid != self.pid {
            return Err(Fault::Violation(format!("it says it is {} with pid {}", hello.engine, hello.pid)));
        }
        self.phase = Phase::Loading;
        self.say(&ToWorker::Load {
            protocol: PROTOCOL_VERSION,
            engine: spec.engine.clone(),
            replica: spec.replica,
            device: spec.seen_as.clone(),
            threads: spec.threads,
            settings: spec.settings.clone(),
            voices: spec.voices.clone(),
        })
    }

    fn serve(&mut self, actor: &mut Actor, ready: Ready) -> Result<(), Fault> {
        if !(4_000..=192_000).contains(&ready.sample_rate) || ready.max_batch == 0 || ready.voices.is_empty()
        {
            let why = "its ready line names no voice, no batch or an impossible sample rate";
            return Err(Fault::Violation(why.into()));
        }
        tracing::info!(
            worker = actor.name,
            sample_rate = ready.sample_rate,
            tier = ready.tier,
            warmup_ms = ready.warmup.elapsed_ms,
            rss_mb = ready.memory.rss_bytes / (1024 * 1024),
            "The worker is ready"
        );
        self.phase = Phase::Serving;
        self.rate = ready.sample_rate;
        actor.became_ready(ready);
        Ok(())
    }

    pub(super) fn ended(
        &mut self,
        actor: &mut Actor,
        id: SynthesisId,
        event: SynthesisEvent,
    ) -> Result<(), Fault> {
        let running = self.running.remove(&id).ok_or_else(|| unknown("the end", id))?;
        if self.running.is_empty() {
            actor.idle();
        }
        match (running.flaw.clone(), event) {
            // It ended, one way or another: what counts is what it was.
            (Some(flaw), SynthesisEvent::Done(_) | SynthesisEvent::Failed(Failure::Cancelled)) => {
                tracing::warn!(worker = actor.name, synthesis = id.0, "Audio that cannot be right: {flaw}");
                running.fail(Failure::Garbled { flaw });
            }
            (_, event) => running.end(event),
        }
        Ok(())
    }
}

fn unknown(what: &str, id: SynthesisId) -> Fault {
    Fault::Violation(format!("it sent {what} of synthesis {id}, which it does not have"))
}
