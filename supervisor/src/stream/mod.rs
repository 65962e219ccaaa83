//! A stream: the ordered audio of one utterance on its way to one client, and the account of how it went.
//!
//! A stream does nothing while nobody reads it: a segment is submitted when the one before it is complete and
//! was read. So a slow client slows only itself, and what is held for it is at most one segment.

mod error;
mod meter;
mod report;

use std::{collections::VecDeque, sync::Arc, time::Instant};

use bytes::Bytes;
use ishowtts_workers::{Failure, SynthesisEvent, SynthesisRequest, SynthesisSummary, protocol::Timings};
use tokio::time::{Instant as Deadline, timeout_at};

pub use error::SpeechError;
use meter::Meter;
pub(crate) use report::milliseconds;
pub use report::{Account, Report};

use crate::{
    schedule::{Admission, Scheduler, Ticket},
    speech::{Encoder, Join, Part, Resampler, Utterance},
};

/// An utterance being spoken. Dropping it takes back whatever is not yet spoken.
#[derive(Debug)]
pub struct Stream {
    scheduler: Arc<Scheduler>,
    admission: Admission,
    utterance: Utterance,
    engines: Vec<String>,
    account: Account,
    meter: Meter,
    /// When it must have begun (or, if it is read as a whole, ended).
    deadline: Option<Deadline>,
    /// The part being spoken, and its place in the queue or at a worker.
    part: usize,
    ticket: Option<Ticket>,
    /// Samples per second of what is handed out; known with the first part's turn.
    rate: u32,
    resampler: Option<Resampler>,
    /// Where there are seams.
    join: Option<Join>,
    ready: VecDeque<Bytes>,
    scratch: Vec<Bytes>,
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
    /// Has an utterance admitted and waits for its first audio, at most as long as its deadline and `patience` allow.
    /// `account` is told how it ends, however it ends.
    pub async fn open(
        scheduler: &Arc<Scheduler>,
        utterance: Utterance,
        patience: std::time::Duration,
        mut account: Account,
    ) -> Result<Self, SpeechError> {
        let accepted = account.accepted();
        account.speak(utterance.main_engine(), &utterance.voice, utterance.skipped);
        let engines: Vec<String> = utterance.engines().into_iter().map(str::to_owned).collect();
        let admitted = scheduler.admit(&utterance.engines());
        let admission = match admitted {
            Ok(admission) => admission,
            Err(refusal) => {
                let error = SpeechError::Refused(refusal);
                account.fail(&error);
                return Err(error);
            }
        };
        let deadline = utterance.deadline.map(|deadline| Deadline::from_std(accepted + deadline));
        let patience = Deadline::from_std(accepted + patience);
        let mut stream = Self {
            scheduler: Arc::clone(scheduler),
            admission,
            utterance,
            engines,
            account,
            meter: Meter::new(accepted),
            deadline,
            part: 0,
            ticket: None,
            rate: 0,
            resampler: None,
            join: None,
            ready: VecDeque::new(),
            scratch: Vec::new(),
            ended: false,
        };
        let latest = deadline.unwrap_or(patience).min(patience);
        let begun = timeout_at(latest, stream.fill()).await.unwrap_or(Err(SpeechError::Deadline));
        begun.map_err(|error| stream.failed(error))?;
        if stream.ended && stream.ready.is_empty() {
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
        &self.utterance.voice
    }

    /// The next piece of PCM16, or `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, SpeechError>> {
        let asked = Instant::now();
        if self.ready.is_empty()
            && let Err(error) = self.fill().await
        {
            return Some(Err(self.failed(error)));
        }
        let Some(pcm) = self.ready.pop_front() else {
            let report = self.meter.report(self.rate);
            self.account.complete(&report);
            return None;
        };
        self.meter.handed_out(pcm.len(), self.rate, asked, Instant::now());
        Some(Ok(pcm))
    }

    /// All of the audio at once, encoded as it comes, and the account of it. The utterance's deadline holds until
    /// its end.
    pub async fn whole(mut self, encoder: &mut Encoder) -> Result<Spoken, SpeechError> {
        self.meter.nobody_listens_yet();
        let mut pieces = Vec::new();
        let mut pcm_bytes = 0;
        let deadline = self.deadline;
        let reading = async {
            while let Some(piece) = self.next().await {
                let pcm = piece?;
                pcm_bytes += pcm.len();
                pieces.push(encoder.push(pcm).await?);
            }
            pieces.push(encoder.finish().await?);
            Ok(())
        };
        let read = match deadline {
            Some(deadline) => timeout_at(deadline, reading).await.unwrap_or(Err(SpeechError::Deadline)),
            None => reading.await,
        };
        read.map_err(|error| self.failed(error))?;
        Ok(Spoken {
            pieces,
            pcm_bytes,
            report: self.meter.report(self.rate),
            skipped: self.account.skipped(),
        })
    }

