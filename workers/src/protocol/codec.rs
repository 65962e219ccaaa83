//! Line ↔ message.

use bytes::{BufMut, BytesMut};

use super::message::{FromWorker, ToWorker};

/// Longest line, newline included.
pub const MAX_LINE: usize = 1024 * 1024;
/// Most bytes that may follow one line.
pub const MAX_PAYLOAD: usize = 256 * 1024;

/// A line that is not what the wire allows.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Longer than [`MAX_LINE`].
    #[error("a line exceeds {MAX_LINE} bytes")]
    LineTooLong,
    /// More than [`MAX_PAYLOAD`], or not whole samples.
    #[error("a payload of {0} bytes is not an even number up to {MAX_PAYLOAD}")]
    BadPayload(usize),
    /// Not JSON, not an object of a known type, or a field is missing.
    #[error("a line is no message of this protocol: {line}")]
    BadLine {
        /// The beginning of it.
        line: String,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A message of ours could not be written.
    #[error("could not write a message as JSON")]
    Encode(#[source] serde_json::Error),
}

/// Appends the message and its newline to `out`, or leaves `out` as it was.
pub fn encode(message: &ToWorker, out: &mut BytesMut) -> Result<(), CodecError> {
    let start = out.len();
    let written = serde_json::to_writer((&mut *out).writer(), message).map_err(CodecError::Encode);
    out.put_u8(b'\n');
    let checked = written
        .and_then(|()| if out.len() - start > MAX_LINE { Err(CodecError::LineTooLong) } else { Ok(()) });
    if checked.is_err() {
        out.truncate(start);
    }
    checked
}

/// Reads one line, with or without its newline.
pub fn decode(line: &[u8]) -> Result<FromWorker, CodecError> {
    let message = serde_json::from_slice(line).map_err(|source| CodecError::BadLine {
        line: String::from_utf8_lossy(line).chars().take(120).collect(),
        source,
    })?;
    if let FromWorker::Audio { payload_bytes, .. } = message
        && (payload_bytes > MAX_PAYLOAD || payload_bytes % 2 != 0)
    {
        return Err(CodecError::BadPayload(payload_bytes));
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesis::SynthesisId;

    #[test]
    fn oversize_message_leaves_the_buffer_as_it_was() {
        let mut out = BytesMut::from(&b"before"[..]);
        let huge = ToWorker::Synthesize {
            id: SynthesisId(1),
            text: "x".repeat(MAX_LINE),
            voice: None,
            language: None,
            speed: 1.0,
            seed: 0,
            options: serde_json::Map::new(),
            more: false,
            phonemes: Vec::new(),
        };
        assert!(matches!(encode(&huge, &mut out), Err(CodecError::LineTooLong)));
        assert_eq!(&out[..], b"before");
    }

    #[test]
    fn unknown_fields_are_ignored_and_unknown_types_are_not() {
        assert_eq!(decode(br#"{"type":"paused","colour":"red"}"#).unwrap(), FromWorker::Paused);
        assert!(decode(br#"{"type":"sing"}"#).is_err());
        assert!(decode(b"\xff\xfe").is_err());
    }

    #[test]
    fn odd_and_oversize_payloads_are_refused() {
        for n in [1, 9601, MAX_PAYLOAD + 2] {
            let line = format!(r#"{{"type":"audio","id":1,"payload_bytes":{n}}}"#);
            assert!(matches!(decode(line.as_bytes()), Err(CodecError::BadPayload(_))), "{n}");
        }
    }
}
