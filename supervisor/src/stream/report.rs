//! How a request went: one line of log and one set of observations, exactly once, however it ended.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Origin, SpeechError};
use crate::metrics::{Finished, Heard, Metrics, Outcome, RejectReason, Surface};
use crate::schedule::Refusal;
use crate::speech::ClientId;
use crate::traces::{Branch, Caller, Ending, RequestSpan};

/// The figures of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Duration of the audio handed out.
    pub audio: Duration,
    /// Accepted → last piece.
    pub elapsed: Duration,
    /// Accepted → first piece.
    pub ttfa: Duration,
    /// First segment submitted → its turn.
    pub queue_wait: Duration,
    /// Time that workers spent on it.
    pub synthesis: Duration,
    /// Worst silence of a player that started at the first piece; `None` when it was not played while it was made.
    pub underrun: Option<Duration>,
}

impl Report {
    /// Synthesis time / audio duration; 0 for no audio.
    pub fn rtf(&self) -> f64 {
        if self.audio.is_zero() { 0.0 } else { self.synthesis.as_secs_f64() / self.audio.as_secs_f64() }
    }
}

/// A duration in milliseconds, to the microsecond.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Keeps account of one request from acceptance to its end.
#[derive(Debug)]
pub struct Account {
    metrics: Arc<Metrics>,
    surface: Surface,
    caller: Caller,
    trace: RequestSpan,
    client: ClientId,
    accepted: Instant,
    engine: String,
    voice: String,
    skipped: u64,
    /// As in `X-Cache`, once it is complete.
    cache: &'static str,
    closed: bool,
}

impl Account {
    /// Opens the account of a request that was accepted now.
    pub fn open(
        metrics: Arc<Metrics>,
        surface: Surface,
        caller: impl Into<Caller>,
        client: &ClientId,
    ) -> Self {
        let (caller, accepted) = (caller.into(), Instant::now());
        Self {
            trace: metrics.traces.request(&caller, surface.label(), accepted),
            metrics,
            surface,
            caller,
            client: client.clone(),
            accepted,
            engine: "none".into(),
            voice: String::new(),
            skipped: 0,
            cache: "",
            closed: false,
        }
    }

    /// When the request was accepted.
    pub fn accepted(&self) -> Instant {
        self.accepted
    }

    /// Where the spans of its parts begin.
    pub fn branch(&self) -> Branch {
        self.trace.branch()
    }

    /// What was asked for is complete enough to be worked on only now: its text was still arriving.
    pub(super) fn begins(&mut self, moment: Instant) {
        self.accepted = moment;
    }

    /// Characters that were left out so far.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// It never came to an utterance.
    pub fn invalid(mut self, code: &str, message: &str) {
        self.close(Outcome::Invalid, &Report::default(), Some((code, message)));
    }

    pub(super) fn speak(&mut self, engine: &str, voice: &str, skipped: usize) {
        engine.clone_into(&mut self.engine);
        voice.clone_into(&mut self.voice);
        self.skipped = u64::try_from(skipped).unwrap_or(u64::MAX);
    }

    pub(super) fn complete(&mut self, report: &Report, origin: Origin, skipped: u64) {
        if self.closed {
            return;
        }
        self.skipped += skipped;
        self.cache = origin.label();
        let metrics = &self.metrics;
        let engine = [self.engine.as_str()];
        // What was there already says nothing of how fast anything is made.
        if origin == Origin::Cached {
            self.close(Outcome::Ok, report, None);
            return;
        }
        metrics.elapsed_ms.with_label_values(&engine).observe(milliseconds(report.elapsed));
        metrics.rtf.with_label_values(&engine).observe(report.rtf());
        metrics.ttfa_ms.with_label_values(&engine).observe(milliseconds(report.ttfa));
        metrics.queue_wait_ms.with_label_values(&engine).observe(milliseconds(report.queue_wait));
        if let Some(underrun) = report.underrun {
            metrics.stream_underrun_ms.with_label_values(&engine).observe(milliseconds(underrun));
        }
        metrics.audio_seconds.with_label_values(&engine).inc_by(report.audio.as_secs_f64());
        self.close(Outcome::Ok, report, None);
    }

