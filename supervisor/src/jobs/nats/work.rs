//! What there is to do: given out, kept alive, given back, and done.

use std::time::Duration;

use async_nats::jetstream::{AckKind, Message};
use bytes::Bytes;

use super::{
    desk::{Desk, hash, read, written},
    lines::Line,
    queue::{Waiting, about},
    record::{Record, whole},
    takes::Head,
    trouble::{insist, while_doing},
};
use crate::jobs::{
    Book, JobError, JobState, Lease, Piece, Plan, StoreError, Stored, Take, Telling, Wanted, Work, now_ms,
};

/// For so long a server that is away is waited for, where giving up would lose work that is done.
pub(super) const PATIENCE: Duration = Duration::from_mins(10);
/// So long a job that stands in line may not be told of yet.
const UNTOLD: Duration = Duration::from_secs(2);
/// So much that nobody has to do any more is passed over at a time.
const PASSED_OVER: usize = 1000;
/// Times that it is looked for.
const LOOKS: i64 = 30;
/// The round in which everything stands in line once; what is lost does so again in another one.
const FIRST: &str = "";

impl Desk {
    /// The next work that somebody wants.
    pub(super) async fn next(&self, wanted: &Wanted, time: Duration) -> Result<Option<Work>, StoreError> {
        let mut lines = Vec::new();
        if wanted.finish {
            lines.push(Line::Finish);
        }
        if wanted.tell {
            lines.push(Line::Tell);
        }
        lines.extend(wanted.engines.iter().map(|engine| Line::Speak(engine)));
        lines.extend(wanted.engines.iter().map(|engine| Line::Cut(engine)));
        for line in lines {
            // Whoever is asked has other things to do as well.
            for _ in 0..PASSED_OVER {
                let Some(message) = self.queue.next(line).await? else { break };
                if let Some(work) = self.work(line, message, time).await? {
                    return Ok(Some(work));
                }
            }
        }
        Ok(None)
    }

    /// What a message asks for; `None` if it turns out that nothing has to be done.
    async fn work(
        &self,
        line: Line<'_>,
        message: Message,
        time: Duration,
    ) -> Result<Option<Work>, StoreError> {
        let settle = async |message: &Message, kind| {
            message.ack_with(kind).await.map_err(while_doing("answer for work"))
        };
        let Some(id) = about(&message) else {
            settle(&message, AckKind::Term).await?;
            return Ok(None);
        };
        let is_nobodys = match line {
            Line::Speak(_) => self.mirror.is_over(&id),
            Line::Cut(_) | Line::Finish | Line::Tell => self.mirror.is_gone(&id),
        };
        if is_nobodys {
            settle(&message, AckKind::Ack).await?;
            return Ok(None);
        }
        let Some((record, _)) = self.record(&id).await? else {
            if !matches!(line, Line::Cut(_)) {
                // It was removed.
                settle(&message, AckKind::Ack).await?;
                return Ok(None);
            }
            // A job stands in line before it is told of. One that is never told of has lost its node meanwhile, or was
            // removed.
            if message.info().is_ok_and(|info| info.delivered < LOOKS) {
                settle(&message, AckKind::Nak(Some(UNTOLD))).await?;
            } else {
                self.texts.delete(&format!("{id}.book")).await.map_err(while_doing("remove a text"))?;
                settle(&message, AckKind::Term).await?;
            }
            return Ok(None);
        };
        if record.job.state.is_over() {
            let due = record.tells_ms().map(|due| Duration::from_millis(due.saturating_sub(now_ms())));
            match (line, due) {
                (Line::Tell, Some(Duration::ZERO)) => {
                    let lease = self.queue.hold(&id, None, message, None, time);
                    return Ok(Some(Work::Tell { lease, job: Box::new(record.job) }));
                }
                (Line::Tell, Some(due)) => settle(&message, AckKind::Nak(Some(due))).await?,
                _ => {
                    // Whoever ended it may have gone before it stood in line.
                    self.line_up_telling(&record).await?;
                    settle(&message, AckKind::Ack).await?;
                }
            }
            return Ok(None);
        }
        match line {
            Line::Tell => settle(&message, AckKind::Ack).await.map(|()| None),
            Line::Finish => {
                let lease = self.queue.hold(&id, None, message, None, time);
                Ok(Some(Work::Finish { lease, job: Box::new(record.job) }))
            }
            Line::Speak(_) => self.segment(record, message, time).await,
            Line::Cut(_) => self.uncut(record, message, time).await,
        }
    }