    fn failed(&mut self, error: SpeechError) -> SpeechError {
        self.ended = true;
        self.ticket = None;
        self.account.fail(&error);
        error
    }

    /// Works until there is something to hand out, or nothing is left to speak.
    async fn fill(&mut self) -> Result<(), SpeechError> {
        while self.ready.is_empty() && !self.ended {
            let Some(part) = self.utterance.parts.get(self.part) else {
                if let Some(join) = &mut self.join {
                    join.finish(&mut self.scratch);
                }
                self.ready.extend(self.scratch.drain(..));
                self.ended = true;
                return Ok(());
            };
            let mut ticket = match self.ticket.take() {
                Some(ticket) => ticket,
                None => self.submit(part),
            };
            let event = self.listen(&mut ticket).await?;
            self.hear(event, ticket)?;
        }
        Ok(())
    }

    fn submit(&self, part: &Part) -> Ticket {
        let engine = &part.route.engine;
        let request = SynthesisRequest {
            text: part.text.clone(),
            voice: part.route.speaker.clone(),
            language: part.language.clone(),
            speed: self.utterance.speed,
            seed: self.utterance.seed,
            options: self.utterance.options_for(engine, self.scheduler.pools().engines()),
        };
        self.scheduler.submit(&self.admission, engine, self.utterance.priority, request)
    }

    async fn listen(&mut self, ticket: &mut Ticket) -> Result<SynthesisEvent, SpeechError> {
        if let Some(turn) = ticket.turn().await {
            let (rate, waited) = turn.map_err(SpeechError::Refused)?;
            self.meter.first_turn(waited);
            self.set_up(rate);
        }
        // A ticket whose turn came has events until it was told its end, and then it is asked no more.
        Ok(ticket.next().await.unwrap_or(SynthesisEvent::Failed(Failure::Cancelled)))
    }

    /// Prepares for a part whose worker speaks at `rate`.
    fn set_up(&mut self, rate: u32) {
        if self.rate == 0 {
            let known = self.engines.iter().filter_map(|engine| self.scheduler.pools().ready(engine));
            let highest = known.map(|ready| ready.sample_rate).fold(rate, u32::max);
            let wanted = self.utterance.sample_rate.unwrap_or(highest);
            self.rate = self.utterance.format.nearest_rate(wanted);
            if self.utterance.parts.len() > 1 {
                self.join = Some(Join::new(self.rate));
            }
        }
        self.resampler = if rate == self.rate { None } else { Resampler::new(rate, self.rate).ok() };
    }

    fn hear(&mut self, event: SynthesisEvent, ticket: Ticket) -> Result<(), SpeechError> {
        match event {
            SynthesisEvent::Audio(pcm) => {
                let pcm = match &mut self.resampler {
                    Some(resampler) => resampler.push(&pcm),
                    None => pcm,
                };
                self.pass_on(pcm);
                self.ticket = Some(ticket);
            }
            SynthesisEvent::Done(summary) => self.part_is_done(&summary),
            SynthesisEvent::Failed(Failure::Engine { code, .. })
                if code == "nothing_to_speak" && self.utterance.parts.len() > 1 =>
            {
                // A stretch that its engine cannot read does not fail what the others can.
                let part = self.utterance.parts.get(self.part);
                let skipped = part.map_or(0, |part| part.text.chars().filter(|c| !c.is_whitespace()).count());
                let skipped = u64::try_from(skipped).unwrap_or_default();
                self.part_is_done(&SynthesisSummary { samples: 0, timings: Timings::default(), skipped });
            }
            SynthesisEvent::Failed(failure) => {
                let engine = self.utterance.parts.get(self.part).map(|part| part.route.engine.clone());
                return Err(SpeechError::Failed { engine: engine.unwrap_or_default(), failure });
            }
        }
        Ok(())
    }

    fn part_is_done(&mut self, summary: &SynthesisSummary) {
        self.account.segment(summary);
        self.meter.synthesised(summary.timings.total_ms);
        if let Some(mut resampler) = self.resampler.take() {
            self.pass_on(resampler.finish());
        }
        if let (Some(join), Some(part)) = (&mut self.join, self.utterance.parts.get(self.part)) {
            join.end_segment(part.pause().at_speed(self.utterance.speed));
        }
        self.part += 1;
    }

    fn pass_on(&mut self, pcm: Bytes) {
        match &mut self.join {
            _ if pcm.is_empty() => {}
            Some(join) => {
                join.push(pcm, &mut self.scratch);
                self.ready.extend(self.scratch.drain(..).filter(|piece| !piece.is_empty()));
            }
            None => self.ready.push_back(pcm),
        }
    }
}
