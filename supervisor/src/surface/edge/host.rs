//! Whom a request believes to be asking: the name in its address or its `Host`.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::{extract::Request, http::header};

use crate::surface::ApiError;

/// A host and perhaps a port, as they were written.
#[derive(Debug)]
pub(super) struct Host<'r> {
    name: &'r str,
    port: Option<&'r str>,
}

/// The host of a request; none in one that names none, which no browser sends.
pub(super) fn of<B>(request: &Request<B>) -> Result<Option<Host<'_>>, ApiError> {
    // An address with a host in it counts, whatever the header says (RFC 9112, 3.2.2).
    if let Some(authority) = request.uri().authority() {
        return Host::parse(authority.as_str()).map(Some);
    }
    let mut written = request.headers().get_all(header::HOST).iter();
    let Some(host) = written.next() else { return Ok(None) };
    let text = host.to_str().ok().filter(|_| written.next().is_none());
    text.map_or_else(|| Err(ApiError::HostNotAllowed(String::new())), Host::parse).map(Some)
}

impl<'r> Host<'r> {
    fn parse(text: &'r str) -> Result<Self, ApiError> {
        let bad = || ApiError::HostNotAllowed(text.chars().take(100).collect());
        let end_of_name = match text.strip_prefix('[') {
            Some(rest) => rest.find(']').map(|at| at + 2).ok_or_else(bad)?,
            None => text.find(':').unwrap_or(text.len()),
        };
        let (name, rest) = text.split_at_checked(end_of_name).ok_or_else(bad)?;
        let port = match rest.strip_prefix(':') {
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(port),
            None if rest.is_empty() => None,
            _ => return Err(bad()),
        };
        if name.is_empty() {
            Err(bad())
        } else {
            Ok(Self { name, port: port.filter(|port| !port.is_empty()) })
        }
    }

    pub(super) fn name(&self) -> &str {
        self.name
    }

    /// Whether it cannot be a name that somebody else's name server bent to us: an address, `localhost`, or known.
    pub(super) fn is_ours(&self, known: &[String]) -> bool {
        let name = self.name.trim_end_matches('.').to_ascii_lowercase();
        let bracketed = || name.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
        name.parse::<Ipv4Addr>().is_ok()
            || bracketed().is_some()
            || name == "localhost"
            || name.ends_with(".localhost")
            || known.contains(&name)
    }

    /// Whether a page of this origin was had from here. Whether by HTTPS is not asked: a proxy may have added it.
    pub(super) fn is_origin(&self, origin: &str) -> bool {
        let Some((scheme, host)) = origin.split_once("://") else { return false };
        let usual = match scheme {
            "http" => "80",
            "https" => "443",
            _ => return false,
        };
        let Ok(host) = Host::parse(host) else { return false };
        host.name.eq_ignore_ascii_case(self.name) && host.port.unwrap_or(usual) == self.port.unwrap_or(usual)
    }
}
