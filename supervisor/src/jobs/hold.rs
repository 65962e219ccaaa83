//! Holds on to work for as long as it takes, and lets go of what is somebody else's by now.

use std::time::Duration;

use tokio::{select, sync::broadcast::error::RecvError, time::interval};

use super::{JobState, Jobs, Lease, StoreError};

/// How long work is ours without being renewed.
pub(super) const LEASE: Duration = Duration::from_mins(1);
/// How often it is renewed.
const RENEWED: Duration = Duration::from_secs(20);

/// Works while the lease is renewed; `None` once it is lost.
pub(super) async fn under<T>(jobs: &Jobs, lease: &Lease, work: impl Future<Output = T>) -> Option<T> {
    let renewing = async {
        let mut times = interval(RENEWED);
        times.tick().await;
        loop {
            times.tick().await;
            if matches!(jobs.store().renew(lease, LEASE).await, Err(StoreError::Lost)) {
                return;
            }
        }
    };
    let mut news = jobs.changes();
    let taken_back = async {
        loop {
            match news.recv().await {
                Ok(change) if change.id != lease.job => {}
                Ok(change) if change.state.is_none_or(JobState::is_over) => return,
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    };
    let others = jobs.store().news();
    let done_elsewhere = async {
        let Some(mut others) = others else { return std::future::pending().await };
        loop {
            match others.recv().await {
                Ok(change) if change.id != lease.job => {}
                Err(RecvError::Closed) => std::future::pending().await,
                // Somebody may have spoken it who was thought gone.
                Ok(_) | Err(_) if matches!(jobs.store().renew(lease, LEASE).await, Err(StoreError::Lost)) => {
                    return;
                }
                Ok(_) | Err(_) => {}
            }
        }
    };
    select! {
        done = work => Some(done),
        () = renewing => None,
        () = done_elsewhere => None,
        () = taken_back => None,
    }
}
