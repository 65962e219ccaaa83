//! The segments' audio: parts under a name of their own, then a head that tells which name counts.
//!
//! ```text
//! JOB.INDEX.TOKEN.0, .1, …   PCM in parts that NATS takes as one message
//! JOB.INDEX                  the head, created once: who comes second finds it and drops its own parts
//! ```

use async_nats::jetstream::kv::{CreateErrorKind, Store as Bucket};
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::{record::Size, trouble::while_doing};
use crate::cluster;
use crate::jobs::{JobId, Joint, Kept, StoreError, Take};

/// Bytes in a part; a NATS server takes messages of up to 1 MiB unless told otherwise.
const PART: usize = 512 << 10;

/// Which audio is a segment's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Head {
    token: String,
    parts: u32,
    rate: u32,
    pub(super) size: Size,
    joint: Joint,
    chapter: u32,
}

fn not_yet() -> StoreError {
    StoreError::Away { reason: "a server does not know yet what another one has stored".into() }
}

/// All takes of all jobs.
#[derive(Clone, Debug)]
pub(super) struct Takes {
    pub(super) bucket: Bucket,
}

impl Takes {
    /// What is stored for a segment.
    pub(super) async fn head(&self, job: &JobId, index: u32) -> Result<Option<Head>, StoreError> {
        let act = while_doing("look for a segment");
        let found = self.bucket.get(format!("{job}.{index}")).await.map_err(act)?;
        found.map(|bytes| serde_json::from_slice(&bytes).map_err(while_doing("read a segment"))).transpose()
    }

    /// Stores one, unless there is one. `token` is nobody else's. Answers with the one that is stored, and whether it is
    /// this one.
    pub(super) async fn put(
        &self,
        (job, index): (&JobId, u32),
        token: &str,
        take: &Take,
        (joint, chapter): (Joint, u32),
    ) -> Result<(Head, bool), StoreError> {
        let mut parts = 0;
        for start in (0..take.pcm.len()).step_by(PART) {
            let part = take.pcm.slice(start..take.pcm.len().min(start + PART));
            self.bucket
                .put(format!("{job}.{index}.{token}.{parts}"), part)
                .await
                .map_err(while_doing("store a segment"))?;
            parts += 1;
        }
        let head =
            Head { token: token.to_owned(), parts, rate: take.rate, size: Size::of(take), joint, chapter };
        let text = Bytes::from(serde_json::to_vec(&head).map_err(while_doing("write a segment"))?);
        match self.bucket.create(format!("{job}.{index}"), text).await {
            Ok(_) => Ok((head, true)),
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => {
                // It may not have come yet to where it is read.
                let before = self.head(job, index).await?.ok_or_else(not_yet)?;
                // Our own, whose answer was lost, counts as stored now.
                if before.token == token {
                    return Ok((before, true));
                }
                self.purge(&format!("{job}.{index}.{token}.*")).await?;
                Ok((before, false))
            }
            Err(error) => Err(while_doing("store a segment")(error)),
        }
    }

    /// One of them.
    pub(super) async fn get(&self, job: &JobId, index: u32) -> Result<Option<Kept>, StoreError> {
        let Some(head) = self.head(job, index).await? else { return Ok(None) };
        let mut pcm = BytesMut::new();
        for part in 0..head.parts {
            let name = format!("{job}.{index}.{}.{part}", head.token);
            let Some(bytes) = self.bucket.get(name).await.map_err(while_doing("read a segment"))? else {
                return Ok(None);
            };
            pcm.extend_from_slice(&bytes);
        }
        let take = Take { pcm: pcm.freeze(), rate: head.rate, skipped: head.size.skipped };
        Ok(Some(Kept { take, joint: head.joint, chapter: head.chapter }))
    }

    /// All of a job go.
    pub(super) async fn remove(&self, job: &JobId) -> Result<(), StoreError> {
        self.purge(&format!("{job}.>")).await
    }

    /// Without a trace: deleting a key would leave a mark of it for ever.
    async fn purge(&self, keys: &str) -> Result<(), StoreError> {
        let subject = format!("{}{keys}", self.bucket.prefix);
        cluster::purge(&self.bucket.stream, &subject).await.map_err(while_doing("remove segments"))
    }
}
