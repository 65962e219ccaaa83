//! The watchdog is fed by the scheduler, not by a clock: each ping is a beat that went through its inbox and its desk, on
//! the thread that moves everybody's bytes. If that thread hangs, the desk is never given back, or what could be spoken
//! is not given to anybody, no ping is sent, and the service manager starts us anew.

use std::{sync::Arc, time::Duration};

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

use crate::schedule::Scheduler;

/// Pings in the time that the service manager allows for one: two may be late before it acts.
const PINGS: u32 = 3;

/// Tells the service manager that the scheduler is alive, as often as it wants to hear it and as long as it is true.
pub async fn feed(scheduler: &Arc<Scheduler>) {
    let Some(within) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    let mut beats = interval((within / PINGS).max(Duration::from_millis(1)));
    // A beat that came late does not make the next ones hurry.
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        match scheduler.pulse().await {
            Ok(()) => super::tell(&[NotifyState::Watchdog]),
            Err(stuck) => {
                tracing::error!("The scheduler is stuck, and the service manager is not pinged: {stuck}");
            }
        }
    }
}
