//! Who asks, as far as logs and traces name it.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator},
    trace::{SpanContext, TraceContextExt},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A request's id, and the trace that it belongs to by its client's word.
#[derive(Clone, Debug)]
pub struct Caller {
    request_id: String,
    /// As it came; nobody reads it where nothing is traced.
    parent: Option<Parent>,
}

/// W3C's headers.
#[derive(Clone, Debug)]
struct Parent {
    traceparent: HeaderValue,
    tracestate: Option<HeaderValue>,
}

impl Caller {
    /// A request with this id, and with `traceparent` and `tracestate` if its headers have them.
    pub fn new(request_id: String, headers: &HeaderMap) -> Self {
        let parent = headers.get(TRACEPARENT).map(|traceparent| Parent {
            traceparent: traceparent.clone(),
            tracestate: headers.get(TRACESTATE).cloned(),
        });
        Self { request_id, parent }
    }

    /// The id, as logs tell it.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The client's span, if it named one in a way that can be read.
    pub(super) fn context(&self) -> Option<SpanContext> {
        let parent = self.parent.as_ref()?;
        let found = TraceContextPropagator::new().extract_with_context(&Context::new(), parent);
        let context = found.span().span_context().clone();
        context.is_valid().then_some(context)
    }
}

impl From<String> for Caller {
    fn from(request_id: String) -> Self {
        Self { request_id, parent: None }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.request_id)
    }
}

impl Extractor for Parent {
    fn get(&self, key: &str) -> Option<&str> {
        let value = match key {
            "traceparent" => Some(&self.traceparent),
            "tracestate" => self.tracestate.as_ref(),
            _ => None,
        };
        value.and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(traceparent: &'static str) -> Caller {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_static(traceparent));
        Caller::new("1".into(), &headers)
    }

    #[test]
    fn the_clients_trace_is_read_and_what_is_none_is_passed_over() {
        let known = caller("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").context().unwrap();
        assert_eq!(known.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(known.span_id().to_string(), "b7ad6b7169203331");
        assert!(known.is_sampled());
        for wrong in [
            "",
            "00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-zz",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        ] {
            assert!(caller(wrong).context().is_none(), "{wrong}");
        }
        assert!(Caller::from("1".to_owned()).context().is_none());
    }
}
