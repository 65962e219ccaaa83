use proptest::prelude::*;

use super::*;

const LONGEST: usize = 200;

/// Everything that comes of bytes that come in pieces of such sizes, and what was wrong in the end.
fn decode(bytes: &[u8], sizes: &[usize]) -> (Vec<Event>, Option<Malformed>) {
    let (mut decoder, mut buffer, mut events) = (Decoder::new(LONGEST), BytesMut::new(), Vec::new());
    let mut sizes = sizes.iter().cycle();
    let mut rest = bytes;
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |size| (*size).min(rest.len()));
        let (piece, later) = rest.split_at(size);
        rest = later;
        buffer.extend_from_slice(piece);
        loop {
            match decoder.next(&mut buffer) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Some(error)),
            }
        }
        assert!(buffer.len() <= LONGEST, "{} bytes are held", buffer.len());
    }
    (events, None)
}

fn event(kind: &str, data: &Value) -> Event {
    Event { kind: kind.into(), data: data.as_object().cloned().unwrap_or_default() }
}

#[test]
fn data_stands_in_the_line_or_behind_it_and_payloads_are_passed_over() {
    let behind = json!({ "text": "你好" }).to_string();
    let stream = [
        "{\"type\":\"ping\"}\n".to_owned(),
        "{\"type\":\"a\",\"data\":{\"text\":\"in the line\"},\"data_length\":null}\r\n".into(),
        format!("{{\"type\":\"b\",\"version\":\"1.8.0\",\"data_length\":{}}}\n{behind}", behind.len()),
        format!(
            "{{\"type\":\"c\",\"data\":{{\"text\":\"old\",\"x\":1}},\"data_length\":{}}}\n{behind}",
            behind.len()
        ),
        "{\"type\":\"d\",\"data\":null,\"payload_length\":5}\n\n{\"}\n".into(),
        "{\"type\":\"e\",\"data_length\":0,\"payload_length\":0}\n".into(),
    ]
    .concat();
    let expected = [
        event("ping", &Value::Null),
        event("a", &json!({ "text": "in the line" })),
        event("b", &json!({ "text": "你好" })),
        event("c", &json!({ "text": "你好", "x": 1 })),
        event("d", &Value::Null),
        event("e", &Value::Null),
    ];
    for sizes in [&[stream.len()][..], &[1], &[7, 3]] {
        assert_eq!(decode(stream.as_bytes(), sizes), (expected.to_vec(), None), "{sizes:?}");
    }
}

#[test]
fn what_is_no_event_is_told() {
    let told = |bytes: &str| decode(bytes.as_bytes(), &[4096]).1.unwrap().to_string();
    for line in [
        "",
        "{}",
        "[]",
        "null",
        "{\"type\":5}",
        "{\"type\":\"a\",\"data\":[]}",
        "GET / HTTP/1.1",
        "{\"type\":\"a\",\"data_length\":-1}",
        "{\"type\":\"a\",\"payload_length\":\"5\"}",
    ] {
        assert!(told(&format!("{line}\n")).starts_with("an event is one line of JSON: "), "{line}");
    }
    assert!(told("{\"type\":\"a\",\"data_length\":2}\n[]").starts_with("the data behind an event's line"));
    for long in [
        "x".repeat(LONGEST + 1),
        format!("{{\"type\":\"{}\"}}\n", "x".repeat(LONGEST)),
        format!("{{\"type\":\"a\",\"data_length\":{}}}\n", LONGEST + 1),
        format!("{{\"type\":\"a\",\"payload_length\":{}}}\n", u64::MAX),
    ] {
        assert_eq!(told(&long), "an event is longer than 200 bytes");
    }
}

#[test]
fn what_has_begun_is_known_to_be_midway() {
    let (mut decoder, mut buffer) = (Decoder::new(LONGEST), BytesMut::new());
    assert!(!decoder.is_midway(&buffer));
    for piece in ["{\"type\":\"a\",\"data_length\":2,\"payload", "_length\":2}\n", "{}", "x"] {
        buffer.extend_from_slice(piece.as_bytes());
        assert_eq!(decoder.next(&mut buffer), Ok(None));
        assert!(decoder.is_midway(&buffer), "{piece}");
    }
    buffer.extend_from_slice(b"x");
    assert!(decoder.next(&mut buffer).unwrap().is_some());
    assert!(!decoder.is_midway(&buffer));
}

#[test]
fn what_we_write_is_what_we_read() {
    let data = json!({ "rate": 24_000, "text": "\n" });
    let mut bytes = encode("audio-chunk", &data, 3).to_vec();
    bytes.extend_from_slice(b"abc");
    bytes.extend_from_slice(&encode("audio-stop", &Value::Null, 0));
    let expected = vec![event("audio-chunk", &data), event("audio-stop", &Value::Null)];
    assert_eq!(decode(&bytes, &[5]), (expected, None));
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_are_events_or_an_error(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        sizes in prop::collection::vec(1_usize..LONGEST, 1..5),
    ) {
        decode(&bytes, &sizes);
    }

    #[test]
    fn nearly_right_lines_are_events_or_an_error_however_they_are_cut(
        lines in prop::collection::vec(
            (r#"[a-z"\\]{0,8}"#, prop::option::of(-3_i64..300), prop::option::of(0_u64..300), ".{0,40}"),
            1..8,
        ),
        sizes in prop::collection::vec(1_usize..LONGEST, 1..5),
    ) {
        let mut bytes = Vec::new();
        for (kind, data, payload, rest) in lines {
            let mut header = json!({ "type": kind });
            if let Some(data) = data { header["data_length"] = data.into(); }
            if let Some(payload) = payload { header["payload_length"] = payload.into(); }
            bytes.extend_from_slice(format!("{header}\n{rest}").as_bytes());
        }
        let whole = decode(&bytes, &[1]);
        prop_assert_eq!(decode(&bytes, &sizes), whole);
    }
}

#[test]
fn what_was_expected_is_told_in_our_words() {
    let told = |bytes: &str| decode(bytes.as_bytes(), &[4096]).1.unwrap().to_string();
    let line = "an event is one line of JSON: ";
    for no_header in ["[]\n", "[5]\n", "null\n", "{}\n", "{\"type\":5}\n"] {
        assert_eq!(told(no_header), format!("{line}{NO_HEADER}"));
    }
    assert_eq!(told("GET / HTTP/1.1\n"), format!("{line}{NO_JSON}"));
    assert!(told("{\"type\":\"a\",\"data_length\":2}\n[]").ends_with(": it is no object"));
}
