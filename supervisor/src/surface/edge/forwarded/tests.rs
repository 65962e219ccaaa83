use axum::http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

const PROXY: &str = "10.0.0.1";

fn address(written: &str) -> IpAddr {
    written.parse().unwrap()
}

/// Where a request through a trusted proxy is seen to come from.
fn seen(lines: &[(&'static str, &str)]) -> String {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    origin(address(PROXY), &headers, &["10.0.0.0/8".parse().unwrap()]).to_string()
}

fn standard(value: &str) -> String {
    seen(&[("forwarded", value)])
}

fn customary(value: &str) -> String {
    seen(&[("x-forwarded-for", value)])
}

#[test]
fn an_address_is_read_in_every_way_that_proxies_write_it() {
    for written in [
        "192.0.2.7",
        "192.0.2.7:80",
        "\"192.0.2.7:80\"",
        "192.0.2.7:_port",
        "[::ffff:192.0.2.7]",
        " 192.0.2.7\t",
    ] {
        assert_eq!(customary(written), "192.0.2.7", "{written}");
        assert_eq!(standard(&format!("for={written}")), "192.0.2.7", "{written}");
    }
    for written in
        ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80", "\"[2001:db8::1]:_port\"", "2001:DB8::1%eth0"]
    {
        assert_eq!(customary(written), "2001:db8::1", "{written}");
        assert_eq!(standard(&format!("for={written}")), "2001:db8::1", "{written}");
    }
}

#[test]
fn the_pairs_of_an_element_come_in_any_order_and_case() {
    for written in [
        "for=192.0.2.7;proto=https;by=203.0.113.1",
        "proto=https; By=\"[2001:db8::5]\" ; FOR = \"192.0.2.7\"",
        r#"host="a, for=1.1.1.1; for=2.2.2.2";for=192.0.2.7"#,
        r#"for=192.0.2.7;host="\", for=1.1.1.1;x=\"""#,
        r#"for=192.0.2.7;host="\\""#,
    ] {
        assert_eq!(standard(written), "192.0.2.7", "{written}");
    }
}

#[test]
fn whoever_hides_is_as_far_as_the_proxy_that_hides_them() {
    for written in
        ["unknown", "_hidden", "_SEVKISEK:80", "", "nonsense", "1.2.3", "[::1", "[::1]x", "\"", "192.0.2.7 x"]
    {
        assert_eq!(customary(&format!("198.51.100.1, {written}")), PROXY, "{written}");
    }
    for written in
        ["for=unknown", "for=_hidden", "proto=https", "for", "for=", "for=1.1.1.1;for=2.2.2.2", "192.0.2.7"]
    {
        assert_eq!(standard(&format!("for=198.51.100.1, {written}")), PROXY, "{written}");
    }
    assert_eq!(customary("198.51.100.1, unknown, 10.2.2.2"), "10.2.2.2");
}

#[test]
fn trusted_hops_are_walked_past_and_what_stands_left_of_the_first_other_is_ignored() {
    assert_eq!(customary("1.1.1.1, 192.0.2.7, 10.2.2.2, 10.3.3.3"), "192.0.2.7");
    assert_eq!(standard("for=1.1.1.1, for=192.0.2.7, for=10.2.2.2;by=10.0.0.1"), "192.0.2.7");
    // All of them are trusted: the request began at the furthest.
    assert_eq!(customary("10.4.4.4, 10.3.3.3"), "10.4.4.4");
}

#[test]
fn several_lines_are_one() {
    assert_eq!(
        seen(&[("x-forwarded-for", "1.1.1.1, 192.0.2.7"), ("x-forwarded-for", "10.2.2.2")]),
        "192.0.2.7"
    );
    assert_eq!(seen(&[("forwarded", "for=1.1.1.1"), ("forwarded", "for=192.0.2.7")]), "192.0.2.7");
    assert_eq!(seen(&[]), PROXY);
}

#[test]
fn of_two_stories_neither_is_believed() {
    assert_eq!(
        seen(&[("forwarded", "for=192.0.2.7"), ("x-forwarded-for", "1.1.1.1, 192.0.2.7")]),
        "192.0.2.7"
    );
    assert_eq!(seen(&[("forwarded", "for=1.1.1.1"), ("x-forwarded-for", "192.0.2.7")]), PROXY);
    assert_eq!(seen(&[("forwarded", ""), ("x-forwarded-for", "192.0.2.7")]), PROXY);
}

fn any_value() -> impl Strategy<Value = HeaderValue> {
    let written = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "[\\[\\]\",;:=\\\\%_. 0-9a-f]{0,40}".prop_map(String::into_bytes),
        "(for=)?\"?(10|7)\\.0\\.0\\.[0-9](:80)?\"?[,;]?".prop_map(String::into_bytes),
    ];
    written.prop_filter_map("a header cannot hold it", |bytes| HeaderValue::from_bytes(&bytes).ok())
}

prop_compose! {
    fn any_headers()(
        standard in prop::collection::vec(any_value(), 0..4),
        customary in prop::collection::vec(any_value(), 0..4),
    ) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in standard {
            headers.append(FORWARDED, value);
        }
        for value in customary {
            headers.append(X_FORWARDED_FOR, value);
        }
        headers
    }
}

proptest! {
    #[test]
    fn whoever_is_not_trusted_is_taken_as_seen(headers in any_headers(), peer in any::<IpAddr>()) {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        prop_assume!(!is_in(&trusted, peer.to_canonical()));
        prop_assert_eq!(origin(peer, &headers, &trusted), peer.to_canonical());
    }

    #[test]
    fn no_header_is_too_strange(headers in any_headers()) {
        origin(address(PROXY), &headers, &["10.0.0.0/8".parse().unwrap()]);
    }

    #[test]
    fn nothing_on_the_left_hides_what_the_proxy_wrote(
        left in any_value(),
        is_standard in any::<bool>(),
        has_own_line in any::<bool>(),
    ) {
        let (name, right) =
            if is_standard { (FORWARDED, "for=192.0.2.7") } else { (X_FORWARDED_FOR, "192.0.2.7") };
        let mut headers = HeaderMap::new();
        if has_own_line {
            headers.append(&name, left);
            headers.append(&name, HeaderValue::from_static(right));
        } else {
            let whole = [left.as_bytes(), b", ", right.as_bytes()].concat();
            headers.append(&name, HeaderValue::from_bytes(&whole).unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        prop_assert_eq!(origin(address(PROXY), &headers, &trusted), address("192.0.2.7"));
    }
}
