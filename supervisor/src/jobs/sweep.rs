//! Old jobs go.

use std::{sync::Arc, time::Duration};

use tokio::{select, time::interval};

use super::{Jobs, Retention};

/// How often old jobs are looked for.
const SWEEP: Duration = Duration::from_mins(1);

/// Removes what nobody has to keep any more, now and then.
pub(super) async fn run(jobs: Arc<Jobs>) {
    let mut times = interval(SWEEP);
    let mut stopping = jobs.stopping.subscribe();
    let retention = Retention {
        age: Duration::from_hours(24).saturating_mul(jobs.config().keep_days),
        bytes: u64::from(jobs.config().keep_mb) << 20,
    };
    loop {
        select! {
            _ = times.tick() => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
        match jobs.store().sweep(retention).await {
            Ok(removed) => {
                for id in removed {
                    tracing::info!(job = %id, "Removed: it is over, and was kept as long as [jobs] says");
                    jobs.tell(&id, None);
                }
            }
            Err(error) => tracing::warn!("{error}"),
        }
    }
}
