//! A set of small numbers, a bit for each.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

/// Which segments there are. Written as base64: a thousand segments are 168 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Ticks(Vec<u8>);

impl Ticks {
    /// Whether it is in the set.
    pub(super) fn has(&self, number: u32) -> bool {
        let (byte, bit) = place(number);
        self.0.get(byte).is_some_and(|bits| bits & bit != 0)
    }

    /// Puts it in; whether it was not.
    pub(super) fn tick(&mut self, number: u32) -> bool {
        let (byte, bit) = place(number);
        if self.0.len() <= byte {
            self.0.resize(byte + 1, 0);
        }
        let Some(bits) = self.0.get_mut(byte) else { return false };
        let is_new = *bits & bit == 0;
        *bits |= bit;
        is_new
    }
}

fn place(number: u32) -> (usize, u8) {
    (usize::try_from(number / 8).unwrap_or(usize::MAX), 1 << (number % 8))
}

impl TryFrom<String> for Ticks {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(Self(BASE64_STANDARD.decode(text)?))
    }
}

impl From<Ticks> for String {
    fn from(ticks: Ticks) -> Self {
        BASE64_STANDARD.encode(ticks.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set_and_reads_back(numbers: Vec<u16>) {
            let (mut ticks, mut set) = (Ticks::default(), BTreeSet::new());
            for number in numbers {
                prop_assert_eq!(ticks.tick(number.into()), set.insert(number));
            }
            let back: Ticks = serde_json::from_str(&serde_json::to_string(&ticks).unwrap()).unwrap();
            for number in 0..=u16::MAX {
                prop_assert_eq!(back.has(number.into()), set.contains(&number));
            }
        }
    }
}
