//! A job's audio while it grows: the segments that are stored, in order, joined and encoded into a file. It is made anew
//! after a restart, from what is stored, and comes out the same to the byte.

use std::{fs::File, io, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncWriteExt, BufWriter},
    sync::watch,
    time::{Instant, timeout},
};

use super::{Finished, Job, JobError, JobId, JobState, Jobs, StoreError, splice::Splice};
use crate::speech::{Encoder, Format};

/// How long it waits for news before it looks by itself: another node may have stored the next segment.
const LOOK: Duration = Duration::from_secs(2);

/// How far a spool is.
#[derive(Clone, Debug)]
pub enum Growth {
    /// So many bytes can be read, and more may come.
    Growing(u64),
    /// All of it can be read.
    Complete(Arc<Finished>),
    /// Nothing more comes: the job failed, or was taken back, or the disk did not take it.
    Broken(JobError),
}

/// The growing audio of one job. The header of a format that has one of its own (WAV) is not in the file.
#[derive(Debug)]
pub struct Spool {
    /// Where it grows. It may be gone as soon as it is complete, but not for those who have opened it.
    pub file: PathBuf,
    /// Its format.
    pub format: Format,
    /// Samples per second of what is heard.
    pub rate: u32,
    growth: watch::Receiver<Growth>,
}

impl Spool {
    /// How far it is, now and later.
    pub fn growth(&self) -> watch::Receiver<Growth> {
        self.growth.clone()
    }

    /// Begins the spool of a job that was cut.
    pub(super) fn begin(jobs: &Arc<Jobs>, job: &Job, titles: Vec<Option<String>>) -> io::Result<Arc<Self>> {
        // Whoever still writes an earlier one of the same job keeps to its own.
        static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = jobs.store().drafts().join(format!("{}.{number}", job.id));
        let file = File::create(&path)?;
        let format = job.order.format();
        let rate = format.nearest_rate(job.order.sample_rate.unwrap_or(job.rate));
        let (tell, growth) = watch::channel(Growth::Growing(0));
        let spool = Arc::new(Self { file: path.clone(), format, rate, growth });
        let writer = Writer {
            jobs: Arc::clone(jobs),
            id: job.id.clone(),
            path,
            file: BufWriter::with_capacity(1 << 18, tokio::fs::File::from_std(file)),
            bytes: 0,
            pcm_bytes: 0,
            tell,
        };
        let splice = Splice::new(job.rate, rate, titles);
        let (segments, encoder) = (job.segments, Encoder::new(format, rate));
        tokio::spawn(async move {
            let writer = writer;
            match encoder {
                Ok(encoder) => writer.run(splice, encoder, segments, rate).await,
                Err(error) => drop(writer.tell.send(Growth::Broken(internal(&error)))),
            }
        });
        Ok(spool)
    }
}

struct Writer {
    jobs: Arc<Jobs>,
    id: JobId,
    path: PathBuf,
    file: BufWriter<tokio::fs::File>,
    bytes: u64,
    pcm_bytes: u64,
    tell: watch::Sender<Growth>,
}

impl Writer {
    async fn run(mut self, splice: Splice, encoder: Encoder, segments: u32, rate: u32) {
        let grown = self.grow(splice, encoder, segments, rate).await;
        let id = self.id.clone();
        let growth = match grown {
            Ok(finished) => Growth::Complete(Arc::new(finished)),
            Err(error) => {
                drop(tokio::fs::remove_file(&self.path).await);
                Growth::Broken(error)
            }
        };
        let is_broken = matches!(growth, Growth::Broken(_));
        self.tell.send_replace(growth);
        let is_done_elsewhere = async || {
            self.jobs.store().job(&id).await.is_ok_and(|job| job.is_none_or(|job| job.state.is_over()))
        };
        if is_broken {
            self.jobs.forget_spool(&id);
        } else if is_done_elsewhere().await {
            drop(tokio::fs::remove_file(&self.path).await);
            self.jobs.forget_spool(&id);
        }
    }

