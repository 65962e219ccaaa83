//! The file of keys: where it is, and how it is read and written.

use std::{
    env, fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{Entry, KeyName, Keyring};

/// What the file is called among a service's credentials.
const CREDENTIAL: &str = "api-keys";
/// What a new file begins with.
const HEAD: &str =
    "# API keys of iShowTTS: a name and the SHA-256 of its key on each line. `ishowtts keys` writes them.\n";

/// Why the keys could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// It is not there, or may not be touched.
    #[error("could not {act} {}: {source}", path.display())]
    Io {
        /// `read` or `write`.
        act: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It says what cannot be understood.
    #[error("{}: {message}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// All that is wrong.
        message: String,
    },
}

/// The credential that the service manager handed over, if there is one.
pub fn credential() -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os("CREDENTIALS_DIRECTORY")?).join(CREDENTIAL);
    path.is_file().then_some(path)
}

/// Reads all keys.
pub fn read(path: &Path) -> Result<Keyring, KeysError> {
    let text = fs::read_to_string(path).map_err(|source| failed("read", path, source))?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Keyring, KeysError> {
    Keyring::parse(text).map_err(|errors| {
        let message = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        content(path, message)
    })
}

/// Writes one more key down; the file is made if there is none.
pub fn add(path: &Path, entry: Entry) -> Result<(), KeysError> {
    let mut text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => HEAD.to_owned(),
        read => read.map_err(|source| failed("read", path, source))?,
    };
    let mut keyring = parse(path, &text)?;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.extend([entry.name.as_str(), " sha256:", &entry.digest.to_string(), "\n"]);
    keyring.add(entry).map_err(|message| content(path, message))?;
    write(path, &text)
}

/// Takes a key away; everything else stays as it is written.
pub fn remove(path: &Path, name: &KeyName) -> Result<(), KeysError> {
    let text = fs::read_to_string(path).map_err(|source| failed("read", path, source))?;
    let is_it = |line: &&str| line.split_whitespace().next() == Some(name.as_str());
    if !parse(path, &text)?.entries().any(|entry| entry.name == *name) {
        return Err(content(path, format!("there is no key named {name}")));
    }
    let rest: String = text.lines().filter(|line| !is_it(line)).flat_map(|line| [line, "\n"]).collect();
    write(path, &rest)
}

/// Whole or not at all, and for its owner alone. An owner who is not us, as after `sudo`, keeps the file.
fn write(path: &Path, text: &str) -> Result<(), KeysError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = || {
        let mut draft = tempfile::Builder::new()
            .prefix(".ishowtts-")
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(folder)?;
        draft.write_all(text.as_bytes())?;
        draft.as_file().sync_all()?;
        if let Ok(before) = fs::metadata(path) {
            use std::os::unix::fs::MetadataExt;

            if before.uid() != nix::unistd::geteuid().as_raw() {
                std::os::unix::fs::fchown(draft.as_file(), Some(before.uid()), Some(before.gid()))?;
            }
        }
        draft.persist(path).map(drop).map_err(|error| error.error)
    };
    written().map_err(|source| failed("write", path, source))
}

fn failed(act: &'static str, path: &Path, source: io::Error) -> KeysError {
    KeysError::Io { act, path: path.to_owned(), source }
}

fn content(path: &Path, message: String) -> KeysError {
    KeysError::Content { path: path.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Key;

    fn entry(name: &str) -> (Key, Entry) {
        let key = Key::draw();
        let entry = Entry { name: name.parse().unwrap(), digest: key.digest() };
        (key, entry)
    }

    #[test]
    fn keys_come_and_go_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let ((one, first), (other, second)) = (entry("one"), entry("one.two"));
        add(&path, first.clone()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let commented = format!("{}# mine", fs::read_to_string(&path).unwrap());
        fs::write(&path, commented).unwrap();
        add(&path, second).unwrap();
        assert!(add(&path, first).unwrap_err().to_string().contains("already a key named one"));
        let name = |key: &Key| read(&path).unwrap().find(key.reveal().as_bytes()).map(ToString::to_string);
        assert_eq!((name(&one).as_deref(), name(&other).as_deref()), (Some("one"), Some("one.two")));

        remove(&path, &"one".parse().unwrap()).unwrap();
        assert_eq!((name(&one), name(&other).as_deref()), (None, Some("one.two")));
        assert!(fs::read_to_string(&path).unwrap().contains("# mine"));
        assert!(remove(&path, &"one".parse().unwrap()).is_err());
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "no draft is left");
    }

    #[test]
    fn what_cannot_be_read_names_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        assert!(read(&path).unwrap_err().to_string().contains(path.to_str().unwrap()));
        fs::write(&path, "secret\n").unwrap();
        let told = read(&path).unwrap_err().to_string();
        assert!(told.contains("line 1") && !told.contains("secret"), "{told}");
        assert!(add(&path, entry("a").1).is_err(), "a file that is not ours is left alone");
    }
}
