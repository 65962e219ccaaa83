//! Traces of requests, for a collector of OpenTelemetry: where the time of one request went.
//!
//! ```text
//! speak ─┬─ queue     a segment waits for a worker          (each segment)
//!        ├─ segment   a worker speaks it                    (each segment)
//!        └─ encode    a codec has work to do                (mp3, opus, flac, aac)
//! ```
//!
//! They are off unless the configuration names a collector, and cost a look at an empty option then. Spans that have
//! ended wait in a bounded queue, and a thread of their own sends them (`export`): a collector that is slow or away costs
//! spans, never a request.

mod caller;
mod export;
mod spans;

use std::time::{Instant, SystemTime};

use opentelemetry::{
    Context,
    trace::{Span, SpanBuilder, SpanKind, TraceContextExt, Tracer},
};
use opentelemetry_sdk::trace::SdkTracer;

pub use caller::Caller;
pub use export::Exporter;
pub(crate) use spans::Ending;
pub use spans::{Branch, EncodeSpan, RequestSpan, SegmentSpan};

/// Where requests are traced, if they are. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<SdkTracer>);

impl Traces {
    /// Begins the trace of a request, or goes on with its client's.
    pub(crate) fn request(&self, caller: &Caller, surface: &'static str, accepted: Instant) -> RequestSpan {
        let Some(tracer) = &self.0 else { return RequestSpan::default() };
        let parent = caller
            .context()
            .map_or_else(Context::new, |remote| Context::new().with_remote_span_context(remote));
        let builder = SpanBuilder::from_name("speak").with_kind(SpanKind::Server);
        let mut span = tracer.build_with_context(builder.with_start_time(wall(accepted)), &parent);
        if !span.is_recording() {
            return RequestSpan::default();
        }
        span.set_attribute(spans::text("ishowtts.surface", surface));
        span.set_attribute(spans::text("ishowtts.request_id", caller.request_id()));
        RequestSpan::new(span, tracer.clone())
    }
}

/// What the clock on the wall said at a moment.
fn wall(moment: Instant) -> SystemTime {
    let (now, wall) = (Instant::now(), SystemTime::now());
    let ago = now.saturating_duration_since(moment);
    wall.checked_sub(ago).unwrap_or(wall)
}
