//! The lines in which work stands, as far as it is taken out of them.

use std::{collections::HashMap, fmt, time::Duration};

use async_nats::jetstream::{
    consumer::{AckPolicy, Info, PullConsumer, pull},
    context::ConsumerInfoErrorKind,
    stream::Stream,
};
use futures_util::StreamExt;
use tokio::{sync::Mutex as Turn, time::sleep};

use super::trouble::while_doing;
use crate::jobs::StoreError;

/// What one server knows all of them know by then.
const SETTLED: Duration = Duration::from_secs(1);

/// One line to stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Line<'a> {
    /// Jobs whose segments are all stored.
    Finish,
    /// Jobs of whose end somebody is to be told.
    Tell,
    /// Segments of an engine.
    Speak(&'a str),
    /// Jobs to be cut that begin with this engine.
    Cut(&'a str),
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finish => f.write_str("finish"),
            Self::Tell => f.write_str("tell"),
            Self::Speak(engine) => write!(f, "speak.{engine}"),
            Self::Cut(engine) => write!(f, "cut.{engine}"),
        }
    }
}

/// The lines that this node takes work from.
#[derive(Debug)]
pub(super) struct Lines {
    stream: Stream,
    root: String,
    silence: Duration,
    consumers: Turn<HashMap<String, PullConsumer>>,
}

impl Lines {
    /// Of a work queue whose subjects begin so. A node that was silent for so long has nothing in hand any more.
    pub(super) fn of(stream: Stream, root: &str, silence: Duration) -> Self {
        Self { stream, root: root.to_owned(), silence, consumers: Turn::default() }
    }

    /// Out of which work of a line is given; made unless it is there.
    pub(super) async fn consumer(&self, line: Line<'_>) -> Result<PullConsumer, StoreError> {
        let name = line.to_string().replace('.', "-");
        let mut consumers = self.consumers.lock().await;
        if let Some(consumer) = consumers.get(&name) {
            return Ok(consumer.clone());
        }
        let config = pull::Config {
            durable_name: Some(name.clone()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.silence,
            filter_subject: format!("{}.{line}.>", self.root),
            // As many as all nodes have in hand together.
            max_ack_pending: -1,
            ..pull::Config::default()
        };
        let act = || while_doing("join the nodes that take work");
        let create = async || self.stream.create_consumer(config.clone()).await.map_err(|error| act()(error));
        let mut consumer = create().await?;
        if self.is_miscounted(&consumer).await? {
            tracing::warn!(%line, "A NATS server has lost count of the work in line; it is counted anew");
            self.stream.delete_consumer(&name).await.map_err(|error| act()(error))?;
            consumer = create().await?;
        }
        consumers.insert(name, consumer.clone());
        Ok(consumer)
    }

    /// Whether a server has lost count of a line, so that nobody gets what stands in it. One that was killed may number its
    /// messages anew: then more was given out than there ever was, or there is something of which it says that it is done.
    async fn is_miscounted(&self, consumer: &PullConsumer) -> Result<bool, StoreError> {
        const ACT: &str = "look whether all work in line is given out";
        let look = async || consumer.get_info().await.map_err(while_doing(ACT));
        let counted = match consumer.get_info().await {
            // Somebody has it begin anew.
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => return Ok(true),
            counted => counted.map_err(while_doing(ACT))?,
        };
        // Asked later, so that it is no less unless something was lost.
        let last = self.stream.get_info().await.map_err(while_doing(ACT))?.state.last_sequence;
        if counted.delivered.stream_sequence > last {
            return Ok(true);
        }
        let is_done = |info: &Info| info.num_pending == 0 && info.num_ack_pending == 0;
        let line = &counted.config.filter_subject;
        if !is_done(&counted) || !self.has_any(line).await? {
            return Ok(false);
        }
        // What has come meanwhile is counted by then, on whichever server.
        sleep(SETTLED).await;
        Ok(self.has_any(line).await? && is_done(&look().await?))
    }

    /// Whether anything stands there.
    pub(super) async fn has_any(&self, subject: &str) -> Result<bool, StoreError> {
        const ACT: &str = "look for what stands in line";
        let mut found = self.stream.info_with_subjects(subject).await.map_err(while_doing(ACT))?;
        Ok(found.next().await.transpose().map_err(while_doing(ACT))?.is_some())
    }

    /// Has lines begin anew of which a server has lost count.
    pub(super) async fn recount(&self) -> Result<(), StoreError> {
        let known: Vec<_> = self.consumers.lock().await.clone().into_iter().collect();
        for (name, consumer) in known {
            if self.is_miscounted(&consumer).await? {
                self.consumers.lock().await.remove(&name);
            }
        }
        Ok(())
    }
}
