//! One message to one receiver.

use std::net::SocketAddr;

use bytes::Bytes;
use hyper::{
    HeaderMap, StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT},
};
use reqwest::Url;
use tokio::net::lookup_host;

use super::{Untold, sign::signature};
use crate::{
    ask::Server,
    config::{self, WebhookHost},
    jobs::now_ms,
};

/// A message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// The same however often it is sent, so that a receiver knows it again.
    pub(super) id: String,
    /// What it says.
    pub(super) body: Bytes,
}

/// Sends a message. Done once the receiver says that it has it.
pub(super) async fn send(webhook: &str, message: Message, config: &config::Jobs) -> Result<(), Untold> {
    let url = Url::parse(webhook).map_err(|error| Untold::ever(format!("no address: {error}")))?;
    let host = config.webhook_hosts.iter().find(|host| host.is_host_of(&url));
    // It did when the job came.
    let host =
        host.ok_or_else(|| Untold::ever("[jobs] webhook_hosts does not name its host any more".into()))?;
    let places = places(&url, host).await?;
    let headers = headers(&message, config).map_err(Untold::ever)?;
    let server = Server { url, key: None, cacert: None };
    let status = server.post_at(&places, headers, message.body).await;
    // Paths and queries of such addresses are often secrets, and this is logged.
    let status =
        status.map_err(|error| Untold::now(error.replace(server.url.as_str(), &host.to_string())))?;
    match status {
        status if status.is_success() => Ok(()),
        // The receiver wants nothing any more (Standard Webhooks, "Disabling").
        StatusCode::GONE => Err(Untold::ever("the receiver answered with 410 Gone".into())),
        status if status.is_redirection() => {
            Err(Untold::now(format!("the receiver answered with {status}, and redirects are not followed")))
        }
        status => Err(Untold::now(format!("the receiver answered with {status}"))),
    }
}

/// Where the host is, as far as it may be there: its name is looked up this once, and nobody looks again.
async fn places(url: &Url, host: &WebhookHost) -> Result<Vec<SocketAddr>, Untold> {
    let name = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or(443);
    let found = lookup_host((name, port)).await;
    let found = found.map_err(|error| Untold::now(format!("could not find {name}: {error}")))?;
    let (right, wrong): (Vec<_>, Vec<_>) = found.partition(|place| host.may_be_at(place.ip()));
    match (right.is_empty(), wrong.first()) {
        (false, _) => Ok(right),
        (true, None) => Err(Untold::now(format!("{name} has no address"))),
        (true, Some(place)) => Err(Untold::now(format!(
            "{name} is {}, which is no public address: [jobs] webhook_hosts has to name the address itself",
            place.ip()
        ))),
    }
}

fn headers(message: &Message, config: &config::Jobs) -> Result<HeaderMap, String> {
    let timestamp = now_ms() / 1000;
    let signature = signature(&config.webhook_secrets, &message.id, timestamp, &message.body);
    let agent = format!("ishowtts/{}", crate::VERSION);
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (CONTENT_TYPE, "application/json"),
        (USER_AGENT, &agent),
        (HeaderName::from_static("webhook-id"), &message.id),
        (HeaderName::from_static("webhook-timestamp"), &timestamp.to_string()),
        (HeaderName::from_static("webhook-signature"), &signature),
    ] {
        let value = HeaderValue::from_str(value).map_err(|error| error.to_string())?;
        headers.insert(name, value);
    }
    Ok(headers)
}
