//! What can go wrong below the store, and what is told of it.

use std::{io, path::Path};

use rusqlite::ErrorCode;

use crate::jobs::StoreError;

/// Something went wrong on the way to the disk.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    #[error(transparent)]
    File(#[from] io::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Told(#[from] StoreError),
}

impl Trouble {
    /// As the store answers it.
    pub(super) fn told(self, act: &'static str, place: &Path) -> StoreError {
        let is_full = match &self {
            Self::Told(error) => return error.clone(),
            Self::Sql(error) => error.sqlite_error_code() == Some(ErrorCode::DiskFull),
            Self::File(error) => is_full(error),
            Self::Json(_) => false,
        };
        let reason = self.to_string();
        if is_full {
            StoreError::Full { place: place.to_owned(), reason }
        } else {
            StoreError::Broken { act, reason }
        }
    }
}

/// Whether the disk, or our share of it, is used up.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
