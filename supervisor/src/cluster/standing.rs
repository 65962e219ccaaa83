//! How a connection stands, by what it tells, and what of that is worth a line in the log.

use std::sync::{Mutex, PoisonError};

use async_nats::{Event, ServerError};

/// What a connection told last.
#[derive(Debug, Default)]
pub(super) struct Standing(Mutex<Known>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Known {
    #[default]
    Nothing,
    Up,
    Away,
    /// Why there is no use in it; while it is tried again and again, it is told as often.
    Trouble(String),
}

impl Standing {
    /// Why nothing comes of it, if that is known.
    pub(super) fn trouble(&self) -> Option<String> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Known::Trouble(why) => Some(why.clone()),
            Known::Nothing | Known::Up | Known::Away => None,
        }
    }

    /// Tells of an event, unless that has been told.
    pub(super) fn heard(&self, event: &Event) {
        match event {
            Event::Connected if self.is_new(Known::Up) => {
                tracing::info!("The NATS servers of [cluster] are reached");
            }
            // What keeps it away says more than that it is.
            Event::Disconnected | Event::Closed if self.trouble().is_none() && self.is_new(Known::Away) => {
                tracing::warn!(
                    "The NATS servers of [cluster] are away: no job and no voice is taken in until they are back; \
                     whoever listens notices nothing, and jobs go on then"
                );
            }
            Event::LameDuckMode | Event::Draining => {
                tracing::info!("A NATS server of [cluster] is about to end");
            }
            Event::Connected | Event::Disconnected | Event::Closed => {}
            Event::SlowConsumer(_) => tracing::warn!("NATS: {event}"),
            Event::ServerError(error) => self.found(match error {
                ServerError::AuthorizationViolation => LOCKED_OUT.into(),
                other => other.to_string(),
            }),
            Event::ClientError(error) => {
                let said = error.to_string();
                self.found(if said.contains("authorization violation") { LOCKED_OUT.into() } else { said });
            }
        }
    }

    /// Something keeps it from being of use.
    pub(super) fn found(&self, why: String) {
        if self.is_new(Known::Trouble(why.clone())) {
            tracing::warn!("The NATS servers of [cluster] are of no use, and it is tried again: {why}");
        }
    }

    /// Whatever it was has gone by.
    pub(super) fn mended(&self) {
        self.is_new(Known::Up);
    }

    fn is_new(&self, now: Known) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *known != now;
        *known = now;
        is_new
    }
}

const LOCKED_OUT: &str = "they do not let this machine in; give the address their user and password \
                          (nats://user:password@host), or [cluster] credentials";

#[cfg(test)]
mod tests {
    use async_nats::ClientError;

    use super::*;

    #[test]
    fn what_keeps_it_away_is_known_until_it_is_reached() {
        let standing = Standing::default();
        let refused = Event::ClientError(ClientError::Other("authorization violation".into()));
        for event in [Event::Disconnected, refused, Event::Disconnected] {
            standing.heard(&event);
        }
        assert!(standing.trouble().unwrap().contains("do not let this machine in"));
        standing.heard(&Event::Connected);
        assert_eq!(standing.trouble(), None);
        standing.found("no JetStream".into());
        assert_eq!(standing.trouble().as_deref(), Some("no JetStream"));
        standing.mended();
        assert_eq!(standing.trouble(), None);
    }

    #[test]
    fn the_same_is_told_once() {
        let standing = Standing::default();
        assert!(standing.is_new(Known::Trouble("x".into())));
        assert!(!standing.is_new(Known::Trouble("x".into())));
        assert!(standing.is_new(Known::Trouble("y".into())));
        assert!(standing.is_new(Known::Up));
    }
}
