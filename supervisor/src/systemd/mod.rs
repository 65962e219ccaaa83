//! What a service manager is told, and asked. Without one these calls do nothing.

mod setup;
mod status;
mod watchdog;

use std::{sync::Arc, time::Duration};

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

pub use setup::Setup;
pub use status::line;
pub use watchdog::feed;

use crate::schedule::Scheduler;

/// How often the status line is looked at. Workers change their state with every segment, so it is not told by them.
const LOOK: Duration = Duration::from_secs(1);

/// How long we ask for while workers come up, each time that the scheduler has answered.
const BREATH: Duration = Duration::from_mins(1);

/// The listener answers.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Something worth a line in `systemctl status`.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// The configuration is being read again; [`ready`] says when that is over.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now, NotifyState::Status("Reloading")]),
        Err(error) => tracing::debug!(%error, "Could not read the clock"),
    }
}

/// The drain has begun, and may take so long.
pub fn stopping(in_flight: usize, most: Duration) {
    let status = format!("Draining: {in_flight} requests are still running");
    tell(&[NotifyState::Stopping, NotifyState::Status(&status), extension(most)]);
}

/// Starting or stopping takes longer than the unit allows for: so much from now.
pub fn extend_timeout(more: Duration) {
    tell(&[extension(more)]);
}

/// Asks for more time while workers come up, as long as the scheduler answers. How long a worker may take is
/// bounded by its pool, which gives it up.
pub async fn starting(scheduler: &Arc<Scheduler>) {
    let mut ticks = interval(BREATH / 6);
    loop {
        ticks.tick().await;
        if scheduler.pulse().await.is_ok() {
            extend_timeout(BREATH);
        }
    }
}

/// Keeps the status line true, which `line` words.
pub async fn follow(line: impl Fn() -> String) {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return std::future::pending().await;
    }
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = String::new();
    loop {
        ticks.tick().await;
        let now = line();
        if now != told {
            status(&now);
            told = now;
        }
    }
}

fn extension(more: Duration) -> NotifyState<'static> {
    NotifyState::ExtendTimeoutUsec(u32::try_from(more.as_micros()).unwrap_or(u32::MAX))
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "Could not notify the service manager");
    }
}