    /// Whoever reads a stream to its end is told its error by more than one hand; the first counts.
    pub(super) fn fail(&mut self, error: &SpeechError) {
        if self.closed {
            return;
        }
        if let SpeechError::Refused(refusal) = error {
            let reason = match refusal {
                Refusal::Busy { is_fairness: true, .. } => RejectReason::Fairness,
                Refusal::Busy { .. } => RejectReason::Capacity,
                Refusal::Memory { .. } => RejectReason::Memory,
                Refusal::DeadlineTooShort { .. } => RejectReason::DeadlineTooShort,
                Refusal::TooSlow { .. } => RejectReason::TooSlow,
                Refusal::EngineFailed { .. } => RejectReason::EngineFailed,
                Refusal::EngineDisabled { .. } => RejectReason::EngineDisabled,
                Refusal::Poison { .. } => RejectReason::Poison,
                Refusal::Draining => RejectReason::Draining,
            };
            self.metrics.rejected.with_label_values(&[reason.label()]).inc();
        }
        let message = error.to_string();
        self.close(error.outcome(), &Report::default(), Some(("", &message)));
    }

    fn heard(&self, report: &Report) -> Heard {
        Heard {
            ttfa: report.ttfa,
            audio: report.audio,
            rtf: (self.cache != Origin::Cached.label()).then(|| report.rtf()),
            queue_wait: report.queue_wait,
            underrun: report.underrun,
            cache: self.cache,
        }
    }

    fn close(&mut self, outcome: Outcome, report: &Report, trouble: Option<(&str, &str)>) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        let labels = [self.surface.label(), &self.engine, outcome.label()];
        self.metrics.requests.with_label_values(&labels).inc();
        let elapsed = if trouble.is_some() { self.accepted.elapsed() } else { report.elapsed };
        self.metrics.recent.add(Finished {
            ended: Instant::now(),
            request_id: self.caller.request_id().to_owned(),
            surface: self.surface,
            outcome,
            engine: self.engine.clone(),
            voice: self.voice.clone(),
            elapsed,
            heard: (outcome == Outcome::Ok).then(|| self.heard(report)),
        });
        tracing::info!(
            request_id = self.caller.request_id(),
            surface = self.surface.label(),
            client = %self.client,
            outcome = outcome.label(),
            engine = self.engine,
            voice = self.voice,
            elapsed_ms = milliseconds(elapsed),
            rtf = (report.rtf() * 1e4).round() / 1e4,
            ttfa_ms = milliseconds(report.ttfa),
            audio_ms = milliseconds(report.audio),
            queue_wait_ms = milliseconds(report.queue_wait),
            cache = self.cache,
            skipped = self.skipped,
            trace_id = self.trace.trace_id(),
            error = trouble.map(|(_, message)| message),
            "Request finished"
        );
        self.trace.end(&Ending {
            outcome: outcome.label(),
            engine: &self.engine,
            voice: &self.voice,
            cache: self.cache,
            first_audio: (!report.ttfa.is_zero()).then(|| self.accepted + report.ttfa),
            audio_ms: milliseconds(report.audio),
            rtf: report.rtf(),
            error: trouble.map(|(_, message)| message),
            is_failure: matches!(outcome, Outcome::Failed | Outcome::Deadline),
        });
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.close(Outcome::Gone, &Report { elapsed: self.accepted.elapsed(), ..Report::default() }, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_once_however_often_its_end_is_told() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let rejected = metrics.rejected.with_label_values(&[RejectReason::Draining.label()]);
        let audio = metrics.audio_seconds.with_label_values(&["none"]);
        let report = Report { audio: Duration::from_secs(2), ..Report::default() };
        let account =
            || Account::open(Arc::clone(&metrics), Surface::Api, "1".to_owned(), &ClientId::key("me"));
        let refusal = SpeechError::Refused(Refusal::Draining);

        let mut refused = account();
        refused.fail(&refusal);
        refused.fail(&refusal);
        refused.complete(&report, Origin::Made, 0);
        assert_eq!((rejected.get(), audio.get()), (1, 0.0));

        let mut complete = account();
        complete.complete(&report, Origin::Made, 3);
        complete.complete(&report, Origin::Made, 3);
        complete.fail(&refusal);
        assert_eq!((rejected.get(), audio.get(), complete.skipped()), (1, 2.0, 3));
    }
}
