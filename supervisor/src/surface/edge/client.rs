//! Every request has a client: its API key, or the address that it came from, which a trusted proxy may tell on
//! another's behalf.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use ipnet::IpNet;

use super::{Access, forwarded};
use crate::speech::ClientId;

/// Gives the request its [`ClientId`], which handlers find among the extensions.
pub(super) fn recognise(request: &mut Request, access: &Access, trusted: &[IpNet]) {
    let client = match access {
        Access::Key(name) => ClientId::key(name.as_str()),
        Access::Open | Access::Nobody => {
            let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
            let peer = peer.map_or_else(|| [0, 0, 0, 0].into(), |ConnectInfo(peer)| peer.ip());
            ClientId::address(forwarded::origin(peer, request.headers(), trusted))
        }
    };
    request.extensions_mut().insert(client);
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    /// The client that a handler is told of.
    fn told(peer: &str, forwarded_for: Option<&str>, access: &Access) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let mut request = Request::builder();
        if let Some(value) = forwarded_for {
            request = request.header("x-forwarded-for", value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        recognise(&mut request, access, &trusted);
        request.extensions().get::<ClientId>().unwrap().to_string()
    }

    #[test]
    fn a_handler_is_told_who_asks() {
        let told = |peer, forwarded_for| told(peer, forwarded_for, &Access::Open);
        assert_eq!(told("192.0.2.7:5000", None), "192.0.2.7");
        assert_eq!(told("192.0.2.7:5001", Some("198.51.100.1")), "192.0.2.7");
        assert_eq!(told("[2001:db8::1]:5000", None), "2001:db8::/64");
        assert_eq!(told("10.0.0.1:5000", Some("198.51.100.1")), "198.51.100.1");
        assert_eq!(told("[::ffff:10.0.0.1]:5000", Some("2001:db8::9")), "2001:db8::/64");
        assert_eq!(told("10.0.0.1:5000", None), "10.0.0.1");
    }

    #[test]
    fn whoever_has_a_key_is_one_client_from_everywhere() {
        let access = Access::Key("home".parse().unwrap());
        assert_eq!(told("192.0.2.7:5000", None, &access), "key:home");
        assert_eq!(told("10.0.0.1:5000", Some("198.51.100.1"), &access), "key:home");
    }
}
