//! A word now and then from every worker that has had nothing to say for a while: whether it still speaks is known
//! before somebody needs it. The scheduler picks the moment, so that nobody waits for it.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use ishowtts_workers::{Failure, SynthesisEvent};
use tokio::time::{sleep, timeout};

use crate::schedule::{Probe, Scheduler};

/// How often the scheduler is asked for whom it is time.
const LOOK: Duration = Duration::from_secs(1);
/// A worker that takes longer has been given up by its own task before.
const LONGEST: Duration = Duration::from_mins(5);

/// Errors that tell more of the text than of the worker, which is well then.
const WELL: [&str; 3] = ["nothing_to_speak", "unknown_voice", "bad_option"];

/// Tries workers that were silent for `every`, as long as the scheduler lives.
pub fn start(scheduler: &Arc<Scheduler>, every: Duration) {
    if every.is_zero() {
        return;
    }
    let scheduler = Arc::downgrade(scheduler);
    tokio::spawn(async move {
        while round(&scheduler, every).await {
            sleep(LOOK.min(every)).await;
        }
    });
}

/// False when there is nothing to try any more.
async fn round(scheduler: &Weak<Scheduler>, every: Duration) -> bool {
    loop {
        let Some(scheduler) = scheduler.upgrade() else { return false };
        if scheduler.is_draining() {
            return false;
        }
        let Some(mut probe) = scheduler.next_probe(every) else { return true };
        let outcome = heard(&mut probe).await;
        if let Err(why) = &outcome {
            let (engine, seat) = (&probe.engine, probe.seat);
            tracing::warn!(engine, seat, "A worker that was tried does not speak, and is replaced: {why}");
        }
        scheduler.probed(&probe, outcome);
    }
}

/// Listens to a probe, and tells what is wrong with its worker.
async fn heard(probe: &mut Probe) -> Result<(), String> {
    let end = async {
        loop {
            match probe.synthesis.next().await {
                Some(SynthesisEvent::Audio(_)) => {}
                Some(SynthesisEvent::Failed(failure)) => return Some(failure),
                Some(SynthesisEvent::Done(_)) | None => return None,
            }
        }
    };
    match timeout(LONGEST, end).await {
        // What has become of one that was lost its task knows better, and sees to it.
        Ok(None | Some(Failure::Cancelled | Failure::WorkerLost { .. })) => Ok(()),
        Ok(Some(Failure::Engine { code, .. })) if WELL.contains(&code.as_str()) => Ok(()),
        Ok(Some(failure)) => Err(failure.to_string()),
        Err(_elapsed) => Err(format!("nothing within {} s", LONGEST.as_secs())),
    }
}
