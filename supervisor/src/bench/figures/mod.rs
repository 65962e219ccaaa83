//! Records → figures. Percentiles are exact: every value is kept and sorted.

use std::{collections::BTreeMap, time::Duration};

use super::record::{Outcome, Record};
use crate::stream::milliseconds;

/// Everything that a run comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Requests by how they ended.
    pub counts: Counts,
    /// From the first request's sending to the last one's end.
    pub elapsed: Duration,
    /// Audio of the complete answers.
    pub audio: Duration,
    /// What was measured of each request.
    pub spreads: BTreeMap<Measure, Spread>,
    /// Percent of streams whose worst underrun is at most so many milliseconds; `None` without streams.
    pub continuity: [(u32, Option<f64>); 3],
    /// What went wrong, and how often.
    pub trouble: BTreeMap<String, u64>,
}

/// Requests by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// With all of their audio.
    pub complete: u64,
    /// Begun, and ended too soon.
    pub incomplete: u64,
    /// 429 or 503.
    pub rejected: u64,
    /// In any other way.
    pub failed: u64,
    /// Under way when the run was stopped.
    pub interrupted: u64,
    /// Left out because too many were under way.
    pub not_sent: u64,
}

impl Counts {
    /// Requests that were sent.
    pub fn sent(&self) -> u64 {
        self.complete + self.incomplete + self.rejected + self.failed + self.interrupted
    }
}

/// What is measured of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// From sending to the first byte of audio.
    Ttfa,
    /// From sending to the last byte.
    Latency,
    /// Latency over length of the audio.
    Rtf,
    /// The server's own account of it.
    ServerRtf,
    /// How long the server says that it waited for a worker.
    QueueWait,
    /// A player's longest silence.
    Underrun,
    /// Length of the audio.
    Audio,
    /// How long a rejected client is to stay away.
    RetryAfter,
    /// How much later than planned a request was sent.
    Late,
}

impl Measure {
    /// Every one, in the order of reports.
    pub const ALL: [Self; 9] = [
        Self::Ttfa,
        Self::Latency,
        Self::Rtf,
        Self::ServerRtf,
        Self::QueueWait,
        Self::Underrun,
        Self::Audio,
        Self::RetryAfter,
        Self::Late,
    ];

    /// Its name in assertions and JSON, with its unit.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ttfa => "ttfa_ms",
            Self::Latency => "latency_ms",
            Self::Rtf => "rtf",
            Self::ServerRtf => "server_rtf",
            Self::QueueWait => "queue_wait_ms",
            Self::Underrun => "underrun_ms",
            Self::Audio => "audio_ms",
            Self::RetryAfter => "retry_after_s",
            Self::Late => "late_ms",
        }
    }

    fn of(self, record: &Record) -> Option<f64> {
        let heard = match &record.outcome {
            Outcome::Complete(heard) => Some(heard),
            Outcome::Rejected { retry_after, .. } if self == Self::RetryAfter => {
                return retry_after.map(|wait| wait.as_secs_f64());
            }
            _ => None,
        };
        match self {
            Self::Ttfa => heard.map(|heard| milliseconds(heard.ttfa)),
            Self::Latency => heard.map(|_| milliseconds(record.latency)),
            Self::Rtf => heard.map(|heard| record.latency.as_secs_f64() / heard.audio.as_secs_f64()),
            Self::ServerRtf => heard.and(record.server_rtf),
            Self::QueueWait => heard.and(record.queue_wait).map(milliseconds),
            Self::Underrun => heard.and_then(|heard| heard.underrun).map(milliseconds),
            Self::Audio => heard.map(|heard| milliseconds(heard.audio)),
            Self::RetryAfter => None,
            Self::Late => record.late.map(milliseconds),
        }
    }
}

/// How many values spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Half of them are at most this.
    pub p50: f64,
    /// 95 of 100 are at most this.
    pub p95: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
    /// All are at most this.
    pub worst: f64,
}

