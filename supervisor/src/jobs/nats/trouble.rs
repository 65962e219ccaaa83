//! What NATS says when something went wrong, in the words of the store.

use std::{fmt::Display, future::Future, path::PathBuf, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{cluster::Link, jobs::StoreError};

const PAUSE: Duration = Duration::from_millis(300);
/// What is wrong for so long, with a server that answers, is wrong for good.
const BROKEN: Duration = Duration::from_secs(20);

/// No server answers, or one that is of no use.
pub(super) fn away(link: &Link) -> StoreError {
    StoreError::Away { reason: link.trouble().unwrap_or_else(|| "no connection".into()) }
}

/// For `map_err`: it could not do this.
pub(super) fn while_doing<E: Display>(act: &'static str) -> impl Fn(E) -> StoreError {
    move |error| told(act, error.to_string())
}

fn told(act: &'static str, reason: String) -> StoreError {
    let told = reason.to_lowercase();
    let has = |signs: &[&str]| signs.iter().any(|sign| told.contains(sign));
    // The client has no kinds of its own for these: a server says one of them.
    if has(&["insufficient", "maximum bytes", "resource limits", "no space left", "exceeds account limits"]) {
        StoreError::Full { place: PathBuf::from("the NATS servers"), reason }
    } else if has(&["timed out", "no responders", "deadline has elapsed", "unavailable", "no suitable peers"])
    {
        StoreError::Away { reason }
    } else {
        StoreError::Broken { act, reason }
    }
}

/// Tries until it works, is refused for good, or so much time is over: a server may be starting again.
pub(super) async fn insist<T, F>(time: Duration, mut act: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let begun = Instant::now();
    loop {
        let result = act().await;
        let patience = match &result {
            Err(StoreError::Away { .. }) => time,
            Err(StoreError::Broken { .. }) => time.min(BROKEN),
            _ => return result,
        };
        if let Err(error) = &result {
            tracing::debug!(%error, "Trying again what would be lost");
        }
        if begun.elapsed() >= patience {
            return act().await;
        }
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_told_apart() {
        assert!(matches!(
            told("x", "insufficient storage resources available".into()),
            StoreError::Full { .. }
        ));
        assert!(matches!(told("x", "request timed out".into()), StoreError::Away { .. }));
        assert!(matches!(told("x", "wrong last sequence".into()), StoreError::Broken { act: "x", .. }));
    }
}
