//! The archive that a book is: read in memory, within limits that do not trust what it says of itself. Nothing is
//! unpacked to the disk, so a name is but a key to look for.

use std::io::{Cursor, Read};

use zip::{ZipArchive, result::ZipError};

use crate::jobs::intake::{self, IntakeError, limits};

/// How an entry of an archive's directory begins.
const ENTRY: &[u8] = b"PK\x01\x02";

pub(super) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// Bytes that may still be expanded.
    left: u64,
}

impl<'a> Archive<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, IntakeError> {
        // Counted before the directory is read, since that takes memory for each of them.
        let entries = bytes.windows(ENTRY.len()).filter(|window| *window == ENTRY).count();
        if entries > limits::ENTRIES {
            return Err(too_large("files", limits::ENTRIES));
        }
        let zip = ZipArchive::new(Cursor::new(bytes));
        let zip = zip.map_err(|error| IntakeError::NotEpub(format!("it is no ZIP archive ({error})")))?;
        Ok(Self { zip, left: limits::EXPANDED })
    }

    /// The text of a file, if there is one of this name.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, IntakeError> {
        let damaged = |reason: String| IntakeError::Damaged { file: name.to_owned(), reason };
        let entry = match self.zip.by_name(name) {
            Ok(entry) => entry,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => {
                return Err(IntakeError::Encrypted("a password".into()));
            }
            Err(error) => return Err(damaged(error.to_string())),
        };
        let packed = entry.compressed_size().max(1);
        let most = limits::DOCUMENT.min(self.left);
        let mut bytes = Vec::new();
        // One byte more tells that there is more.
        let read = entry.take(most + 1).read_to_end(&mut bytes);
        read.map_err(|error| damaged(error.to_string()))?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if length > limits::DOCUMENT {
            return Err(IntakeError::TooLarge { what: "bytes in one document", limit: limits::DOCUMENT });
        }
        if length > most {
            return Err(IntakeError::TooLarge { what: "bytes of text", limit: limits::EXPANDED });
        }
        if length > limits::RATIO_FROM && length / packed > limits::RATIO {
            return Err(IntakeError::TooLarge {
                what: "times its size in the archive",
                limit: limits::RATIO,
            });
        }
        self.left -= length;
        intake::text(&bytes).map(Some).map_err(|error| {
            damaged(match error {
                IntakeError::Encoding { at } => {
                    format!("it is not UTF-8 (at byte {at}); save the book anew with an editor of EPUBs, which writes UTF-8")
                }
                other => other.to_string(),
            })
        })
    }

    /// The text of a file that has to be there.
    pub(super) fn required(&mut self, name: &str) -> Result<String, IntakeError> {
        self.text(name)?.ok_or_else(|| IntakeError::Missing(name.to_owned()))
    }
}

fn too_large(what: &'static str, limit: usize) -> IntakeError {
    IntakeError::TooLarge { what, limit: u64::try_from(limit).unwrap_or(u64::MAX) }
}
