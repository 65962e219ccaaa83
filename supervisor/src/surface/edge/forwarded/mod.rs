//! Where a request began when proxies stand in between. Pure: peer, headers and trusted networks are handed in.
//!
//! Each proxy appends the address that it was asked from: `Forwarded: for=192.0.2.7, for="[2001:db8::1]:4711"` (RFC
//! 7239), or `X-Forwarded-For: 192.0.2.7, 2001:db8::1`. So what a client made up stands to the left of what a proxy
//! saw. Everything is read from the right, and no further than trusted proxies vouch for it.

use std::{iter, net::IpAddr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header::FORWARDED};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The furthest address that is known through trusted proxies alone: the peer itself, unless it is one of them.
///
/// If both headers are there and tell two stories, neither is believed. A proxy that writes one of them passes the
/// other on as a client made it up, and which one it writes cannot be seen from here.
pub(super) fn origin(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    // A listener on [::] sees IPv4 peers as mapped addresses.
    let peer = peer.to_canonical();
    if !is_in(trusted, peer) {
        return peer;
    }
    let standard = lines(headers, FORWARDED).flat_map(|line| pieces(line, b',')).map(element);
    let customary =
        lines(headers, X_FORWARDED_FOR).flat_map(|line| line.rsplit(|&byte| byte == b',')).map(node);
    match (headers.contains_key(FORWARDED), headers.contains_key(X_FORWARDED_FOR)) {
        (false, _) => furthest(peer, customary, trusted),
        (true, false) => furthest(peer, standard, trusted),
        (true, true) => {
            let found = furthest(peer, standard, trusted);
            if found == furthest(peer, customary, trusted) { found } else { peer }
        }
    }
}

fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// Walks away from the peer until a hop is not trusted, or does not say where it was asked from.
fn furthest(peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>, trusted: &[IpNet]) -> IpAddr {
    let mut known = peer;
    for hop in hops.map_while(|hop| hop) {
        known = hop;
        if !is_in(trusted, known) {
            break;
        }
    }
    known
}

/// A header's lines, the last one first: several are one long line.
fn lines(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    headers.get_all(name).iter().rev().map(HeaderValue::as_bytes)
}

/// The pieces between separators that stand outside quotes, the last one first. Since it begins at the right, quotes
/// that a client left open swallow nothing that a proxy wrote behind them.
fn pieces(line: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    iter::from_fn(move || {
        let line = rest?;
        let Some((before, piece)) = last_unquoted(line, separator).and_then(|at| line.split_at_checked(at))
        else {
            return rest.take();
        };
        rest = Some(before);
        piece.get(1..)
    })
}

fn last_unquoted(line: &[u8], separator: u8) -> Option<usize> {
    let mut quoted = false;
    line.iter().enumerate().rev().find_map(|(at, &byte)| {
        let backslashes = || line.iter().take(at).rev().take_while(|&&byte| byte == b'\\').count();
        if byte == b'"' && backslashes() % 2 == 0 {
            quoted = !quoted;
        }
        (byte == separator && !quoted).then_some(at)
    })
}

/// What one proxy wrote into `Forwarded`: pairs, of which exactly one says `for` whom.
fn element(written: &[u8]) -> Option<IpAddr> {
    let mut origins = pieces(written, b';').filter_map(|pair| {
        let at = pair.iter().position(|&byte| byte == b'=')?;
        let (name, value) = pair.split_at_checked(at)?;
        name.trim_ascii().eq_ignore_ascii_case(b"for").then(|| value.get(1..))?
    });
    let origin = origins.next()?;
    if origins.next().is_some() { None } else { node(origin) }
}

/// An address as proxies write it: bare, in quotes, in brackets, with a port. `unknown` and names that hide somebody
/// (`_hidden`) are none.
fn node(written: &[u8]) -> Option<IpAddr> {
    let written = str::from_utf8(written).ok()?.trim();
    let bare = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(written);
    let (host, port) = match bare.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        // More than one colon is IPv6 without brackets, which has no port.
        None => match bare.find(':').filter(|at| bare.rfind(':') == Some(*at)) {
            Some(at) => bare.split_at_checked(at)?,
            None => (bare, ""),
        },
    };
    if !port.is_empty() && !port.starts_with(':') {
        return None;
    }
    // A zone (`fe80::1%eth0`) is an interface of the proxy's.
    let host = host.split('%').next()?;
    host.parse().ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests;