    async fn grow(
        &mut self,
        mut splice: Splice,
        mut encoder: Encoder,
        segments: u32,
        rate: u32,
    ) -> Result<Finished, JobError> {
        let mut news = self.jobs.changes();
        let mut ready = Vec::new();
        let mut index = 0;
        let mut is_done = false;
        while index < segments {
            let kept = match self.jobs.store().take(&self.id, index).await {
                // It is waited for like a segment that is not there yet.
                Err(StoreError::Away { .. }) => None,
                kept => kept.map_err(|error| broken(&error))?,
            };
            if let Some(kept) = kept {
                splice.push(&kept, &mut ready);
                self.write(&mut ready, &mut encoder).await?;
                index += 1;
                continue;
            }
            self.flush().await?;
            let until = Instant::now() + LOOK;
            loop {
                // Changes of other jobs, and those that were missed, are no reason to look.
                match timeout(until.saturating_duration_since(Instant::now()), news.recv()).await {
                    Ok(Ok(change)) if change.id != self.id => {}
                    Ok(_) | Err(_) => break,
                }
            }
            let job = self.jobs.store().job(&self.id).await.map_err(|error| broken(&error))?;
            // Another node has finished it; its segments stay for a while, and we look once more.
            let was_done =
                std::mem::replace(&mut is_done, job.as_ref().is_some_and(|job| job.state == JobState::Done));
            if is_done && !was_done {
                continue;
            }
            if job.as_ref().is_none_or(|job| job.state != JobState::Running) {
                let gone = JobError { code: "cancelled".into(), message: "the job was taken back".into() };
                return Err(job.and_then(|job| job.error).unwrap_or(gone));
            }
        }
        let chapters = splice.finish(&mut ready);
        self.write(&mut ready, &mut encoder).await?;
        let rest = encoder.finish().await.map_err(|error| internal(&error))?;
        self.append(&rest).await?;
        self.flush().await?;
        self.file.get_ref().sync_all().await.map_err(|error| lost(&error))?;
        let audio_ms = self.pcm_bytes * 500 / u64::from(rate.max(1));
        let samples = self.pcm_bytes / 2;
        Ok(Finished { file: self.path.clone(), bytes: self.bytes, audio_ms, samples, chapters })
    }

    async fn write(&mut self, ready: &mut Vec<Bytes>, encoder: &mut Encoder) -> Result<(), JobError> {
        for pcm in ready.drain(..) {
            self.pcm_bytes += u64::try_from(pcm.len()).unwrap_or_default();
            let bytes = encoder.push(pcm).await.map_err(|error| internal(&error))?;
            self.append(&bytes).await?;
        }
        Ok(())
    }

    async fn append(&mut self, bytes: &[u8]) -> Result<(), JobError> {
        self.bytes += u64::try_from(bytes.len()).unwrap_or_default();
        self.file.write_all(bytes).await.map_err(|error| lost(&error))
    }

    /// What was written can be read.
    async fn flush(&mut self) -> Result<(), JobError> {
        self.file.flush().await.map_err(|error| lost(&error))?;
        self.tell.send_replace(Growth::Growing(self.bytes));
        Ok(())
    }
}

fn internal(error: &dyn std::error::Error) -> JobError {
    JobError { code: "internal".into(), message: error.to_string() }
}

fn lost(error: &io::Error) -> JobError {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let is_full = matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge);
    let code = if is_full { "disk_full" } else { "internal" };
    JobError { code: code.into(), message: format!("could not write the audio of a job: {error}") }
}

pub(super) fn broken(error: &StoreError) -> JobError {
    let code = match error {
        StoreError::Full { .. } => "disk_full",
        StoreError::Away { .. } => "cluster_unavailable",
        StoreError::Lost | StoreError::Broken { .. } => "internal",
    };
    JobError { code: code.into(), message: error.to_string() }
}
