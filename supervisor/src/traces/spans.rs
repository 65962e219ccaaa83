//! The spans of one request. Each is nothing where the request is not traced, and ends when it is dropped.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, SpanBuilder, SpanContext, Status, TraceContextExt, Tracer},
};
use opentelemetry_sdk::trace::{SdkTracer, Span};

use super::wall;

/// The whole of a request.
#[derive(Debug, Default)]
pub struct RequestSpan(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    span: Span,
    branch: Branch,
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending<'a> {
    pub(crate) outcome: &'static str,
    pub(crate) engine: &'a str,
    pub(crate) voice: &'a str,
    pub(crate) cache: &'static str,
    /// When the first audio was there, if any was.
    pub(crate) first_audio: Option<Instant>,
    pub(crate) audio_ms: f64,
    pub(crate) rtf: f64,
    /// What went wrong.
    pub(crate) error: Option<&'a str>,
    /// It was our fault, or an engine's.
    pub(crate) is_failure: bool,
}

impl RequestSpan {
    pub(super) fn new(span: Span, tracer: SdkTracer) -> Self {
        let context = span.span_context().clone();
        Self(Some(Box::new(Open { span, branch: Branch(Some(Arc::new(Root { tracer, context }))) })))
    }

    /// Where the spans of its parts begin.
    pub(crate) fn branch(&self) -> Branch {
        self.0.as_ref().map(|open| open.branch.clone()).unwrap_or_default()
    }

    /// The trace's id in hexadecimal, if it is traced.
    pub(crate) fn trace_id(&self) -> Option<String> {
        self.0.as_ref().map(|open| open.span.span_context().trace_id().to_string())
    }

    /// It has ended.
    pub(crate) fn end(&mut self, ending: &Ending<'_>) {
        let Some(mut open) = self.0.take() else { return };
        let span = &mut open.span;
        span.set_attributes([
            text("ishowtts.outcome", ending.outcome),
            text("ishowtts.engine", ending.engine),
            text("ishowtts.voice", ending.voice),
            text("ishowtts.cache", ending.cache),
            KeyValue::new("ishowtts.audio_ms", ending.audio_ms),
            KeyValue::new("ishowtts.rtf", ending.rtf),
        ]);
        if let Some(moment) = ending.first_audio {
            span.add_event_with_timestamp("first audio", wall(moment), Vec::new());
        }
        if let Some(error) = ending.error {
            span.set_attribute(text("ishowtts.error", error));
        }
        if ending.is_failure {
            span.set_status(Status::error(ending.error.unwrap_or_default().to_owned()));
        }
        span.end();
    }
}

/// Where spans of a request's parts begin. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Branch(Option<Arc<Root>>);

#[derive(Debug)]
struct Root {
    tracer: SdkTracer,
    /// Of the request's span.
    context: SpanContext,
}

impl Branch {
    /// A segment has waited until `until` for a worker, for so long.
    pub(crate) fn queued(&self, segment: usize, engine: &str, waited: Duration, until: Instant) {
        let Some(root) = &self.0 else { return };
        let from = until.checked_sub(waited).unwrap_or(until);
        let mut span = root.open("queue", from);
        span.set_attributes(of_segment(segment, engine));
        span.end_with_timestamp(wall(until));
    }

    /// A segment is with a worker since `from`.
    pub(crate) fn segment(
        &self,
        segment: usize,
        engine: &str,
        characters: u64,
        from: Instant,
    ) -> SegmentSpan {
        SegmentSpan(self.0.as_ref().map(|root| {
            let mut span = root.open("segment", from);
            span.set_attributes(of_segment(segment, engine));
            span.set_attribute(whole("ishowtts.characters", characters));
            Box::new(Speaking { span, from, tries: 1 })
        }))
    }

    /// A codec, by its name, gets work from now on.
    pub(crate) fn encoding(&self, codec: &'static str) -> EncodeSpan {
        EncodeSpan(self.0.as_ref().map(|root| {
            let mut span = root.open("encode", Instant::now());
            span.set_attribute(text("ishowtts.format", codec));
            Box::new(Encoding { span, busy: Duration::ZERO })
        }))
    }
}

impl Root {
    fn open(&self, name: &'static str, from: Instant) -> Span {
        let parent = Context::new().with_remote_span_context(self.context.clone());
        self.tracer.build_with_context(SpanBuilder::from_name(name).with_start_time(wall(from)), &parent)
    }
}

/// A segment with a worker. Dropped before its end, it was given up.
#[derive(Debug, Default)]
pub struct SegmentSpan(Option<Box<Speaking>>);

#[derive(Debug)]
struct Speaking {
    span: Span,
    from: Instant,
    /// Workers that had it.
    tries: u32,
}

impl SegmentSpan {
    /// Its worker was lost, and another one begins anew.
    pub(crate) fn again(&mut self) {
        if let Some(speaking) = &mut self.0 {
            speaking.tries += 1;
            speaking.span.add_event("begun anew", Vec::new());
        }
    }

    /// It is complete; its worker took so long.
    pub(crate) fn done(&mut self, spent: Duration) {
        let Some(mut speaking) = self.0.take() else { return };
        speaking.span.set_attribute(whole("ishowtts.tries", speaking.tries.into()));
        // Its listener may come for it long after it was made.
        let end = (speaking.from + spent).min(Instant::now());
        let end = if speaking.tries == 1 { end } else { Instant::now() };
        speaking.span.end_with_timestamp(wall(end));
    }

    /// It came to nothing.
    pub(crate) fn failed(&mut self, error: &str) {
        let Some(mut speaking) = self.0.take() else { return };
        speaking.span.set_attribute(whole("ishowtts.tries", speaking.tries.into()));
        speaking.span.set_status(Status::error(error.to_owned()));
        speaking.span.end();
    }
}

impl Drop for SegmentSpan {
    fn drop(&mut self) {
        if let Some(mut speaking) = self.0.take() {
            speaking.span.set_attribute(KeyValue::new("ishowtts.given_up", true));
            speaking.span.end();
        }
    }
}

/// A codec at work. It ends when it is dropped.
#[derive(Debug, Default)]
pub struct EncodeSpan(Option<Box<Encoding>>);

#[derive(Debug)]
struct Encoding {
    span: Span,
    busy: Duration,
}

impl EncodeSpan {
    /// Does some of the work.
    pub(crate) async fn around<F: Future>(&mut self, work: F) -> F::Output {
        let Some(encoding) = &mut self.0 else { return work.await };
        let began = Instant::now();
        let done = work.await;
        encoding.busy += began.elapsed();
        done
    }
}

impl Drop for EncodeSpan {
    fn drop(&mut self) {
        if let Some(mut encoding) = self.0.take() {
            let busy = encoding.busy.as_secs_f64() * 1000.0;
            encoding.span.set_attribute(KeyValue::new("ishowtts.busy_ms", busy));
            encoding.span.end();
        }
    }
}

pub(super) fn text(key: &'static str, value: &str) -> KeyValue {
    KeyValue::new(key, value.to_owned())
}

fn whole(key: &'static str, value: u64) -> KeyValue {
    KeyValue::new(key, i64::try_from(value).unwrap_or(i64::MAX))
}

fn of_segment(segment: usize, engine: &str) -> [KeyValue; 2] {
    let number = u64::try_from(segment).unwrap_or(u64::MAX);
    [whole("ishowtts.segment", number), text("ishowtts.engine", engine)]
}
