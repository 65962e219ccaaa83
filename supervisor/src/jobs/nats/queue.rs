//! What there is to do, as a work queue: every message goes to one node, and comes again when that node is silent.
//!
//! ```text
//! NAME.work.finish.JOB    NAME.work.tell.JOB    NAME.work.speak.ENGINE.JOB.INDEX    NAME.work.cut.ENGINE.JOB
//! ```
//!
//! A durable consumer for each queue (and engine), from which nodes take a message when they have time. What a node
//! holds is kept alive for as long as its lease says; a node that is gone keeps nothing alive.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use async_nats::jetstream::{
    AckKind, Message,
    message::PublishMessage,
    stream::{Config, RetentionPolicy},
};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::time::{interval, timeout};

use super::{
    lines::{Line, Lines},
    trouble::while_doing,
};
use crate::{
    cluster::Link,
    jobs::{JobId, Lease, Piece, StoreError},
};

/// How long the same work is known to have been put in line before. Later duplicates do no harm: whoever takes one finds
/// that there is nothing to do.
const MEMORY: Duration = Duration::from_mins(10);
/// Work of jobs that are over, for an engine that nobody has any more, goes after that; other work is put in line again.
const FORGOTTEN: Duration = Duration::from_hours(30 * 24);
/// How long a lease that is over is remembered, for audio that comes too late.
const LATE: Duration = Duration::from_mins(30);
/// A server that is asked for work answers at once; one that does not is away.
const ANSWER: Duration = Duration::from_secs(3);

/// A segment as it stands in line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) index: u32,
    pub(super) piece: Piece,
}

/// A message that this node has.
#[derive(Clone, Debug)]
pub(super) struct Held {
    message: Arc<Message>,
    until: Instant,
    /// The segment, if it is one.
    pub(super) piece: Option<Piece>,
}

impl Held {
    /// Nobody else can have it.
    pub(super) fn is_ours(&self) -> bool {
        self.until > Instant::now()
    }
}

type Hand = Mutex<HashMap<String, Held>>;

/// All lines.
#[derive(Debug)]
pub(super) struct Queue {
    link: Arc<Link>,
    root: String,
    lines: Lines,
    hand: Arc<Hand>,
}

impl Queue {
    /// Makes it, unless it is there.
    pub(super) async fn open(link: Arc<Link>) -> Result<Self, StoreError> {
        let cluster = link.cluster();
        let root = format!("{}.work", cluster.name);
        let config = Config {
            name: link.named("work"),
            subjects: vec![format!("{root}.>")],
            retention: RetentionPolicy::WorkQueue,
            num_replicas: cluster.replicas,
            duplicate_window: MEMORY,
            max_age: FORGOTTEN,
            ..Config::default()
        };
        let stream = link.context().get_or_create_stream(config).await;
        let stream = stream.map_err(while_doing("open its work queue"))?;
        let hand = Arc::new(Mutex::new(HashMap::new()));
        tokio::spawn(keep_alive(Arc::downgrade(&hand), Arc::clone(&link)));
        let lines = Lines::of(stream, &root, cluster.silence);
        Ok(Self { link: Arc::clone(&link), root, lines, hand })
    }

    /// Puts work in line, once for each `id`.
    pub(super) async fn push(
        &self,
        line: Line<'_>,
        rest: &str,
        id: &str,
        payload: Bytes,
    ) -> Result<(), StoreError> {
        let message = PublishMessage::build().payload(payload).message_id(id);
        let subject = format!("{}.{line}.{rest}", self.root);
        let act = || while_doing("put work in line");
        let sent = self.link.context().send_publish(subject, message).await;
        sent.map_err(|error| act()(error))?.await.map(drop).map_err(|error| act()(error))
    }

    /// Segments, in their order, each once for its name in a round. They are sent together, and then waited for.
    pub(super) async fn push_all(
        &self,
        job: &JobId,
        round: &str,
        waiting: Vec<Waiting>,
    ) -> Result<(), StoreError> {
        const TOGETHER: usize = 256;
        let act = || while_doing("put segments in line");
        let mut sent = Vec::with_capacity(TOGETHER);
        for one in waiting {
            let text = serde_json::to_vec(&one).map_err(while_doing("write a segment"))?;
            let name = format!("{job}.{}.{round}", one.index);
            let message = PublishMessage::build().payload(text.into()).message_id(name);
            let subject = format!("{}.{}.{job}.{}", self.root, Line::Speak(&one.piece.engine), one.index);
            let published = self.link.context().send_publish(subject, message).await;
            sent.push(published.map_err(|error| act()(error))?);
            if sent.len() == TOGETHER {
                for published in sent.drain(..) {
                    published.await.map_err(|error| act()(error))?;
                }
            }
        }
        for published in sent {
            published.await.map_err(|error| act()(error))?;
        }
        Ok(())
    }

