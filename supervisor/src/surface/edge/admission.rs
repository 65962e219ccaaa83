//! Who is let in. Pure: what is in force and the request are handed in.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, header},
};

use super::host;
use crate::{
    auth::KeyName,
    surface::{ApiError, live::Live},
};

/// How a request was let in; handlers find it among the extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::surface) enum Access {
    /// It showed this key.
    Key(KeyName),
    /// There are no keys, and no foreign page is behind it.
    Open,
    /// It showed nothing, on a route that answers anybody.
    Nobody,
}

/// Headers that keys come in, besides `Authorization`.
const KEY_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("x-api-key"), HeaderName::from_static("xi-api-key")];

/// Decides about a request.
pub(super) fn decide<B>(live: &Live, request: &Request<B>) -> Result<Access, ApiError> {
    let headers = request.headers();
    if let Some(keys) = &live.keys {
        let Some(presented) = key_of(headers) else { return Err(ApiError::Unauthorised { has_key: false }) };
        let name = keys.find(presented).ok_or(ApiError::Unauthorised { has_key: true })?;
        return Ok(Access::Key(name.clone()));
    }
    // Without keys, being able to reach us is all that is asked for, and a browser lends that to every page it shows.
    let host = host::of(request)?;
    if let Some(host) = &host
        && !host.is_ours(&live.hosts)
    {
        return Err(ApiError::HostNotAllowed(host.name().to_owned()));
    }
    let acts = !request.method().is_safe() || headers.contains_key(header::UPGRADE);
    if let Some(origin) = headers.get(header::ORIGIN).filter(|_| acts) {
        let origin = origin.to_str().unwrap_or_default();
        let is_own = host.is_some_and(|host| host.is_origin(origin));
        if !is_own && !live.cors.allows(origin) {
            return Err(ApiError::OriginNotAllowed(origin.chars().take(100).collect()));
        }
    }
    Ok(Access::Open)
}

/// What was presented as a key: the first there is of `Authorization: Bearer`, `X-API-Key` and `xi-api-key`.
fn key_of(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(key)
    });
    let named = || KEY_HEADERS.iter().find_map(|name| headers.get(name)).map(HeaderValue::as_bytes);
    bearer.or_else(named).map(<[u8]>::trim_ascii).filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;
    use crate::{
        auth::{Entry, Key, Keyring},
        config::Cors,
    };

    fn live(keys: Option<Keyring>) -> Live {
        Live {
            keys,
            hosts: vec!["tts.lan".into()],
            cors: Cors { origins: vec!["https://app.example".into()], any: false },
            ..Live::empty()
        }
    }

    fn request(line: &str, headers: &[(&str, &str)]) -> Request {
        let (method, path) = line.split_once(' ').unwrap();
        let request = Request::builder().method(method).uri(path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(Body::empty()).unwrap()
    }

    fn code(live: &Live, asked: &str, headers: &[(&str, &str)]) -> String {
        decide(live, &request(asked, headers))
            .map_or_else(|error| error.code(), |access| format!("{access:?}"))
    }

    #[test]
    fn a_key_is_taken_from_three_headers() {
        let key = Key::draw();
        let mut keys = Keyring::default();
        keys.add(Entry { name: "me".parse().unwrap(), digest: key.digest() }).unwrap();
        let live = live(Some(keys));
        let (key, bearer) = (key.reveal(), format!("bearer  {}", key.reveal()));
        for header in [("authorization", &*bearer), ("x-api-key", key), ("xi-api-key", key)] {
            // Whoever has a key may come from anywhere: no browser adds it on its own.
            let headers = [header, ("host", "evil.example"), ("origin", "https://evil.example")];
            assert_eq!(code(&live, "POST /api/tts", &headers), "Key(KeyName(\"me\"))", "{header:?}");
        }
        let basic = format!("Basic {key}");
        for header in
            [("authorization", &*basic), ("authorization", "Bearer "), ("x-api-key", &bearer), ("x-key", key)]
        {
            assert_eq!(code(&live, "GET /metrics", &[header]), "unauthorised", "{header:?}");
        }
        assert_eq!(code(&live, "GET /nothing", &[]), "unauthorised");
    }

    #[test]
    fn an_empty_keyring_lets_nobody_in() {
        assert_eq!(
            code(&live(Some(Keyring::default())), "GET /metrics", &[("host", "localhost")]),
            "unauthorised"
        );
    }

    #[test]
    fn a_name_that_was_bent_to_us_is_refused() {
        let live = live(None);
        for host in [
            "localhost",
            "localhost:27121",
            "127.0.0.1:1",
            "[::1]:27121",
            "192.168.1.5",
            "TTS.lan:80",
            "a.localhost",
        ] {
            assert_eq!(code(&live, "GET /api/status", &[("host", host)]), "Open", "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:27121",
            "tts.lan.evil.example",
            "127.0.0.1.evil.example",
            "",
            "a b",
            "[::1",
        ] {
            assert_eq!(code(&live, "GET /api/status", &[("host", host)]), "host_not_allowed", "{host}");
        }
        let two = [("host", "localhost"), ("host", "evil.example")];
        assert_eq!(code(&live, "GET /api/status", &two), "host_not_allowed");
        assert_eq!(
            code(&live, "GET http://evil.example/api/status", &[("host", "localhost")]),
            "host_not_allowed"
        );
        assert_eq!(code(&live, "GET /api/status", &[]), "Open", "HTTP/1.0: no browser");
    }

    #[test]
    fn a_page_of_another_site_may_not_act() {
        let live = live(None);
        let from = |host, origin| code(&live, "POST /api/tts", &[("host", host), ("origin", origin)]);
        assert_eq!(from("localhost:27121", "http://localhost:27121"), "Open");
        assert_eq!(from("tts.lan", "https://tts.lan"), "Open");
        assert_eq!(from("tts.lan:443", "https://tts.lan"), "Open");
        assert_eq!(from("localhost:27121", "https://app.example"), "Open");
        for origin in [
            "https://evil.example",
            "null",
            "",
            "http://localhost:8080",
            "http://localhost",
            "https://app.example.evil.example",
        ] {
            assert_eq!(from("localhost:27121", origin), "origin_not_allowed", "{origin}");
        }
        let upgrade = [("host", "localhost"), ("origin", "https://evil.example"), ("upgrade", "websocket")];
        assert_eq!(code(&live, "GET /v1/x", &upgrade), "origin_not_allowed");
        assert_eq!(code(&live, "GET /v1/x", &upgrade[..2]), "Open", "its page cannot read the answer");
    }
}
