//! `[telemetry]`: where requests are traced.

use reqwest::Url;

use super::raw::{Notes, Table};

/// Where requests are traced, and how many of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// Where a collector takes OTLP over HTTP, its path included; `None` traces nothing.
    pub otlp_endpoint: Option<Url>,
    /// Share of the requests that are traced where their client has not decided it, from 0 to 1.
    pub sample: f64,
    /// What the collector knows this server by.
    pub service_name: String,
}

/// Where traces go under a collector's address.
const PATH: &str = "/v1/traces";

pub(super) fn telemetry(table: &Table<'_>, notes: &Notes) -> Telemetry {
    let written = table.string("otlp_endpoint").filter(|found| !found.value.is_empty());
    let otlp_endpoint = written.and_then(|found| {
        let endpoint = endpoint(&found.value);
        if endpoint.is_none() {
            found.problem(notes, "must be like \"http://127.0.0.1:4318\", or \"\" for none");
        }
        endpoint
    });
    let service_name = table.string("service_name").map(|found| found.value);
    let telemetry = Telemetry {
        otlp_endpoint,
        sample: table.fraction("sample", 1.0).unwrap_or(1.0),
        service_name: service_name.filter(|name| !name.is_empty()).unwrap_or_else(|| "ishowtts".into()),
    };
    table.finish();
    telemetry
}

/// A collector's address, or the one of its traces.
fn endpoint(text: &str) -> Option<Url> {
    let mut url: Url = text.parse().ok()?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || url.query().is_some() {
        return None;
    }
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.ends_with(PATH) {
        url.set_path(&format!("{path}{PATH}"));
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::endpoint;

    #[test]
    fn a_collectors_address_leads_to_its_traces() {
        let of = |text| endpoint(text).map(String::from);
        for (text, url) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
            ("https://otel.example/otlp", "https://otel.example/otlp/v1/traces"),
            ("http://[::1]:4318/v1/traces", "http://[::1]:4318/v1/traces"),
        ] {
            assert_eq!(of(text).as_deref(), Some(url));
        }
        for text in ["127.0.0.1:4318", "grpc://127.0.0.1:4317", "http://", "x", "http://a/?b"] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