    /// Whether anything that a job needs stands in line, or is in somebody's hand.
    pub(super) async fn has(&self, job: &JobId) -> Result<bool, StoreError> {
        for place in places(job) {
            if self.lines.has_any(&format!("{}.{place}", self.root)).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The next one of a line, whatever it is worth.
    pub(super) async fn next(&self, line: Line<'_>) -> Result<Option<Message>, StoreError> {
        const ACT: &str = "ask for work";
        let consumer = self.lines.consumer(line).await?;
        let mut batch = consumer.fetch().max_messages(1).messages().await.map_err(while_doing(ACT))?;
        // What comes later than that comes again.
        let next = timeout(ANSWER, batch.next()).await.map_err(while_doing(ACT))?;
        next.transpose().map_err(while_doing(ACT))
    }

    /// Has lines begin anew of which a server has lost count.
    pub(super) async fn recount(&self) -> Result<(), StoreError> {
        self.lines.recount().await
    }

    fn hand(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a message for so long: the right to it.
    pub(super) fn hold(
        &self,
        job: &JobId,
        index: Option<u32>,
        message: Message,
        piece: Option<Piece>,
        time: Duration,
    ) -> Lease {
        let token = message.reply.as_ref().map(ToString::to_string).unwrap_or_default();
        let held = Held { message: Arc::new(message), until: Instant::now() + time, piece };
        self.hand().insert(token.clone(), held);
        Lease { job: job.clone(), index, token }
    }

    /// What a lease stands for, if this node ever had it.
    pub(super) fn held(&self, lease: &Lease) -> Option<Held> {
        self.hand().get(&lease.token).cloned()
    }

    /// From now on for so long; whether it was ours still.
    pub(super) fn renew(&self, lease: &Lease, time: Duration) -> bool {
        let mut hand = self.hand();
        let Some(held) = hand.get_mut(&lease.token).filter(|held| held.is_ours()) else { return false };
        held.until = Instant::now() + time;
        true
    }

    /// It is not kept alive any longer, and comes again.
    pub(super) fn let_go(&self, lease: &Lease) {
        if let Some(held) = self.hand().get_mut(&lease.token) {
            held.until = Instant::now();
        }
    }

    /// It is done.
    pub(super) async fn end(&self, lease: &Lease) -> Result<(), StoreError> {
        self.settle(lease, AckKind::Ack).await
    }

    /// Others may have it after so long.
    pub(super) async fn give_back(&self, lease: &Lease, delay: Duration) -> Result<(), StoreError> {
        self.settle(lease, AckKind::Nak(Some(delay))).await
    }

    async fn settle(&self, lease: &Lease, kind: AckKind) -> Result<(), StoreError> {
        let Some(held) = self.held(lease) else { return Ok(()) };
        held.message.ack_with(kind).await.map_err(while_doing("give work back"))?;
        self.hand().remove(&lease.token);
        Ok(())
    }

    /// This node does nothing for the audio of a job any more. What stands in line stays there: whoever takes it finds that
    /// the job is over. Servers of 2.9 lose count of a line from which something was purged.
    pub(super) fn forget(&self, job: &JobId) {
        let tell = format!("{}.{}.", self.root, Line::Tell);
        self.hand().retain(|_, held| {
            let subject = held.message.subject.as_str();
            subject.starts_with(&tell) || !subject.split('.').any(|part| part == job.as_str())
        });
    }
}

/// Where everything stands that is to be done for a job's audio.
fn places(job: &JobId) -> [String; 3] {
    [format!("finish.{job}"), format!("speak.*.{job}.*"), format!("cut.*.{job}")]
}

/// Tells the server now and then of whatever is held, until the queue is gone.
async fn keep_alive(hand: Weak<Hand>, link: Arc<Link>) {
    let pause = link.cluster().silence / 3;
    let mut ticks = interval(pause.max(Duration::from_millis(50)));
    loop {
        ticks.tick().await;
        let Some(hand) = hand.upgrade() else { return };
        let now = Instant::now();
        let ours: Vec<Arc<Message>> = {
            let mut hand = hand.lock().unwrap_or_else(PoisonError::into_inner);
            hand.retain(|_, held| held.until + LATE > now);
            hand.values().filter(|held| held.until > now).map(|held| Arc::clone(&held.message)).collect()
        };
        // A server that is away is told with the next tick.
        for message in ours.into_iter().filter(|_| link.is_up()) {
            drop(message.ack_with(AckKind::Progress).await);
        }
    }
}

/// The job, and the segment if it is one, that a message is about: the end of its subject.
pub(super) fn about(message: &Message) -> Option<JobId> {
    message.subject.split('.').find_map(|part| part.parse().ok())
}
