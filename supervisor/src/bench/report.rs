//! A run for people, as a table, and for machines, as JSON.

use std::fmt;

use serde_json::{Map, Value, json};

use super::{
    assertion::Assertion,
    figures::{Figures, Measure, RANKS},
    options::{Api, Load, Options},
};
use crate::VERSION;

/// A run, its figures, and what they had to be.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// What the run was.
    pub options: &'a Options,
    /// What it came to.
    pub figures: &'a Figures,
    /// What it must come to.
    pub assertions: &'a [Assertion],
    /// Whether it was stopped before its end.
    pub interrupted: bool,
}

impl Report<'_> {
    /// Whether every assertion holds.
    pub fn holds(&self) -> bool {
        self.assertions.iter().all(|assertion| assertion.check(self.figures).1)
    }

    /// For machines: version, options, every figure by its name, what went wrong, and the assertions.
    pub fn json(&self) -> Value {
        let figures: Map<String, Value> =
            self.figures.all().into_iter().map(|(name, value)| (name, json!(value))).collect();
        let assertions: Vec<Value> = self
            .assertions
            .iter()
            .map(|assertion| {
                let (value, holds) = assertion.check(self.figures);
                json!({ "assertion": assertion.to_string(), "value": value, "holds": holds })
            })
            .collect();
        json!({
            "version": VERSION,
            "options": options(self.options),
            "interrupted": self.interrupted,
            "figures": figures,
            "trouble": self.figures.trouble,
            "assertions": assertions,
        })
    }

    fn requests(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (figures, counts) = (self.figures, &self.figures.counts);
        write!(f, "{:<15}{} sent: {} ok", "requests", counts.sent(), counts.complete)?;
        for (count, name) in [
            (counts.rejected, "rejected"),
            (counts.incomplete, "incomplete"),
            (counts.failed, "errors"),
            (counts.interrupted, "interrupted"),
        ] {
            if count > 0 {
                write!(f, ", {count} {name}")?;
            }
        }
        writeln!(f, "; {:.1} s", figures.elapsed.as_secs_f64())?;
        for (trouble, count) in &figures.trouble {
            writeln!(f, "{:<15}{count} × {trouble}", "")?;
        }
        if counts.not_sent > 0 {
            let told = "more not sent: too many under way, so the rate was less than asked for";
            writeln!(f, "{:<15}{} {told}", "", counts.not_sent)?;
        }
        Ok(())
    }

    fn rates(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |name: &str| self.figures.get(name).unwrap_or_default();
        let (requests, audio) = (value("requests_per_s"), value("audio_s_per_s"));
        writeln!(f, "{:<15}{requests:.2} requests/s, {audio:.2} s of audio per second", "throughput")?;
        // Cut, not rounded: 100 % is said only of all.
        let cut = |share: f64| (share * 100.0).floor() / 100.0;
        let continuity = self.figures.continuity.iter();
        let shares: Vec<String> = continuity
            .filter_map(|(limit, share)| share.map(|share| format!("C{limit} {} %", cut(share))))
            .collect();
        if shares.is_empty() {
            return Ok(());
        }
        writeln!(f, "{:<15}{}", "continuity", shares.join(", "))
    }

    fn spreads(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.figures.spreads.is_empty() {
            return Ok(());
        }
        write!(f, "\n{:<15}", "")?;
        RANKS.iter().try_for_each(|rank| write!(f, "{rank:>11}"))?;
        writeln!(f)?;
        for (measure, spread) in &self.figures.spreads {
            let (name, decimals) = shown(*measure);
            write!(f, "{name:<15}")?;
            spread.ranks().iter().try_for_each(|value| write!(f, "{value:>11.decimals$}"))?;
            writeln!(f)?;
        }
        Ok(())
    }

    fn verdicts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.assertions.is_empty() {
            writeln!(f)?;
        }
        for assertion in self.assertions {
            let (value, holds) = assertion.check(self.figures);
            let verdict = if holds { "holds" } else { "FAILS" };
            let value = value.map_or_else(|| "not measured".to_owned(), |value| format!("it is {value:.4}"));
            writeln!(f, "{verdict}  {assertion}  ({value})")?;
        }
        Ok(())
    }
}

/// For people: a table of several lines.
impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", headline(self.options))?;
        if self.interrupted {
            writeln!(f, "Interrupted: what follows is of the requests until then.")?;
        }
        writeln!(f)?;
        self.requests(f)?;
        self.rates(f)?;
        self.spreads(f)?;
        self.verdicts(f)
    }
}

/// A measure's line in the table: name and decimals.
fn shown(measure: Measure) -> (&'static str, usize) {
    match measure {
        Measure::Ttfa => ("TTFA, ms", 1),
        Measure::Latency => ("latency, ms", 1),
        Measure::Rtf => ("RTF", 3),
        Measure::ServerRtf => ("server's RTF", 3),
        Measure::QueueWait => ("queue wait, ms", 1),
        Measure::Underrun => ("underrun, ms", 1),
        Measure::Audio => ("audio, ms", 0),
        Measure::RetryAfter => ("retry after, s", 0),
        Measure::Late => ("sent late, ms", 1),
    }
}

fn headline(options: &Options) -> String {
    let load = match options.load {
        Load::Closed { clients: 1, play } => format!("one client{}", if play { " that listens" } else { "" }),
        Load::Closed { clients, play } => {
            format!("{clients} clients{}", if play { " that listen" } else { "" })
        }
        Load::Open { rate, .. } => format!("{rate} requests/s at random"),
    };
    let (api, format) = (api(options.api), options.format.name());
    let how = if options.stream { "streamed" } else { "buffered" };
    let (server, texts) = (&options.server, options.texts.len());
    format!("{server} · {api} · {format}, {how} · {load} · {texts} texts")
}

/// The options as they were, but for secrets.
fn options(options: &Options) -> Value {
    let (clients, play, rate, most) = match options.load {
        Load::Closed { clients, play } => (Some(clients), Some(play), None, None),
        Load::Open { rate, max_in_flight } => (None, None, Some(rate), Some(max_in_flight)),
    };
    let headers: Vec<&str> = options.headers.iter().map(|header| header.name.as_str()).collect();
    json!({
        "server": options.server.as_str(),
        "api": api(options.api),
        "model": (options.api == Api::Openai).then_some(&options.model),
        "voice": options.voice,
        "format": options.format.name(),
        "sample_rate": options.sample_rate,
        "stream": options.stream,
        "engine_options": options.further,
        "headers": headers,
        "timeout_s": options.timeout.as_secs_f64(),
        "concurrency": clients,
        "play": play,
        "rate": rate,
        "max_in_flight": most,
        "requests": options.requests,
        "duration_s": options.duration.map(|duration| duration.as_secs_f64()),
        "texts": options.texts.len(),
        "seed": options.seed,
    })
}

fn api(api: Api) -> &'static str {
    match api {
        Api::Tts => "tts",
        Api::Openai => "openai",
    }
}
