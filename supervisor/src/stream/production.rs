//! One utterance being made: its segments' audio in order, brought to one rate and joined.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use ishowtts_workers::{Failure, SynthesisSummary, protocol::Timings};
use tokio::{sync::mpsc::UnboundedReceiver, time::sleep_until};

use super::SpeechError;
use crate::{
    schedule::{Heard, Refusal, Tickets, Turns},
    speech::{Join, Pause, Resampler},
    traces::{Branch, SegmentSpan},
    voices::Use,
};

/// A segment as it will come.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) engine: String,
    /// Samples per second of its engine.
    pub(super) rate: u32,
    /// Passed on only when it is complete, since its engine could not make the same samples again.
    pub(super) is_whole: bool,
    /// How long the voice rests behind it.
    pub(super) pause: Pause,
    /// The silence before it that was asked for, if it is the first one, in milliseconds.
    pub(super) lead_ms: u32,
    /// Characters of it that are not white space.
    pub(super) characters: u64,
    /// Its voice, where that was sent to us: it stays for as long as this is spoken.
    pub(super) _voice: Option<Arc<Use>>,
}

/// Further segments of a text that is still arriving.
#[derive(Debug)]
pub(super) struct More {
    pub(super) turns: Turns,
    pub(super) lines: Vec<Line>,
    /// The silence before them that was asked for, in milliseconds.
    pub(super) rest_ms: u32,
    /// Characters that were left out of the text before anybody saw it.
    pub(super) skipped: u64,
    /// When the text came.
    pub(super) at: Instant,
}

/// Where they come from; an error ends the text, and so does its end. No more of them wait than the text has clauses,
/// and its length is limited.
pub(super) type Inflow = UnboundedReceiver<Result<More, SpeechError>>;

/// How much has come of a segment that may have to be made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Taken {
    bytes: usize,
    /// Of those, what comes once more and was passed on already.
    repeated: usize,
}

impl Taken {
    /// It is made again from its first sample.
    fn again(&mut self) {
        self.repeated = self.bytes;
    }

    /// What of the next piece was not there before.
    fn new_part(&mut self, mut pcm: Bytes) -> Bytes {
        let known = self.repeated.min(pcm.len());
        self.repeated -= known;
        let new = pcm.split_off(known);
        self.bytes += new.len();
        new
    }
}

/// What it came to so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    /// Time that workers spent.
    pub(super) synthesis: Duration,
    /// From being let in to the first segment's turn.
    pub(super) queue_wait: Duration,
    /// Characters that the engines left out.
    pub(super) skipped: u64,
    /// When text came last for which this had waited.
    pub(super) text_came: Option<Instant>,
}

/// An utterance being made. It works while it is asked for its next piece; what workers send meanwhile waits.
#[derive(Debug)]
pub(super) struct Production {
    tickets: Tickets,
    lines: VecDeque<Line>,
    /// Where further text comes from, until its end.
    inflow: Option<Inflow>,
    is_single: bool,
    /// Nothing is handed out before; known once the first piece is there.
    starts: Option<Instant>,
    rate: u32,
    resampler: Option<Resampler>,
    /// Where there are seams.
    join: Option<Join>,
    /// Audio of a segment that is passed on whole.
    held: Vec<Bytes>,
    /// What has come of the present segment.
    taken: Taken,
    ready: VecDeque<Bytes>,
    scratch: Vec<Bytes>,
    began: bool,
    ended: bool,
    /// Where its segments are traced, by their numbers, if they are.
    branch: Branch,
    number: usize,
    span: SegmentSpan,
    pub(super) totals: Totals,
}

impl Production {
    /// Of segments that have these tickets, at least one, at a rate of so many samples a second. More may come by
    /// `inflow`.
    pub(super) fn new(
        tickets: Tickets,
        lines: VecDeque<Line>,
        rate: u32,
        inflow: Option<Inflow>,
        branch: Branch,
    ) -> Self {
        let is_single = lines.len() == 1 && inflow.is_none();
        let lead_ms = lines.front().map_or(0, |line| line.lead_ms);
        let has_rests = lead_ms > 0 || lines.iter().any(|line| line.pause.is_exact());
        let mut join = (!is_single || has_rests).then(|| Join::new(rate));
        if let Some(join) = join.as_mut().filter(|_| lead_ms > 0) {
            join.begin_with(lead_ms);
        }
        Self {
            tickets,
            is_single,
            join,
            lines,
            inflow,
            starts: None,
            rate,
            resampler: None,
            held: Vec::new(),
            taken: Taken::default(),
            ready: VecDeque::new(),
            scratch: Vec::new(),
            began: false,
            ended: false,
            branch,
            number: 0,
            span: SegmentSpan::default(),
            totals: Totals::default(),
        }
    }