impl Spread {
    /// Of at least one value.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        // Nearest rank: the least value that so many percent of all do not exceed.
        let at = |percent: usize| values.get((values.len() * percent).div_ceil(100).checked_sub(1)?).copied();
        Some(Self { p50: at(50)?, p95: at(95)?, p99: at(99)?, worst: at(100)? })
    }

    /// Its values by the end of their names.
    pub fn ranks(&self) -> [f64; 4] {
        [self.p50, self.p95, self.p99, self.worst]
    }
}

/// The ends of the names of a spread's values.
pub(super) const RANKS: [&str; 4] = ["p50", "p95", "p99", "worst"];
const LIMITS_MS: [u32; 3] = [50, 100, 200];

impl Figures {
    /// Of a run that took so long.
    pub fn of(records: &[Record], not_sent: u64, elapsed: Duration) -> Self {
        let mut figures = Self { elapsed, ..Self::default() };
        figures.counts.not_sent = not_sent;
        for record in records {
            let counts = &mut figures.counts;
            match &record.outcome {
                Outcome::Complete(heard) => {
                    counts.complete += 1;
                    figures.audio += heard.audio;
                }
                Outcome::Incomplete(_) => counts.incomplete += 1,
                Outcome::Rejected { .. } => counts.rejected += 1,
                Outcome::Failed(_) => counts.failed += 1,
                Outcome::Interrupted => counts.interrupted += 1,
            }
            if let Some(trouble) = record.trouble() {
                *figures.trouble.entry(trouble.to_owned()).or_default() += 1;
            }
        }
        let values = |measure: Measure| records.iter().filter_map(|record| measure.of(record)).collect();
        let spreads = Measure::ALL.iter().filter_map(|&kind| Some((kind, Spread::of(values(kind))?)));
        figures.spreads = spreads.collect();
        let underruns: Vec<f64> = values(Measure::Underrun);
        figures.continuity = LIMITS_MS.map(|limit| {
            // A stream that broke off was not continuous, whatever came before.
            let within = underruns.iter().filter(|underrun| **underrun <= f64::from(limit)).count();
            let began = number(underruns.len()) + number(figures.counts.incomplete);
            (limit, (!underruns.is_empty()).then(|| 100.0 * number(within) / began))
        });
        figures
    }

    /// The figure of a name, if there is one and there was something to measure.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.all().into_iter().find(|(known, _)| known == name)?.1
    }

    /// Every figure by its name in assertions and JSON; `None` where there was nothing to measure.
    pub fn all(&self) -> Vec<(String, Option<f64>)> {
        let counts = &self.counts;
        let seconds = self.elapsed.as_secs_f64();
        let a_second = |amount: f64| (seconds > 0.0).then(|| amount / seconds);
        let percent = |count: u64| (counts.sent() > 0).then(|| 100.0 * number(count) / number(counts.sent()));
        let single = [
            ("requests", Some(number(counts.sent()))),
            ("ok", Some(number(counts.complete))),
            ("rejected", Some(number(counts.rejected))),
            ("incomplete", Some(number(counts.incomplete))),
            ("errors", Some(number(counts.failed))),
            ("interrupted", Some(number(counts.interrupted))),
            ("not_sent", Some(number(counts.not_sent))),
            ("ok_percent", percent(counts.complete)),
            ("rejected_percent", percent(counts.rejected)),
            ("elapsed_s", Some(seconds)),
            ("audio_s", Some(self.audio.as_secs_f64())),
            ("requests_per_s", a_second(number(counts.complete))),
            ("audio_s_per_s", a_second(self.audio.as_secs_f64())),
        ];
        let single = single.into_iter().map(|(name, value)| (name.to_owned(), value));
        let spread = Measure::ALL.into_iter().flat_map(|measure| {
            let values = self.spreads.get(&measure).map(Spread::ranks);
            RANKS.into_iter().enumerate().map(move |(at, rank)| {
                let value = values.and_then(|values| values.get(at).copied());
                (format!("{}_{rank}", measure.name()), value)
            })
        });
        let continuity = LIMITS_MS.into_iter().zip(self.continuity);
        let continuity = continuity.map(|(limit, (_, share))| (format!("c{limit}"), share));
        single.chain(spread).chain(continuity).collect()
    }
}

/// A count as a figure; no run comes near 2³².
fn number(count: impl TryInto<u32>) -> f64 {
    count.try_into().map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests;
