//! Whether bytes are sent at all, and whether a range of them is (RFC 9110, section 13). Pure.

use axum::http::{HeaderMap, Method, header};

/// Whether a client has these bytes already: it names their tag in `If-None-Match`, or `*` for any. What grows has no tag,
/// since nobody who has a part of it has all of it.
pub(super) fn is_known(headers: &HeaderMap, tag: Option<&str>) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    // What may be sent again is compared as if all tags were weak.
    tags.any(|known| known == "*" || tag.is_some_and(|tag| known.strip_prefix("W/").unwrap_or(known) == tag))
}

/// The range that is asked for, if it is asked of these bytes: `If-Range` names their tag, or is not there. Only a GET asks
/// for ranges.
pub(super) fn asked<'h>(method: &Method, headers: &'h HeaderMap, tag: Option<&str>) -> Option<&'h str> {
    let is_ours = match headers.get(header::IF_RANGE) {
        None => true,
        Some(value) => tag.is_some_and(|tag| value.as_bytes() == tag.as_bytes()),
    };
    let range = headers.get(header::RANGE).filter(|_| is_ours && method == Method::GET);
    range.and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn bytes_that_a_client_has_are_known_by_their_tag() {
        for (value, of_tag, of_none) in [
            ("\"a\"", true, false),
            ("W/\"a\"", true, false),
            ("\"b\", \"a\"", true, false),
            ("*", true, true),
            ("\"b\"", false, false),
            ("a", false, false),
            ("", false, false),
        ] {
            let headers = headers(&[(header::IF_NONE_MATCH, value)]);
            assert_eq!(is_known(&headers, Some("\"a\"")), of_tag, "{value}");
            assert_eq!(is_known(&headers, None), of_none, "{value}");
        }
        let two = headers(&[(header::IF_NONE_MATCH, "\"b\""), (header::IF_NONE_MATCH, "\"a\"")]);
        assert!(is_known(&two, Some("\"a\"")) && !is_known(&HeaderMap::new(), Some("\"a\"")));
    }

    #[test]
    fn a_range_is_asked_of_the_bytes_that_if_range_names() {
        let range = (header::RANGE, "bytes=0-1");
        let of = |condition: Option<&'static str>, tag| {
            let condition = condition.map(|value| (header::IF_RANGE, value));
            let pairs: Vec<_> = [range.clone()].into_iter().chain(condition).collect();
            asked(&Method::GET, &headers(&pairs), tag).is_some()
        };
        assert!(of(None, Some("\"a\"")) && of(None, None) && of(Some("\"a\""), Some("\"a\"")));
        for other in ["\"b\"", "W/\"a\"", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert!(!of(Some(other), Some("\"a\"")) && !of(Some(other), None), "{other}");
        }
        assert_eq!(asked(&Method::HEAD, &headers(&[range]), None), None);
    }
}
