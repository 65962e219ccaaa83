//! Webhooks: whoever asked for it is told of the end of a job, at least once, in the style of Standard Webhooks
//! (<https://www.standardwebhooks.com>).
//!
//! Whom to tell stands in the store with the job, and so a message outlives a restart. [`retry`] decides when it is tried again,
//! [`sign`] signs it, and neither touches anything; [`send`] sends it, to hosts that the configuration names and nowhere else.

mod retry;
mod send;
mod sign;

use std::{sync::Arc, time::Duration};

use tokio::{
    select,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{Job, Jobs, Lease, Telling, TellingState, Wanted, Work, now_ms};

/// The words of a message: the job as it then stands, as JSON.
pub type Wording = Arc<dyn Fn(Job) -> Vec<u8> + Send + Sync>;

/// Messages that are on their way at once.
const AT_ONCE: usize = 32;
/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a message is ours: longer than it can take.
const LEASE: Duration = Duration::from_mins(1);
/// How often it is looked for messages that are due.
const LOOK: Duration = Duration::from_secs(1);
/// The same after the store did not do what it was asked.
const TROUBLE: Duration = Duration::from_secs(5);

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Untold {
    /// For a person.
    reason: String,
    /// Nobody will ever take it.
    is_final: bool,
}

impl Untold {
    fn now(reason: String) -> Self {
        Self { reason, is_final: false }
    }

    fn ever(reason: String) -> Self {
        Self { reason, is_final: true }
    }
}

/// Tells whoever is to be told, until the jobs rest. What is on its way then is told again after the next start.
pub(super) async fn run(jobs: Arc<Jobs>) {
    let mut stopping = jobs.stopping.subscribe();
    let mut on_their_way = JoinSet::new();
    loop {
        let wait = match claim(&jobs, &mut on_their_way).await {
            Ok(()) => LOOK,
            Err(error) => {
                tracing::warn!("{error}");
                TROUBLE
            }
        };
        select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            Some(_) = on_their_way.join_next() => {}
            () = jobs.ended.notified() => {}
            () = sleep(wait) => {}
        }
    }
}

async fn claim(jobs: &Arc<Jobs>, on_their_way: &mut JoinSet<()>) -> Result<(), super::StoreError> {
    while on_their_way.len() < AT_ONCE {
        let wanted = Wanted { tell: true, ..Wanted::default() };
        let Some(Work::Tell { lease, job }) = jobs.store().claim(wanted, LEASE).await? else { break };
        on_their_way.spawn(tell(Arc::clone(jobs), lease, *job));
    }
    Ok(())
}

async fn tell(jobs: Arc<Jobs>, lease: Lease, job: Job) {
    let tries = job.telling.as_ref().map_or(0, |telling| telling.tries).saturating_add(1);
    let id = job.id.clone();
    let told = match job.webhook.clone() {
        Some(webhook) => {
            let message = send::Message { id: id.to_string(), body: (jobs.wording())(job).into() };
            let sent = timeout(PATIENCE, send::send(&webhook, message, jobs.config())).await;
            let late = || Untold::now(format!("no answer within {} s", PATIENCE.as_secs()));
            sent.unwrap_or_else(|_late| Err(late()))
        }
        None => Err(Untold::ever("nobody is to be told".into())),
    };
    let telling = after(told, tries, now_ms());
    match telling.state {
        TellingState::Delivered => tracing::info!(job = %id, tries, "A webhook was delivered"),
        TellingState::Pending => {
            tracing::warn!(job = %id, tries, error = telling.error, "A webhook was not delivered, and is sent again");
        }
        TellingState::GivenUp => {
            tracing::error!(job = %id, tries, error = telling.error, "A webhook was not delivered, and is given up");
        }
    }
    match jobs.store().told(&lease, telling).await {
        // It was removed meanwhile.
        Ok(()) | Err(super::StoreError::Lost) => {}
        Err(error) => tracing::warn!(job = %id, "{error}"),
    }
}

/// What becomes of a message after so many tries. Pure.
fn after(told: Result<(), Untold>, tries: u32, now_ms: u64) -> Telling {
    let telling = |state, next_ms, error| Telling { state, tries, next_ms, error };
    let untold = match told {
        Ok(()) => return telling(TellingState::Delivered, None, None),
        Err(untold) => untold,
    };
    let delay = retry::after(tries).filter(|_| !untold.is_final);
    let next_ms =
        delay.map(|delay| now_ms.saturating_add(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)));
    let state = if next_ms.is_some() { TellingState::Pending } else { TellingState::GivenUp };
    telling(state, next_ms, Some(untold.reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_delivered_sent_again_or_given_up() {
        assert_eq!(after(Ok(()), 3, 1000).state, TellingState::Delivered);
        let again = after(Err(Untold::now("down".into())), 1, 1000);
        assert_eq!((again.state, again.tries, again.next_ms), (TellingState::Pending, 1, Some(6000)));
        assert_eq!(again.error.as_deref(), Some("down"));
        let over = after(Err(Untold::ever("gone".into())), 1, 1000);
        assert_eq!((over.state, over.next_ms), (TellingState::GivenUp, None));
        assert_eq!(after(Err(Untold::now("down".into())), 99, 1000).state, TellingState::GivenUp);
    }
}