    async fn segment(
        &self,
        record: Record,
        message: Message,
        time: Duration,
    ) -> Result<Option<Work>, StoreError> {
        let Waiting { index, piece } = read(&message.payload)?;
        let id = record.job.id.clone();
        let tries = record.tries.get(&index).copied().unwrap_or_default();
        let is_known = record.stored.has(index);
        let lease = self.queue.hold(&id, Some(index), message, Some(piece.clone()), time);
        let is_stored = async {
            if is_known {
                // Whoever stored it was gone before it was answered for.
                self.answered(&lease, &record, FIRST).await?;
                return Ok(true);
            }
            let Some(head) = self.takes.head(&id, index).await? else { return Ok(false) };
            // Or before it was counted.
            self.counted(&lease, index, &piece, &head).await?;
            Ok(true)
        };
        let is_stored = self.or_let_go(&lease, is_stored).await?;
        Ok((!is_stored).then(|| Work::Speak { lease, piece: Box::new(piece), tries }))
    }

    /// What is held and cannot be looked at comes again, to whoever can.
    pub(super) async fn or_let_go<T>(
        &self,
        lease: &Lease,
        look: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let looked = look.await;
        if looked.is_err() {
            self.queue.let_go(lease);
        }
        looked
    }

    /// A segment that is stored is counted, and its message answered. Whether that was new, and the job.
    async fn counted(
        &self,
        lease: &Lease,
        index: u32,
        piece: &Piece,
        head: &Head,
    ) -> Result<(bool, Record), StoreError> {
        let spoken = whole(piece.spoken_ms);
        let changed = self.surely(&lease.job, |record| {
            record.job.state == JobState::Running && record.has(index, spoken, &head.size)
        });
        let (is_new, record) = changed.await?.ok_or(StoreError::Lost)?;
        self.answered(lease, &record, FIRST).await?;
        Ok((is_new, record))
    }

    /// A segment is counted: its message is answered, once the job stands in line to be finished if it was the last.
    async fn answered(&self, lease: &Lease, record: &Record, round: &str) -> Result<(), StoreError> {
        if record.is_whole() {
            let id = &lease.job;
            let name = format!("finish.{id}.{round}");
            self.queue.push(Line::Finish, id.as_str(), &name, Bytes::new()).await?;
        }
        self.queue.end(lease).await
    }

    async fn uncut(
        &self,
        record: Record,
        message: Message,
        time: Duration,
    ) -> Result<Option<Work>, StoreError> {
        let id = record.job.id.clone();
        let round = String::from_utf8_lossy(&message.payload).into_owned();
        let lease = self.queue.hold(&id, None, message, None, time);
        if record.job.state == JobState::Queued {
            let name = format!("{id}.book");
            let book = async { self.text::<Book>(&name).await?.ok_or(StoreError::Lost) };
            let Ok(book) = self.or_let_go(&lease, book).await else { return Ok(None) };
            return Ok(Some(Work::Cut { lease, job: Box::new(record.job), book }));
        }
        // It was cut by a node that was gone before all segments stood in line, or something of it was lost.
        self.or_let_go(&lease, self.line_up(&lease, &record, &round)).await?;
        Ok(None)
    }

    /// A job of whose end somebody is to be told stands in line for that.
    pub(super) async fn line_up_telling(&self, record: &Record) -> Result<(), StoreError> {
        if record.tells_ms().is_none() {
            return Ok(());
        }
        let id = &record.job.id;
        self.queue.push(Line::Tell, id.as_str(), &format!("tell.{id}"), Bytes::new()).await
    }

    /// Somebody was told of the end of a job, or not.
    pub(super) async fn told(&self, lease: &Lease, telling: &Telling) -> Result<(), StoreError> {
        if !self.queue.held(lease).is_some_and(|held| held.is_ours()) {
            return Err(StoreError::Lost);
        }
        let delay = telling.next_ms.map(|next| Duration::from_millis(next.saturating_sub(now_ms())));
        insist(PATIENCE, async || {
            self.up()?;
            let changed = self.change(&lease.job, |record| record.told(telling)).await?;
            changed.ok_or(StoreError::Lost)?;
            match delay {
                Some(delay) => self.queue.give_back(lease, delay).await,
                None => self.queue.end(lease).await,
            }
        })
        .await
    }

