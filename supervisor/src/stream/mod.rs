//! A stream: the ordered audio of one utterance on its way to one client, and the account of how it went.
//!
//! A [`Studio`] finds where the audio comes from (`source`): the cache, a production that somebody else already
//! listens to (`shared`), or one of its own (`production`). Workers run ahead of the listener as far as the scheduler
//! lets them, and what they send waits in its channel; a stream itself does nothing while nobody reads it. So a slow
//! client slows only itself.
//!
//! For a text that is still being written ([`Studio::arrive`]) the way is the same, clause by clause: see `arriving`.

mod arriving;
mod error;
mod inbox;
mod meter;
mod production;
mod report;
mod shared;
mod solo;
mod source;
mod studio;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::time::timeout_at;

pub use arriving::{Casting, Manner, Opening};
pub use error::SpeechError;
pub use inbox::{TextIn, TooLong};
use meter::Meter;
pub(crate) use report::milliseconds;
pub use report::{Account, Report};
pub use solo::{Slice, Solo};
pub use source::Origin;
use source::Source;
pub use studio::Studio;

use crate::{
    schedule::Delivery,
    speech::{Encoder, Resampler, Utterance},
    traces::EncodeSpan,
};

/// An utterance being heard. Dropping it takes back whatever nobody else listens to.
#[derive(Debug)]
pub struct Stream {
    source: Source,
    account: Account,
    meter: Meter,
    /// When it must have ended, if it is wanted whole.
    deadline: Option<Instant>,
    engines: Vec<String>,
    voice: String,
    /// Samples per second of what is handed out.
    rate: u32,
    resampler: Option<Resampler>,
    /// Read and not yet handed out, each with the moment at which it was asked for.
    ready: VecDeque<(Bytes, Instant)>,
    /// Since when somebody waits for the next piece.
    asked: Option<Instant>,
    /// When text came last for which it had to wait.
    text_came: Option<Instant>,
    ended: bool,
}

/// An utterance, wholly spoken.
#[derive(Debug)]
pub struct Spoken {
    /// The encoded audio, in order, without its header.
    pub pieces: Vec<Bytes>,
    /// Length of the audio as PCM16.
    pub pcm_bytes: usize,
    /// How it went.
    pub report: Report,
    /// Characters that were left out.
    pub skipped: u64,
}

impl Stream {
    /// Waits for the first audio, until `latest`.
    async fn begin(
        source: Source,
        utterance: &Utterance,
        delivery: Delivery,
        latest: Instant,
        account: Account,
    ) -> Result<Self, SpeechError> {
        let (made, wanted) = (source.rate(), utterance.sample_rate);
        let rate = utterance.format.nearest_rate(wanted.unwrap_or(made));
        let accepted = account.accepted();
        let deadline = utterance.deadline.filter(|_| delivery == Delivery::Whole);
        let mut stream = Self {
            resampler: Resampler::between(made, rate)?,
            source,
            meter: Meter::new(accepted),
            account,
            deadline: deadline.map(|deadline| accepted + deadline),
            engines: utterance.engines().into_iter().map(str::to_owned).collect(),
            voice: utterance.voice.clone(),
            rate,
            ready: VecDeque::new(),
            asked: None,
            text_came: None,
            ended: false,
        };
        if delivery == Delivery::Whole {
            stream.meter.nobody_listens_yet();
        }
        let begun = timeout_at(latest.into(), stream.fill()).await.unwrap_or(Err(SpeechError::Deadline));
        begun.map_err(|error| stream.failed(error))?;
        if stream.ready.is_empty() {
            return Err(stream.failed(SpeechError::nothing_to_speak()));
        }
        Ok(stream)
    }

    /// Samples per second of what [`next`](Self::next) gives.
    pub fn sample_rate(&self) -> u32 {
        self.rate
    }

    /// The engines that speak, in the order of the text.
    pub fn engines(&self) -> &[String] {
        &self.engines
    }

    /// The voice that speaks.
    pub fn voice(&self) -> &str {
        &self.voice
    }

    /// How its audio came about.
    pub fn origin(&self) -> Origin {
        self.source.origin
    }

    /// The span of a codec's work on it, if there is one and it is traced.
    pub(crate) fn encoding(&self, encoder: &Encoder) -> EncodeSpan {
        encoder.codec().map(|codec| self.account.branch().encoding(codec)).unwrap_or_default()
    }

    /// How long its first segment waited for a worker.
    pub fn queue_wait(&self) -> Duration {
        self.source.totals().queue_wait
    }

    /// The next piece of PCM16, or `None` at the end. Safe to cancel.
    pub async fn next(&mut self) -> Option<Result<Bytes, SpeechError>> {
        if self.ready.is_empty()
            && let Err(error) = self.fill().await
        {
            return Some(Err(self.failed(error)));
        }
        let Some((pcm, asked)) = self.ready.pop_front() else {
            let report = self.report();
            self.account.complete(&report, self.source.origin, self.source.totals().skipped);
            return None;
        };
        self.meter.handed_out(pcm.len(), self.rate, asked, Instant::now());
        Some(Ok(pcm))
    }

    /// All of the audio at once, encoded as it comes, and the account of it. The utterance's deadline holds until
    /// its end.
    pub async fn whole(mut self, encoder: &mut Encoder) -> Result<Spoken, SpeechError> {
        let mut pieces = Vec::new();
        let mut pcm_bytes = 0;
        let deadline = self.deadline;
        let mut span = self.encoding(encoder);
        let reading = async {
            while let Some(piece) = self.next().await {
                let pcm = piece?;
                pcm_bytes += pcm.len();
                pieces.push(span.around(encoder.push(pcm)).await?);
            }
            pieces.push(span.around(encoder.finish()).await?);
            Ok(())
        };
        let read = match deadline {
            Some(deadline) => {
                timeout_at(deadline.into(), reading).await.unwrap_or(Err(SpeechError::Deadline))
            }
            None => reading.await,
        };
        read.map_err(|error| self.failed(error))?;
        Ok(Spoken { pieces, pcm_bytes, report: self.report(), skipped: self.account.skipped() })
    }

    fn report(&self) -> Report {
        self.meter.report(self.rate, self.source.totals())
    }

    fn failed(&mut self, error: SpeechError) -> SpeechError {
        self.ended = true;
        self.ready.clear();
        self.account.fail(&error);
        error
    }

    /// Reads until there is something to hand out, or nothing is left.
    async fn fill(&mut self) -> Result<(), SpeechError> {
        // Who was interrupted while waiting has waited since then.
        let mut asked = *self.asked.get_or_insert_with(Instant::now);
        while self.ready.is_empty() && !self.ended {
            let next = self.source.next().await;
            let text_came = self.source.totals().text_came;
            if let Some(came) = text_came.filter(|_| text_came != self.text_came) {
                self.text_came = text_came;
                self.meter.text_came(came);
                asked = asked.max(came);
            }
            let pcm = if let Some(pcm) = next.transpose()? {
                self.source.took(pcm.len(), meter::has_waited(asked, Instant::now()));
                match &mut self.resampler {
                    Some(resampler) => resampler.push(&pcm),
                    None => pcm,
                }
            } else {
                self.ended = true;
                self.resampler.as_mut().map(Resampler::finish).unwrap_or_default()
            };
            if !pcm.is_empty() {
                self.ready.push_back((pcm, asked));
            }
        }
        self.asked = None;
        Ok(())
    }
}
