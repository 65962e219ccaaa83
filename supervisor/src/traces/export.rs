//! How spans reach the collector: OTLP over HTTP, in protobuf, batch after batch.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use reqwest::Url;
use tokio::{runtime::Handle, task::spawn_blocking, time::timeout};

use super::Traces;
use crate::{ask, config::Telemetry, seldom::Seldom};

/// How long the collector may take for a batch.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long spans may take to leave when the server ends.
const GOODBYE: Duration = Duration::from_secs(2);

/// What sends spans. The variables of OpenTelemetry's SDKs say more than our configuration: headers
/// (`OTEL_EXPORTER_OTLP_HEADERS`), attributes of the service (`OTEL_RESOURCE_ATTRIBUTES`), the queue (`OTEL_BSP_…`).
#[derive(Debug)]
pub struct Exporter(Option<SdkTracerProvider>);

impl Exporter {
    /// Begins, on the present runtime, if a collector is named. An error: a variable says what cannot be.
    pub fn start(telemetry: &Telemetry) -> Result<Self, Box<dyn Error>> {
        let Some(endpoint) = &telemetry.otlp_endpoint else { return Ok(Self(None)) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client { runtime: Handle::current() })
            .with_endpoint(endpoint.as_str())
            .with_timeout(PATIENCE)
            .build()
            .map_err(|error| format!("could not send traces to {endpoint}: {error}"))?;
        let resource = Resource::builder()
            .with_service_name(telemetry.service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(telemetry.sample))))
            .with_resource(resource)
            .build();
        tracing::info!(endpoint = endpoint.as_str(), sample = telemetry.sample, "Tracing requests");
        Ok(Self(Some(provider)))
    }

    /// Where requests are traced, if they are.
    pub fn traces(&self) -> Traces {
        Traces(self.0.as_ref().map(|provider| provider.tracer("ishowtts")))
    }

    /// Sends what is left, as far as the collector takes it.
    pub async fn close(self) {
        let Some(provider) = self.0 else { return };
        // It waits for its thread, which waits for this runtime.
        let closing = spawn_blocking(move || provider.shutdown_with_timeout(GOODBYE));
        drop(timeout(GOODBYE, closing).await);
    }
}

/// Asks with the connections and certificates that our commands ask with. Whoever sends is a thread of the SDK, and waits.
#[derive(Debug)]
struct Client {
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.runtime.spawn(async move { timeout(PATIENCE, send(request)).await });
        let answer = match sent.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_late)) => Err(format!("it took longer than {} s", PATIENCE.as_secs())),
            Err(error) => Err(error.to_string()),
        };
        let failure = match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answered {}", answer.status())),
            Err(error) => Some(error.clone()),
        };
        if let Some(failure) = failure {
            told(&failure);
        }
        answer.map_err(Into::into)
    }
}

async fn send(request: Request<Bytes>) -> Result<Response<Bytes>, String> {
    let (head, body) = request.into_parts();
    let url: Url = head.uri.to_string().parse().map_err(|error| format!("{}: {error}", head.uri))?;
    let server = ask::Server { url, key: None, cacert: None };
    let answer = server.post(head.headers, body).await?;
    let mut response = Response::new(answer.body);
    (*response.status_mut(), *response.headers_mut()) = (answer.status, answer.headers);
    Ok(response)
}

/// A collector that is away fills no log.
fn told(failure: &str) {
    static LAST: Seldom = Seldom::new(Duration::from_mins(1));
    if LAST.due(Instant::now()) {
        tracing::warn!("Spans could not be sent to the collector: {failure} (told once a minute)");
    }
}
