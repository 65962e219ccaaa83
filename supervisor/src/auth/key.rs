//! One key: its secret, shown once; its digest, which is kept; and its name.

use std::{fmt, str::FromStr, sync::Arc};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// How our keys begin, so that people and scanners know one when they see it.
const PREFIX: &str = "ishowtts_";
/// Random bytes in a key.
const LENGTH: usize = 32;
/// Longest name of a key.
const LONGEST_NAME: usize = 64;

/// A key as its owner has it.
pub struct Key(String);

impl Key {
    /// Draws a new one from the operating system's randomness.
    pub fn draw() -> Self {
        Self(format!("{PREFIX}{}", Hex(&rand::random::<[u8; LENGTH]>())))
    }

    /// The secret, to be shown to its owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

/// Nobody logs it by accident.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// SHA-256 of a key. Equality takes the same time wherever two differ.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of what was presented as a key.
    pub fn of(presented: &[u8]) -> Self {
        Self(Sha256::digest(presented).into())
    }

    /// Whether both are the same, as a value that is not branched on.
    pub(super) fn same(&self, other: &Self) -> subtle::Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.same(other).into()
    }
}

impl Eq for Digest {}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Hex(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() {
            return Err(());
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let mut digits = pair.iter().map(|&digit| char::from(digit).to_digit(16));
            let value = digits.try_fold(0, |value, digit| Some(value * 16 + digit?)).ok_or(())?;
            *byte = u8::try_from(value).map_err(drop)?;
        }
        Ok(Self(bytes))
    }
}

/// What a key is called: it stands in logs, and is the client that fairness knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyName(Arc<str>);

impl KeyName {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if (1..=LONGEST_NAME).contains(&text.len()) && text.chars().all(plain) {
            return Ok(Self(text.into()));
        }
        Err(format!("a key's name is 1 to {LONGEST_NAME} letters, digits, '.', '_' and '-', not {text:?}"))
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Bytes in hexadecimal.
struct Hex<'b>(&'b [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_are_alike_and_each_is_known_by_its_digest() {
        let (one, other) = (Key::draw(), Key::draw());
        assert_ne!(one.reveal(), other.reveal());
        assert!(one.reveal().starts_with("ishowtts_") && one.reveal().len() == 9 + 64);
        assert_eq!(one.digest(), Digest::of(one.reveal().as_bytes()));
        assert_ne!(one.digest(), other.digest());
        assert!(!format!("{one:?}").contains(one.reveal()));
    }

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        // The digest of "abc", from FIPS 180-2.
        let written = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), written);
        assert_eq!(written.parse(), Ok(Digest::of(b"abc")));
        for wrong in
            ["", "ba78", &written.replace('b', "g"), &written.replace("ba", "é"), &format!("{written}00")]
        {
            assert_eq!(wrong.parse::<Digest>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn names_are_plain() {
        for good in ["a", "home-assistant", "obs.1_2", &"x".repeat(64)] {
            assert_eq!(good.parse::<KeyName>().unwrap().as_str(), good);
        }
        for bad in ["", "a b", "ключ", "a\nb", "#a", &"x".repeat(65)] {
            assert!(bad.parse::<KeyName>().is_err(), "{bad:?}");
        }
    }
}