    /// The next piece of PCM16, or `None` at the end. Safe to cancel.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, SpeechError>> {
        loop {
            if !self.ready.is_empty() {
                let starts = *self.starts.get_or_insert_with(|| self.tickets.begin());
                if starts > Instant::now() {
                    sleep_until(starts.into()).await;
                }
                return self.ready.pop_front().map(Ok);
            }
            if self.ended {
                return None;
            }
            if self.lines.is_empty() && self.inflow.is_some() {
                if let Err(error) = self.more().await {
                    self.ended = true;
                    return Some(Err(error));
                }
                continue;
            }
            if self.lines.is_empty() {
                self.ended = true;
                if let Some(join) = &mut self.join {
                    join.finish(&mut self.scratch);
                }
                self.ready.extend(self.scratch.drain(..).filter(|piece| !piece.is_empty()));
                continue;
            }
            if let Err(error) = self.step().await {
                self.ended = true;
                return Some(Err(error));
            }
        }
    }

    /// Takes in further text when all there was has been spoken, or that there is none. Safe to cancel.
    async fn more(&mut self) -> Result<(), SpeechError> {
        let Some(inflow) = &mut self.inflow else { return Ok(()) };
        let is_here = !inflow.is_empty();
        let Some(more) = inflow.recv().await else {
            self.inflow = None;
            return Ok(());
        };
        let More { turns, lines, rest_ms, skipped, at } = more?;
        if let Some(join) = self.join.as_mut().filter(|_| rest_ms > 0) {
            join.rest(rest_ms);
        }
        self.tickets.extend(turns);
        self.lines.extend(lines);
        self.totals.skipped += skipped;
        if !is_here {
            self.totals.text_came = Some(at);
        }
        Ok(())
    }

    /// Takes in one event of the present segment.
    async fn step(&mut self) -> Result<(), SpeechError> {
        if let Some(turn) = self.tickets.turn().await {
            let waited = turn?;
            if !std::mem::replace(&mut self.began, true) {
                self.totals.queue_wait = waited;
            }
            self.taken = Taken::default();
            self.trace_segment(waited);
            self.begin_segment()?;
        }
        // A segment whose turn came has events until it was told its end; then the next one is asked.
        let heard = self.tickets.next().await.ok_or(SpeechError::Refused(Refusal::Draining))?;
        self.hear(heard)
    }

    fn trace_segment(&mut self, waited: Duration) {
        if let (Some(line), Some(turned)) = (self.lines.front(), self.tickets.turned()) {
            self.branch.queued(self.number, &line.engine, waited, turned);
            self.span = self.branch.segment(self.number, &line.engine, line.characters, turned);
            self.number += 1;
        }
    }

    fn begin_segment(&mut self) -> Result<(), SpeechError> {
        let rate = self.lines.front().map_or(self.rate, |line| line.rate);
        self.resampler = Resampler::between(rate, self.rate)?;
        Ok(())
    }

    fn hear(&mut self, heard: Heard) -> Result<(), SpeechError> {
        if matches!(heard, Heard::Anew) {
            self.span.again();
        }
        match heard {
            Heard::Anew if self.lines.front().is_some_and(|line| line.is_whole) => {
                // Nobody has heard any of it: it is simply made again.
                self.held.clear();
                self.begin_segment()?;
            }
            // What its listeners have heard comes once more, sample for sample.
            Heard::Anew => self.taken.again(),
            Heard::Audio(pcm) => {
                let pcm = self.taken.new_part(pcm);
                let pcm = match &mut self.resampler {
                    Some(resampler) => resampler.push(&pcm),
                    None => pcm,
                };
                if self.lines.front().is_some_and(|line| line.is_whole) {
                    self.held.push(pcm);
                } else {
                    self.pass_on(pcm);
                }
            }
            Heard::Done(summary) => self.segment_is_done(&summary),
            Heard::Failed(Failure::Engine { code, .. }) if code == "nothing_to_speak" && !self.is_single => {
                // A stretch that its engine cannot read does not fail what the others can.
                let skipped = self.lines.front().map_or(0, |line| line.characters);
                self.segment_is_done(&SynthesisSummary { samples: 0, timings: Timings::default(), skipped });
            }
            Heard::Failed(failure) => {
                let engine = self.lines.front().map(|line| line.engine.clone()).unwrap_or_default();
                return Err(self.ends_with(SpeechError::Failed { engine, failure }));
            }
            Heard::Refused(refusal) => return Err(self.ends_with(refusal.into())),
            Heard::Late(failure, waited) => {
                return Err(self.ends_with(SpeechError::NobodyCame { failure, waited }));
            }
        }
        Ok(())
    }

    fn ends_with(&mut self, error: SpeechError) -> SpeechError {
        self.span.failed(&error.to_string());
        error
    }

    fn segment_is_done(&mut self, summary: &SynthesisSummary) {
        let spent = Duration::try_from_secs_f64(summary.timings.total_ms / 1000.0).unwrap_or_default();
        self.span.done(spent);
        self.totals.synthesis += spent;
        self.totals.skipped += summary.skipped;
        for pcm in std::mem::take(&mut self.held) {
            self.pass_on(pcm);
        }
        if let Some(mut resampler) = self.resampler.take() {
            self.pass_on(resampler.finish());
        }
        if let (Some(line), Some(join)) = (self.lines.pop_front(), &mut self.join) {
            join.end_segment(line.pause);
        }
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
