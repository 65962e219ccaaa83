//! One request, sent, and its answer read piece by piece.

use std::time::{Duration, Instant};

use reqwest::{
    Response, StatusCode, Url,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use serde_json::Value;

use super::{
    ear::Ear,
    options::Options,
    record::{Outcome, Record},
    wording,
};
use crate::speech::Format;

/// Asks one server, over one pool of connections.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    address: Url,
    options: Options,
}

impl Client {
    pub(super) fn new(options: &Options) -> Result<Self, reqwest::Error> {
        // A server measures itself badly with answers that it has ready; whoever wants those says so.
        let mut headers = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static("no-cache"))]);
        headers.extend(options.headers.iter().map(|header| (header.name.clone(), header.value.clone())));
        let http = reqwest::Client::builder()
            .user_agent(concat!("ishowtts-bench/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .timeout(options.timeout)
            // The server is measured, and nothing in between or elsewhere.
            .no_proxy()
            .redirect(Policy::none())
            .build()?;
        let address = wording::address(&options.server, options.api);
        Ok(Self { http, address, options: options.clone() })
    }

    /// Asks for a text. `due` is when that should have happened.
    pub(super) async fn ask(&self, text: &str, due: Option<Instant>) -> Record {
        let body = wording::body(&self.options, text);
        let sent = Instant::now();
        let (mut server_rtf, mut queue_wait) = (None, None);
        let outcome = match self.http.post(self.address.clone()).json(&body).send().await {
            Err(error) => Outcome::Failed(kind(&error).to_owned()),
            Ok(answer) if answer.status().is_success() => {
                let number = |name: &str| header(&answer, name)?.parse::<f64>().ok();
                server_rtf = number("x-rtf");
                queue_wait = number("x-queue-wait-ms")
                    .and_then(|milliseconds| Duration::try_from_secs_f64(milliseconds / 1000.0).ok());
                self.listen(answer, sent).await
            }
            Ok(answer) => refused(answer).await,
        };
        let late = due.map(|due| sent.saturating_duration_since(due));
        Record { outcome, latency: sent.elapsed(), late, server_rtf, queue_wait }
    }

    async fn listen(&self, mut answer: Response, sent: Instant) -> Outcome {
        let failed = |reason: &str| Outcome::Failed(reason.to_owned());
        let mut ear = if self.options.format == Format::Wav {
            Ear::wave()
        } else {
            let media = header(&answer, CONTENT_TYPE.as_str()).unwrap_or_default();
            if media.starts_with("text/") || media.starts_with("application/json") {
                return failed("not audio");
            }
            match told_rate(&answer).or(wording::silent_rate(&self.options)) {
                Some(rate) => Ear::bare(rate),
                None => return failed("sample rate unknown"),
            }
        };
        loop {
            match answer.chunk().await {
                Ok(Some(piece)) => {
                    if ear.hear(&piece, Instant::now()).is_err() {
                        return failed("not WAVE");
                    }
                }
                Ok(None) if ear.is_short() => return Outcome::Incomplete("short of its own header".into()),
                Ok(None) => break,
                Err(error) if error.is_timeout() => return Outcome::Incomplete("timeout".into()),
                Err(_) => return Outcome::Incomplete("broken off".into()),
            }
        }
        let heard = ear.heard(sent, Instant::now(), self.options.stream);
        heard.map_or_else(|| failed("no audio"), Outcome::Complete)
    }
}

/// What a server that does not speak says instead.
async fn refused(answer: Response) -> Outcome {
    let status = answer.status();
    let retry_after = header(&answer, RETRY_AFTER.as_str()).and_then(|value| value.parse().ok());
    let told: Value = answer.json().await.unwrap_or_default();
    let code: Option<String> = told["error"]["code"].as_str().map(|code| code.chars().take(60).collect());
    let reason =
        code.map_or_else(|| status.as_u16().to_string(), |code| format!("{} {code}", status.as_u16()));
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Outcome::Rejected { reason, retry_after: retry_after.map(Duration::from_secs) }
        }
        _ => Outcome::Failed(reason),
    }
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

/// Samples per second of bare samples, as the answer tells them.
fn told_rate(answer: &Response) -> Option<u32> {
    let parameter = || {
        let mut parameters = header(answer, CONTENT_TYPE.as_str())?.split(';');
        parameters.find_map(|part| part.trim().strip_prefix("rate="))
    };
    header(answer, "x-sample-rate").or_else(parameter)?.trim().parse().ok().filter(|rate| *rate > 0)
}

fn kind(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "no connection"
    } else {
        "connection lost"
    }
}
