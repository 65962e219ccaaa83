//! The run: one task that decides who asks when, and one for each request under way.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time::sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    arrivals::Arrivals,
    client::Client,
    deck::Deck,
    options::{Load, Options},
    record::{Outcome, Record},
};

/// How long a client stays away after a refusal that does not tell.
const UNTOLD_RETRY_AFTER: Duration = Duration::from_secs(1);
/// And after an error: long enough that a server that is gone is not asked a thousand times a second.
const AFTER_ERROR: Duration = Duration::from_millis(100);
/// Keeps the moments of arrivals apart from the order of texts.
const ARRIVALS: u64 = 0x6172_7269_7661_6c73;

/// What a run left behind.
#[derive(Clone, Debug)]
pub struct Run {
    /// A record of each request, in the order of their ends.
    pub records: Vec<Record>,
    /// Arrivals that were left out, since too many requests were under way.
    pub not_sent: u64,
    /// From the start to the last request's end.
    pub elapsed: Duration,
}

/// Puts the load on the server until the run is over or `stop` comes, and shows each record to `watch`.
pub async fn drive(
    options: &Options,
    stop: &CancellationToken,
    watch: &mut (dyn FnMut(&Record) + Send),
) -> Result<Run, reqwest::Error> {
    let started = Instant::now();
    let mut driver = Driver {
        client: Arc::new(Client::new(options)?),
        deck: Deck::new(&options.texts, options.seed),
        under_way: JoinSet::new(),
        // Without any end one request is the end.
        left: options.requests.or(options.duration.is_none().then_some(1)),
        until: options.duration.and_then(|duration| started.checked_add(duration)),
        stop: stop.clone(),
        run: Run { records: Vec::new(), not_sent: 0, elapsed: Duration::ZERO },
        started,
        watch,
    };
    match options.load {
        Load::Closed { clients, play } => driver.closed(clients, play).await,
        Load::Open { rate, max_in_flight } => {
            driver.open(Arrivals::new(rate, options.seed ^ ARRIVALS), max_in_flight).await;
        }
    }
    Ok(driver.run)
}

struct Driver<'a> {
    client: Arc<Client>,
    deck: Deck,
    under_way: JoinSet<Option<Record>>,
    /// Requests still to be begun.
    left: Option<u64>,
    /// No request begins after this.
    until: Option<Instant>,
    stop: CancellationToken,
    run: Run,
    started: Instant,
    watch: &'a mut (dyn FnMut(&Record) + Send),
}

impl Driver<'_> {
    async fn closed(&mut self, clients: usize, play: bool) {
        let clients = u64::try_from(clients).unwrap_or(u64::MAX);
        for _ in 0..clients.min(self.left.unwrap_or(u64::MAX)) {
            self.send(None, Duration::ZERO);
        }
        while let Some(record) = self.next().await {
            let rest = record.map_or(Duration::ZERO, |record| rest(&record.outcome, play));
            self.send(None, rest);
        }
    }

    async fn open(&mut self, arrivals: Arrivals, max_in_flight: usize) {
        for moment in arrivals {
            let due = self.started.checked_add(moment);
            let Some(due) = due.filter(|due| self.may_begin(*due)) else { break };
            let stop = self.stop.clone();
            let arrival = async {
                tokio::select! {
                    () = sleep_until(due.into()) => {}
                    () = stop.cancelled() => {}
                }
            };
            tokio::pin!(arrival);
            loop {
                tokio::select! {
                    biased;
                    () = &mut arrival => break,
                    Some(_) = self.next(), if !self.under_way.is_empty() => {}
                }
            }
            if self.under_way.len() < max_in_flight {
                self.send(Some(due), Duration::ZERO);
            } else {
                self.run.not_sent += 1;
                self.left = self.left.map(|left| left.saturating_sub(1));
            }
        }
        while self.next().await.is_some() {}
    }

    fn may_begin(&self, moment: Instant) -> bool {
        self.left != Some(0) && self.until.is_none_or(|until| moment < until) && !self.stop.is_cancelled()
    }

    /// Begins a request after `rest`, unless the run is over by then.
    fn send(&mut self, due: Option<Instant>, rest: Duration) {
        let Some(begin) = Instant::now().checked_add(rest).filter(|begin| self.may_begin(*begin)) else {
            return;
        };
        self.left = self.left.map(|left| left.saturating_sub(1));
        let (client, text, stop) = (Arc::clone(&self.client), self.deck.deal(), self.stop.clone());
        self.under_way.spawn(async move {
            if !rest.is_zero() {
                tokio::select! {
                    () = sleep_until(begin.into()) => {}
                    () = stop.cancelled() => return None,
                }
            }
            let sent = Instant::now();
            tokio::select! {
                record = client.ask(&text, due) => Some(record),
                () = stop.cancelled() => Some(Record {
                    outcome: Outcome::Interrupted,
                    latency: sent.elapsed(),
                    late: None,
                    server_rtf: None,
                    queue_wait: None,
                }),
            }
        });
    }

    /// Waits for a request's end; `None` when none is under way.
    async fn next(&mut self) -> Option<Option<&Record>> {
        let record = match self.under_way.join_next().await? {
            Ok(record) => record,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => None,
            },
        };
        let Some(record) = record else { return Some(None) };
        self.run.elapsed = self.started.elapsed();
        (self.watch)(&record);
        self.run.records.push(record);
        Some(self.run.records.last())
    }
}

/// How long a client waits before it asks again.
fn rest(outcome: &Outcome, play: bool) -> Duration {
    match outcome {
        Outcome::Complete(heard) if play => heard.ahead,
        Outcome::Complete(_) | Outcome::Interrupted => Duration::ZERO,
        Outcome::Rejected { retry_after, .. } => retry_after.unwrap_or(UNTOLD_RETRY_AFTER),
        Outcome::Incomplete(_) | Outcome::Failed(_) => AFTER_ERROR,
    }
}