    /// All segments that are not stored stand in line, or what comes after them.
    async fn line_up(&self, lease: &Lease, record: &Record, round: &str) -> Result<(), StoreError> {
        self.up()?;
        let id = &lease.job;
        if record.is_whole() {
            return self.answered(lease, record, round).await;
        }
        let plan = record.plan.as_deref().ok_or(StoreError::Lost)?;
        let pieces: Vec<Piece> = self.text(plan).await?.ok_or(StoreError::Lost)?;
        let waiting = (0_u32..)
            .zip(pieces)
            .filter(|(index, _)| !record.stored.has(*index))
            .map(|(index, piece)| Waiting { index, piece })
            .collect();
        self.queue.push_all(id, round, waiting).await?;
        self.queue.end(lease).await
    }

    /// Holds on to work, as far as this node knows.
    pub(super) fn renew(&self, lease: &Lease, time: Duration) -> Result<(), StoreError> {
        let is_open = |record: &Record| {
            !record.job.state.is_over() && !lease.index.is_some_and(|index| record.stored.has(index))
        };
        if !self.mirror.look(&lease.job, is_open).unwrap_or(false) {
            // Whoever gets it next finds that there is nothing to do.
            self.queue.let_go(lease);
            return Err(StoreError::Lost);
        }
        self.queue.renew(lease, time).then_some(()).ok_or(StoreError::Lost)
    }

    /// Gives work back.
    pub(super) async fn release(
        &self,
        lease: &Lease,
        delay: Duration,
        why: Option<JobError>,
        failed: bool,
    ) -> Result<(), StoreError> {
        let index = lease.index.filter(|_| failed);
        let back = async {
            let noted = if index.is_some() || why.is_some() {
                let change = self.change(&lease.job, |record| {
                    record.rests(index, why.clone());
                    !record.job.state.is_over()
                });
                change.await.map(drop)
            } else {
                Ok(())
            };
            // Whether it could be noted or not, as when there is no room for a note: it rests.
            self.queue.give_back(lease, delay).await.and(noted)
        };
        self.or_let_go(lease, back).await
    }

    /// A job was cut.
    pub(super) async fn plan(&self, lease: &Lease, plan: &Plan) -> Result<(), StoreError> {
        self.or_let_go(lease, self.planned(lease, plan)).await
    }

    async fn planned(&self, lease: &Lease, plan: &Plan) -> Result<(), StoreError> {
        if !self.queue.held(lease).is_some_and(|held| held.is_ours()) {
            return Err(StoreError::Lost);
        }
        // Two nodes may have cut it, each as its own engines tell: the plan that is told of first is the one that counts.
        let draft = format!("{}.plan.{}", lease.job, hash(&[&lease.token]));
        let text = written(&plan.pieces)?;
        let (record, is_ours) = insist(PATIENCE, async || {
            self.up()?;
            let Some((record, _)) = self.record(&lease.job).await? else { return Err(StoreError::Lost) };
            if record.job.state != JobState::Queued {
                let is_ours = record.plan.as_ref() == Some(&draft);
                return Ok((record, is_ours));
            }
            self.put_text(&draft, &text).await?;
            let now = now_ms();
            let changed = self.surely(&lease.job, |record| record.planned(plan, &draft, now)).await?;
            let (_, record) = changed.ok_or(StoreError::Lost)?;
            let is_ours = record.plan.as_ref() == Some(&draft);
            Ok((record, is_ours))
        })
        .await?;
        if !is_ours {
            self.texts.delete(&draft).await.map_err(while_doing("remove a cut that nobody needs"))?;
            return Err(StoreError::Lost);
        }
        insist(PATIENCE, async || self.line_up(lease, &record, FIRST).await).await
    }

    /// A segment was spoken.
    pub(super) async fn put(&self, lease: &Lease, take: &Take) -> Result<Stored, StoreError> {
        self.or_let_go(lease, insist(PATIENCE, async || self.stored(lease, take).await)).await
    }

    async fn stored(&self, lease: &Lease, take: &Take) -> Result<Stored, StoreError> {
        self.up()?;
        let (Some(index), Some(held)) = (lease.index, self.queue.held(lease)) else {
            return Err(StoreError::Lost);
        };
        let piece = held.piece.ok_or(StoreError::Lost)?;
        let Some((record, _)) = self.record(&lease.job).await? else { return Err(StoreError::Lost) };
        if record.job.state.is_over() {
            return Err(StoreError::Lost);
        }
        let token = hash(&[&lease.token]);
        let join = (piece.joint, piece.chapter);
        let (kept, is_ours) = self.takes.put((&lease.job, index), &token, take, join).await?;
        let (is_new, record) = self.counted(lease, index, &piece, &kept).await?;
        Ok(if is_ours && is_new { Stored::Now { last: record.is_whole() } } else { Stored::Before })
    }
}
