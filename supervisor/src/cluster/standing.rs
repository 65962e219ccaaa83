//! How a connection stands, by what it tells, and what of that is worth a line in the log.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_nats::Event;

/// What a connection told last.
#[derive(Debug, Default)]
pub(super) struct Standing(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    told: Told,
    /// Why nothing comes of it.
    trouble: Option<String>,
}

/// What the log says last; while it is tried again and again, the same is heard as often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Told {
    #[default]
    Nothing,
    Up,
    Away,
    Useless(String),
}

impl Standing {
    /// Why nothing comes of it, if that is known.
    pub(super) fn trouble(&self) -> Option<String> {
        self.known().trouble.clone()
    }

    /// Whether the log says anything of it.
    pub(super) fn is_told(&self) -> bool {
        self.known().told != Told::Nothing
    }

    /// Tells of an event, unless that has been told.
    pub(super) fn heard(&self, event: &Event) {
        match event {
            Event::Connected => {
                if self.is_new(Told::Up, None) {
                    tracing::info!("The NATS servers of [cluster] are reached");
                }
            }
            Event::Disconnected | Event::Closed => {
                // What keeps it away says more than that it is.
                if self.trouble().is_none() && self.is_new(Told::Away, None) {
                    tracing::warn!(
                        "The NATS servers of [cluster] are away: no job and no voice is taken in until they are back; \
                         whoever listens notices nothing, and jobs go on then"
                    );
                }
            }
            Event::LameDuckMode | Event::Draining => {
                tracing::info!("A NATS server of [cluster] is about to end");
            }
            Event::SlowConsumer(_) => tracing::warn!("NATS: {event}"),
            Event::ServerError(error) => self.read(&error.to_string()),
            Event::ClientError(error) => self.read(&error.to_string()),
        }
    }

    /// Something keeps it from being of use.
    pub(super) fn found(&self, why: &str) {
        if self.is_new(Told::Useless(why.to_owned()), Some(why.to_owned())) {
            tracing::warn!("The NATS servers of [cluster] are of no use, and it is tried again: {why}");
        }
    }

    /// Whatever it was has gone by.
    pub(super) fn mended(&self) {
        self.is_new(Told::Up, None);
    }

    fn read(&self, said: &str) {
        if said.contains("authorization violation") {
            self.found(LOCKED_OUT);
        } else if UNREACHED.iter().any(|sign| said.ends_with(sign)) {
            // That it is away is told anyhow.
            self.known().trouble = Some(NOBODY.into());
        } else {
            self.found(said);
        }
    }

    fn is_new(&self, told: Told, trouble: Option<String>) -> bool {
        let mut known = self.known();
        let is_new = known.told != told;
        *known = Known { told, trouble };
        is_new
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const LOCKED_OUT: &str = "they do not let this machine in; give the address their user and password \
                          (nats://user:password@host), or [cluster] credentials";
/// What the client says when it comes to nothing at an address.
const UNREACHED: [&str; 3] = ["IO error", "timed out", "DNS error"];
const NOBODY: &str = "nobody answers at their addresses, or with tls:// nobody whom this system trusts";

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
        standing.found("no JetStream");
        assert_eq!(standing.trouble().as_deref(), Some("no JetStream"));
        standing.mended();
        assert_eq!(standing.trouble(), None);
    }

    #[test]
    fn the_same_is_told_once() {
        let standing = Standing::default();
        assert!(!standing.is_told());
        standing.heard(&Event::ClientError(ClientError::Other("IO error".into())));
        assert!(!standing.is_told());
        assert_eq!(standing.trouble().as_deref(), Some(NOBODY));
        let useless = Told::Useless("x".into());
        assert!(standing.is_new(useless.clone(), None));
        assert!(!standing.is_new(useless, None));
        assert!(standing.is_new(Told::Up, None));
        assert!(standing.is_told());
    }
}
