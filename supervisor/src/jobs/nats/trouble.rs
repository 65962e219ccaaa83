//! What NATS says when something went wrong, in the words of the store.

use std::{fmt::Display, future::Future, path::PathBuf, time::Duration};

use tokio::time::{Instant, sleep};

use crate::jobs::StoreError;

const PAUSE: Duration = Duration::from_millis(300);

/// For `map_err`: it could not do this.
pub(super) fn while_doing<E: Display>(act: &'static str) -> impl Fn(E) -> StoreError {
    move |error| {
        let reason = error.to_string();
        // JetStream has no kind of its own for it in the client: its server says one of these.
        let is_full = ["insufficient", "maximum bytes", "resource limits", "no space left"]
            .iter()
            .any(|sign| reason.to_lowercase().contains(sign));
        if is_full {
            StoreError::Full { place: PathBuf::from("the NATS server"), reason }
        } else {
            StoreError::Broken { act, reason }
        }
    }
}

/// Tries until it works, is refused for good, or so much time is over: a server may be starting again.
pub(super) async fn insist<T, F>(time: Duration, mut act: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let end = Instant::now() + time;
    loop {
        match act().await {
            Err(StoreError::Broken { .. }) if Instant::now() < end => sleep(PAUSE).await,
            result => return result,
        }
    }
}
