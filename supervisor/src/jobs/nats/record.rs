//! What is told of a job, as it stands in the key-value bucket, and how it changes. Nothing here knows NATS.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::ticks::Ticks;
use crate::jobs::{Finished, Job, JobError, JobState, NewJob, Plan, Take, Telling, TellingState};

/// A job and what its store has to remember beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) job: Job,
    /// Hash of all that was asked for.
    pub(super) digest: String,
    /// Which segments are stored.
    pub(super) stored: Ticks,
    /// How often segments failed.
    pub(super) tries: BTreeMap<u32, u32>,
    /// Bytes of its text, its segments or its finished audio.
    pub(super) bytes: u64,
    /// Where its cut is.
    #[serde(default)]
    pub(super) plan: Option<String>,
    /// Where its finished audio is.
    #[serde(default)]
    pub(super) audio: Option<String>,
    /// The idempotency key that stands for it.
    #[serde(default)]
    pub(super) key: Option<String>,
    /// It is over, and what only an open job needs is gone.
    #[serde(default)]
    pub(super) is_tidy: bool,
}

impl Record {
    /// A job that is made now, whose text has so many bytes.
    pub(super) fn new(new: &NewJob, text_bytes: usize, now_ms: u64) -> Self {
        let job = Job {
            id: new.id.clone(),
            owner: new.owner.clone(),
            title: new.title.clone(),
            author: new.book.author.clone(),
            order: new.order.clone(),
            engines: new.engines.clone(),
            webhook: new.webhook.clone(),
            state: JobState::Queued,
            error: None,
            created_ms: now_ms,
            started_ms: None,
            ended_ms: None,
            characters: count(new.book.characters()),
            segments: 0,
            segments_stored: 0,
            spoken_ms: new.spoken_ms,
            spoken_stored_ms: 0,
            audio_ms: 0,
            rate: 0,
            skipped: 0,
            audio_bytes: 0,
            samples: 0,
            chapters: Vec::new(),
            telling: None,
        };
        let (digest, bytes) = (new.digest.clone(), count(text_bytes));
        Self {
            job,
            digest,
            stored: Ticks::default(),
            tries: BTreeMap::new(),
            bytes,
            plan: None,
            audio: None,
            key: None,
            is_tidy: false,
        }
    }

    /// It is cut, and the cut stands there. If it is over, or was cut before, what somebody has planned for it meanwhile
    /// is nobody's.
    pub(super) fn planned(&mut self, plan: &Plan, place: &str, now_ms: u64) -> bool {
        let job = &mut self.job;
        if job.state != JobState::Queued {
            return false;
        }
        self.plan = Some(place.to_owned());
        job.state = JobState::Running;
        job.started_ms = Some(now_ms);
        job.error = None;
        job.segments = u32::try_from(plan.pieces.len()).unwrap_or(u32::MAX);
        job.spoken_ms = plan.pieces.iter().map(|piece| whole(piece.spoken_ms)).sum();
        job.rate = plan.rate;
        job.skipped = plan.skipped;
        true
    }

    /// A segment is stored. Whether that is new.
    pub(super) fn has(&mut self, index: u32, spoken_ms: u64, size: &Size) -> bool {
        if !self.stored.tick(index) {
            return false;
        }
        let job = &mut self.job;
        job.segments_stored += 1;
        job.error = None;
        job.spoken_stored_ms += spoken_ms;
        job.audio_ms += size.audio_ms;
        job.skipped += size.skipped;
        self.bytes += size.bytes;
        self.tries.remove(&index);
        true
    }

    /// Nothing but finishing is left.
    pub(super) fn is_whole(&self) -> bool {
        self.job.state == JobState::Running && self.job.segments_stored == self.job.segments
    }

    /// It rests, for this reason; a segment may have failed.
    pub(super) fn rests(&mut self, failed: Option<u32>, why: Option<JobError>) {
        if let Some(index) = failed {
            *self.tries.entry(index).or_default() += 1;
        }
        if why.is_some() {
            self.job.error = why;
        }
    }

    /// Its audio is there, in this place, beside a text of so many bytes.
    pub(super) fn finished(
        &mut self,
        finished: &Finished,
        place: &str,
        text_bytes: u64,
        now_ms: u64,
    ) -> bool {
        if !self.is_whole() {
            return false;
        }
        let job = &mut self.job;
        self.audio = Some(place.to_owned());
        job.state = JobState::Done;
        job.error = None;
        job.ended_ms = Some(now_ms);
        job.audio_ms = finished.audio_ms;
        job.audio_bytes = finished.bytes;
        job.samples = finished.samples;
        job.telling = Telling::begin(job, now_ms);
        job.chapters.clone_from(&finished.chapters);
        self.bytes = text_bytes + finished.bytes;
        self.stored = Ticks::default();
        true
    }

    /// It ends without its audio; one that is over stays as it is.
    pub(super) fn ends(&mut self, state: JobState, error: Option<JobError>, now_ms: u64) -> bool {
        if self.job.state.is_over() {
            return false;
        }
        self.job.state = state;
        self.job.error = error;
        self.job.ended_ms = Some(now_ms);
        self.job.telling = Telling::begin(&self.job, now_ms);
        self.stored = Ticks::default();
        self.tries.clear();
        self.bytes = 0;
        true
    }
}

impl Record {
    /// When somebody is to be told of its end, in milliseconds since 1970; `None` if nobody is.
    pub(super) fn tells_ms(&self) -> Option<u64> {
        let telling = self.job.telling.as_ref().filter(|telling| telling.state == TellingState::Pending)?;
        telling.next_ms
    }

    /// Somebody was told, or not. Whether it is there to be told of.
    pub(super) fn told(&mut self, telling: &Telling) -> bool {
        self.job.telling = Some(telling.clone());
        true
    }

    /// It is over, and nothing is left of what only an open job needs. Whether that is new.
    pub(super) fn tidied(&mut self) -> bool {
        self.plan = None;
        !std::mem::replace(&mut self.is_tidy, true)
    }
}

/// What a segment's audio comes to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Size {
    pub(super) bytes: u64,
    pub(super) audio_ms: u64,
    pub(super) skipped: u64,
}

impl Size {
    /// Of this one.
    pub(super) fn of(take: &Take) -> Self {
        let bytes = count(take.pcm.len());
        Self { bytes, audio_ms: bytes * 500 / u64::from(take.rate.max(1)), skipped: take.skipped }
    }
}

/// Milliseconds as whole ones.
pub(super) fn whole(milliseconds: f64) -> u64 {
    Duration::try_from_secs_f64(milliseconds / 1000.0)
        .map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

pub(super) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
