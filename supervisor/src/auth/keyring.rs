//! All keys that are let in: `NAME DIGEST` on each line, `#` before what is not read.

use subtle::{Choice, ConditionallySelectable};

use super::{Digest, KeyName};

/// A key that is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is called.
    pub name: KeyName,
    /// What is kept of it.
    pub digest: Digest,
}

/// Keys by name. An empty one lets nobody in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyring(Vec<Entry>);

/// What is wrong with a line of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct LineError {
    /// Which one, from 1.
    pub line: usize,
    /// What is wrong with it; never what stands there, which may be a key that was pasted by mistake.
    pub message: String,
}

impl Keyring {
    /// Reads the file's text; everything that is wrong with it is told at once.
    pub fn parse(text: &str) -> Result<Self, Vec<LineError>> {
        let mut keyring = Self::default();
        let mut errors = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Err(message) = read(line).and_then(|entry| keyring.add(entry)) {
                errors.push(LineError { line: index + 1, message });
            }
        }
        if errors.is_empty() { Ok(keyring) } else { Err(errors) }
    }

    /// The name of the key that was presented, if it is let in. How long it takes says nothing about the keys but how
    /// many there are: all are compared, to their ends.
    pub fn find(&self, presented: &[u8]) -> Option<&KeyName> {
        let digest = Digest::of(presented);
        let mut found = u32::MAX;
        for (index, entry) in (0..).zip(&self.0) {
            let same: Choice = entry.digest.same(&digest);
            found.conditional_assign(&index, same);
        }
        let entry = self.0.get(usize::try_from(found).ok()?)?;
        Some(&entry.name)
    }

    /// Lets one more in, under a name that is free.
    pub fn add(&mut self, entry: Entry) -> Result<(), String> {
        if self.entries().any(|other| other.name == entry.name) {
            return Err(format!("there is already a key named {}", entry.name));
        }
        self.0.push(entry);
        Ok(())
    }

    /// All of them, in the order of the file.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.0.iter()
    }

    /// Whether nobody is let in.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn read(line: &str) -> Result<Entry, String> {
    let mut words = line.split_whitespace();
    let (Some(name), Some(digest), None) = (words.next(), words.next(), words.next()) else {
        return Err("must be a name and a digest, as `ishowtts keys new NAME` writes them".into());
    };
    let name =
        name.parse().map_err(|_unfit| "the name is not letters, digits, '.', '_' and '-'".to_owned())?;
    let digest = digest
        .strip_prefix("sha256:")
        .and_then(|digest| digest.parse().ok())
        .ok_or("the digest is not sha256: and 64 hexadecimal digits; the key itself must not stand here")?;
    Ok(Entry { name, digest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Key;

    fn line(name: &str, key: &Key) -> String {
        format!("{name} sha256:{}\n", key.digest())
    }

    #[test]
    fn whoever_has_a_key_is_known_by_its_name() {
        let (one, other, third) = (Key::draw(), Key::draw(), Key::draw());
        let text = format!("# keys\n\n{}  {}", line("one", &one), line("other", &other));
        let keyring = Keyring::parse(&text).unwrap();
        let name = |key: &str| keyring.find(key.as_bytes()).map(KeyName::as_str);
        assert_eq!(name(one.reveal()), Some("one"));
        assert_eq!(name(other.reveal()), Some("other"));
        assert_eq!(name(third.reveal()), None);
        assert_eq!(name(&one.digest().to_string()), None, "the file opens nothing");
        assert_eq!(name(""), None);
        assert_eq!(Keyring::default().find(one.reveal().as_bytes()), None);
    }

    #[test]
    fn every_bad_line_is_told_and_none_is_repeated() {
        let key = Key::draw();
        let text =
            format!("{}me {}\nme\n{}a/b sha256:00\n", line("me", &key), key.reveal(), line("me", &key));
        let errors = Keyring::parse(&text).unwrap_err();
        assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [2, 3, 4, 5]);
        assert!(errors[2].to_string().contains("there is already a key named me"), "{errors:?}");
        assert!(errors.iter().all(|error| !error.to_string().contains(key.reveal())), "{errors:?}");
    }
}
