//! Bytes ↔ events. Pure.
//!
//! An event is one line of JSON with `type` and perhaps `data`. `data_length` says that so many bytes of JSON follow the
//! line, which are laid over `data`; `payload_length`, that so many raw bytes follow those. Whatever comes, at most one event
//! of the longest allowed length is held, and payloads, of which we need none, are passed over as they come.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::VERSION;

/// What a client says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Event {
    /// Which kind of event it is.
    pub(super) kind: String,
    /// What it says.
    pub(super) data: Map<String, Value>,
}

/// What is wrong with bytes that are to be JSON, or the line of an event.
const NO_JSON: &str = "what came is not JSON";
const NO_HEADER: &str = "it must be an object with a string `type`, and if at all an object `data` and whole numbers \
                         `data_length` and `payload_length`";

/// Bytes that are no event. Where the next one would begin is not known then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("an event is one line of JSON: {0}")]
    Header(&'static str),
    #[error("the data behind an event's line must be a JSON object of `data_length` bytes: {0}")]
    Data(&'static str),
    #[error("an event is longer than {0} bytes")]
    TooLong(usize),
}

/// The line of an event. What else stands there is of no interest.
#[derive(Debug, Deserialize)]
struct Header {
    #[serde(rename = "type")]
    kind: String,
    data: Option<Map<String, Value>>,
    data_length: Option<u64>,
    payload_length: Option<u64>,
}

/// Makes events of bytes as they come.
#[derive(Debug)]
pub(super) struct Decoder {
    longest: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Up to here there is no end of a line.
    Line { searched: usize },
    /// The event's data is on its way.
    Data { event: Event, length: usize, payload: usize },
    /// The event is complete but for what nobody needs.
    Payload { event: Event, left: usize },
}

impl Decoder {
    /// For events that are at most `longest` bytes long: the line, the data and the payload each.
    pub(super) fn new(longest: usize) -> Self {
        Self { longest, state: State::Line { searched: 0 } }
    }

    /// Whether an event has begun and is not complete.
    pub(super) fn is_midway(&self, bytes: &BytesMut) -> bool {
        !bytes.is_empty() || !matches!(self.state, State::Line { .. })
    }

    /// Takes the next event out of what has come; `None` if it is not complete. After an error there is no going on.
    pub(super) fn next(&mut self, bytes: &mut BytesMut) -> Result<Option<Event>, Malformed> {
        loop {
            match &mut self.state {
                State::Line { searched } => {
                    let end = bytes.iter().skip(*searched).position(|&byte| byte == b'\n');
                    let Some(end) = end.map(|end| *searched + end) else {
                        *searched = bytes.len();
                        return if bytes.len() > self.longest {
                            Err(Malformed::TooLong(self.longest))
                        } else {
                            Ok(None)
                        };
                    };
                    if end > self.longest {
                        return Err(Malformed::TooLong(self.longest));
                    }
                    let line = bytes.split_to(end);
                    bytes.advance(1);
                    self.state = self.begun(&line)?;
                }
                State::Data { event, length, payload } => {
                    if bytes.len() < *length {
                        return Ok(None);
                    }
                    let data: Map<String, Value> =
                        serde_json::from_slice(&bytes.split_to(*length)).map_err(|error| {
                            Malformed::Data(if error.is_data() { "it is no object" } else { NO_JSON })
                        })?;
                    event.data.extend(data);
                    self.state = State::Payload { event: std::mem::take(event), left: *payload };
                }
                State::Payload { event, left } => {
                    let passed = bytes.len().min(*left);
                    bytes.advance(passed);
                    *left -= passed;
                    if *left > 0 {
                        return Ok(None);
                    }
                    let event = std::mem::take(event);
                    self.state = State::Line { searched: 0 };
                    return Ok(Some(event));
                }
            }
        }
    }

    /// What a line announces.
    fn begun(&self, line: &[u8]) -> Result<State, Malformed> {
        let header: Header = serde_json::from_slice(line)
            .map_err(|error| Malformed::Header(if error.is_data() { NO_HEADER } else { NO_JSON }))?;
        let length = |announced: Option<u64>| {
            let length =
                usize::try_from(announced.unwrap_or(0)).ok().filter(|length| *length <= self.longest);
            length.ok_or(Malformed::TooLong(self.longest))
        };
        let (length, payload) = (length(header.data_length)?, length(header.payload_length)?);
        let event = Event { kind: header.kind, data: header.data.unwrap_or_default() };
        Ok(if length > 0 {
            State::Data { event, length, payload }
        } else {
            State::Payload { event, left: payload }
        })
    }
}

/// The bytes of an event of ours, up to its payload of so many bytes. Its data stands behind the line, however short: some
/// clients read lines of 64 KiB at most, and a list of voices is longer than that soon.
pub(super) fn encode(kind: &str, data: &Value, payload: usize) -> Bytes {
    let data = if data.is_null() { String::new() } else { data.to_string() };
    let mut header = json!({ "type": kind, "version": VERSION });
    if !data.is_empty() {
        header["data_length"] = data.len().into();
    }
    if payload > 0 {
        header["payload_length"] = payload.into();
    }
    let header = header.to_string();
    let mut bytes = BytesMut::with_capacity(header.len() + 1 + data.len());
    bytes.put_slice(header.as_bytes());
    bytes.put_u8(b'\n');
    bytes.put_slice(data.as_bytes());
    bytes.freeze()
}

#[cfg(test)]
mod tests;
