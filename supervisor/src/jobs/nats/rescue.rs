//! Jobs that nobody would ever end: open, and nothing of them stands in line.
//!
//! An open job always has a message, since the next one stands in line before the last one is answered. Servers that keep a
//! bucket together may lose a change all the same (those of 2.9 do), and then a segment that is stored is not counted, and
//! the job waits for it for ever.

use std::time::Duration;

use bytes::Bytes;

use super::{desk::Desk, lines::Line};
use crate::jobs::StoreError;

/// Jobs that are looked at each time, the oldest first: one that stands still becomes the oldest.
const MOST: usize = 16;

impl Desk {
    /// Has jobs go on that have not changed for so long and of which nothing stands in line.
    pub(super) async fn rescue(&self, still: Duration) -> Result<(), StoreError> {
        for id in self.mirror.standing_still(still, MOST) {
            if self.queue.has(&id).await? {
                continue;
            }
            let Some((record, revision)) = self.record(&id).await? else { continue };
            if record.job.state.is_over() {
                continue;
            }
            tracing::warn!(job = %id, "A job stood still, since something of it had been lost; it goes on");
            let engine = record.job.engines.first().map(String::as_str).unwrap_or_default();
            // Whoever takes it up puts in line what is missing, under a name that it has not had: others that look now
            // choose the same.
            let round = revision.to_string();
            let name = format!("cut.{id}.{round}");
            self.queue.push(Line::Cut(engine), id.as_str(), &name, Bytes::from(round)).await?;
        }
        Ok(())
    }
}
