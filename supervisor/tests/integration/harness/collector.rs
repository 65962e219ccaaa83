//! A collector of OpenTelemetry: takes OTLP over HTTP, decodes it, and keeps what it was told.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::status::StatusCode,
};
use prost::Message;
use tokio::{net::TcpListener, task::JoinHandle};

use super::eventually;

/// A span as it was told.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) kind: i32,
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty for a trace's first one.
    pub(crate) parent: String,
    /// Nanoseconds since 1970.
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// As text, whatever they are.
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) events: Vec<String>,
    /// Why it failed, if it did.
    pub(crate) failure: Option<String>,
}

impl Span {
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(&format!("ishowtts.{name}")).map_or("", String::as_str)
    }
}

/// It listens until it is dropped.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    told: Arc<Mutex<Vec<Span>>>,
    headers: Arc<Mutex<Vec<HeaderMap>>>,
    task: JoinHandle<()>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub(crate) async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (told, headers) = (Arc::<Mutex<Vec<Span>>>::default(), Arc::<Mutex<Vec<HeaderMap>>>::default());
        let (spans, seen) = (Arc::clone(&told), Arc::clone(&headers));
        let take = move |headers: HeaderMap, body: Bytes| async move {
            seen.lock().unwrap().push(headers);
            spans.lock().unwrap().extend(decoded(&body));
        };
        let router = Router::new().route("/v1/traces", post(take));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, told, headers, task }
    }

    /// What has a server tell it everything, a table of its configuration.
    pub(crate) fn config(&self) -> String {
        format!("[telemetry]\notlp_endpoint = \"http://{}\"\n", self.address)
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.told.lock().unwrap().clone()
    }

    /// The headers of everything that came.
    pub(crate) fn headers(&self) -> Vec<HeaderMap> {
        self.headers.lock().unwrap().clone()
    }

    /// Waits for the first span that fits.
    pub(crate) async fn span(&self, what: &str, fits: impl Fn(&Span) -> bool) -> Span {
        eventually(what, async || self.spans().into_iter().find(&fits)).await
    }

    /// Waits for the span of a request, and gives it with those of its parts.
    pub(crate) async fn request(&self, id: &str) -> (Span, Vec<Span>) {
        let is_it = |span: &Span| span.name == "speak" && span.attribute("request_id") == id;
        let request = self.span("the request's span", is_it).await;
        let parts = self.spans().into_iter().filter(|span| span.parent == request.id).collect();
        (request, parts)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn decoded(body: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(body).expect("it is OTLP");
    let mut spans = Vec::new();
    for of_resource in request.resource_spans {
        let resource = text(&of_resource.resource.unwrap_or_default().attributes);
        let service = resource.get("service.name").cloned().unwrap_or_default();
        for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let status = span.status.unwrap_or_default();
            spans.push(Span {
                service: service.clone(),
                name: span.name,
                kind: span.kind,
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                start: span.start_time_unix_nano,
                end: span.end_time_unix_nano,
                attributes: text(&span.attributes),
                events: span.events.into_iter().map(|event| event.name).collect(),
                failure: (status.code == StatusCode::Error as i32).then_some(status.message),
            });
        }
    }
    spans
}

fn text(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let value = |attribute: &KeyValue| match attribute.value.clone().and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BoolValue(yes)) => yes.to_string(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|attribute| (attribute.key.clone(), value(attribute))).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;

    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
