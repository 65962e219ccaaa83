//! What a service manager is told. Without one these calls do nothing.

use sd_notify::NotifyState;

/// The listener answers.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Something worth a line in `systemctl status`.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// The drain has begun.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("Draining")]);
}

/// Starting takes longer than the unit allows for: `more` microseconds from now.
pub fn extend_timeout(more: u32) {
    tell(&[NotifyState::ExtendTimeoutUsec(more)]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "Could not notify the service manager");
    }
}
