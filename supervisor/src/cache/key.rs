//! What a recording is called.

use std::fmt;

use sha2::{Digest, Sha256};

/// Names a recording: a SHA-256 over everything that decides its samples.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; Self::BYTES]);

impl Key {
    const BYTES: usize = 32;

    /// The key of these fields in this order. Each is hashed behind its length, so that nothing can move from one
    /// field into the next unnoticed.
    pub fn of<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for field in fields {
            hash.update(field.len().to_le_bytes());
            hash.update(field);
        }
        Self(hash.finalize().into())
    }

    /// The key that is shown as these digits, if it is one.
    pub(super) fn parse(digits: &str) -> Option<Self> {
        let value = |digit| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let digits = digits.bytes().map(value).collect::<Option<Vec<u8>>>()?;
        let digits: [u8; 2 * Self::BYTES] = digits.try_into().ok()?;
        let mut key = [0; Self::BYTES];
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().fold(0, |byte, digit| byte << 4 | digit);
        }
        Some(Self(key))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Key;

    #[test]
    fn the_border_between_fields_counts() {
        let keys = [
            Key::of([&b"walter"[..], b"hello"]),
            Key::of([&b"walterh"[..], b"ello"]),
            Key::of([&b"walterhello"[..]]),
            Key::of([&b"walterhello"[..], b""]),
            Key::of([&b"hello"[..], b"walter"]),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert_eq!(keys.iter().position(|other| other == key), Some(at));
        }
        assert_eq!(keys[0], Key::of([&b"walter"[..], b"hello"]));
    }

    #[test]
    fn only_whole_lower_case_hex_is_a_key() {
        assert!(Key::parse(&"a".repeat(64)).is_some());
        for (letter, length) in [("a", 0), ("a", 2), ("a", 63), ("a", 65), ("A", 64), ("g", 64), ("ä", 32)] {
            assert_eq!(Key::parse(&letter.repeat(length)), None, "{letter} {length} times");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(bytes: [u8; 32]) {
            prop_assert_eq!(Key::parse(&Key(bytes).to_string()), Some(Key(bytes)));
        }
    }
}
