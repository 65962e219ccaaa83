//! `ishowtts bench`: load on a server, and what came of it.

use std::{
    error::Error,
    fs,
    io::{self, IsTerminal, Write},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{MISUSE, args::Bench, complain_line, simulate};
use crate::bench::{Assertion, Figures, Load, Options, Outcome, Record, Report, drive};

/// Requests of a run that nobody told when to end.
const USUAL_REQUESTS: u64 = 100;
/// Exit code of a run that was stopped by ^C: 128 and the number of the signal.
const INTERRUPTED: u8 = 130;

/// Runs it. The exit code is 1 when an assertion does not hold or no request was answered with audio.
pub(super) async fn run(given: Bench) -> Result<ExitCode, Box<dyn Error>> {
    if given.simulated.simulate {
        return simulate::run(&given.simulated, given.seed, given.json.as_deref());
    }
    let (json, assertions) = (given.json.clone(), given.assert.clone());
    let options = match options(given) {
        Ok(options) => options,
        Err(problem) => {
            complain_line(&format!("ishowtts: {problem}"));
            return Ok(ExitCode::from(MISUSE));
        }
    };
    let stop = CancellationToken::new();
    tokio::spawn({
        let stop = stop.clone();
        async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.cancel();
            }
        }
    });
    let mut progress = Progress::start(&options);
    let run = drive(&options, &stop, &mut |record| progress.note(record)).await?;
    progress.bar.finish_and_clear();
    let figures = Figures::of(&run.records, run.not_sent, run.elapsed);
    let interrupted = stop.is_cancelled();
    let report = Report { options: &options, figures: &figures, assertions: &assertions, interrupted };
    tell(&report, json.as_deref(), &assertions)?;
    Ok(if !report.holds() || (figures.counts.complete == 0 && !interrupted) {
        ExitCode::FAILURE
    } else if interrupted {
        ExitCode::from(INTERRUPTED)
    } else {
        ExitCode::SUCCESS
    })
}

fn tell(report: &Report<'_>, json: Option<&Path>, assertions: &[Assertion]) -> Result<(), Box<dyn Error>> {
    write(&report.to_string(), &report.json(), json)?;
    let failed = assertions.iter().filter(|assertion| !assertion.check(report.figures).1).count();
    if failed > 0 {
        complain_line(&format!("ishowtts: {failed} of {} assertions failed", assertions.len()));
    }
    Ok(())
}

/// The table for whoever looks, the document where it is wanted.
pub(super) fn write(table: &str, document: &Value, json: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let document = format!("{document:#}\n");
    match json {
        // Standard output is the machine's then.
        Some(path) if path.as_os_str() == "-" => {
            io::stderr().write_all(table.as_bytes())?;
            io::stdout().write_all(document.as_bytes())?;
        }
        Some(path) => {
            io::stdout().write_all(table.as_bytes())?;
            fs::write(path, document)
                .map_err(|error| format!("could not write {}: {error}", path.display()))?;
        }
        None => io::stdout().write_all(table.as_bytes())?,
    }
    Ok(())
}

/// Arguments → what a run is to be.
fn options(given: Bench) -> Result<Options, String> {
    let texts = match &given.text {
        None => given.texts.texts(),
        Some(path) => {
            let text = fs::read_to_string(path)
                .map_err(|error| format!("could not read {}: {error}", path.display()))?;
            let lines: Vec<String> =
                text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
            if lines.is_empty() {
                return Err(format!("{} has no text", path.display()));
            }
            lines
        }
    };
    let load = match given.rate {
        Some(rate) => Load::Open { rate, max_in_flight: given.max_in_flight.get() },
        None => Load::Closed { clients: given.concurrency.get(), play: given.play },
    };
    let endless = given.requests.is_none() && given.duration.is_none();
    Ok(Options {
        server: given.server,
        api: given.api,
        model: given.model,
        voice: given.voice,
        format: given.format,
        sample_rate: given.sample_rate,
        stream: given.stream,
        further: given.engine_options.unwrap_or_default(),
        headers: given.header,
        timeout: given.timeout,
        load,
        requests: given.requests.or(endless.then_some(USUAL_REQUESTS)),
        duration: given.duration,
        texts,
        seed: given.seed,
    })
}

/// How far the run is, on a terminal.
struct Progress {
    bar: ProgressBar,
    complete: u64,
    rejected: u64,
    failed: u64,
}

impl Progress {
    fn start(options: &Options) -> Self {
        let template = match (options.requests, options.duration) {
            (Some(_), _) => "{elapsed:>3} {bar:30} {pos}/{len} {wide_msg}".to_owned(),
            (None, duration) => {
                let seconds = duration.unwrap_or_default().as_secs();
                format!("{{spinner}} {{elapsed:>3}} of {seconds}s {{wide_msg}}")
            }
        };
        let bar = options.requests.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        if io::stderr().is_terminal() {
            let style = ProgressStyle::with_template(&template);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(120));
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { bar, complete: 0, rejected: 0, failed: 0 }
    }

    fn note(&mut self, record: &Record) {
        match record.outcome {
            Outcome::Complete(_) => self.complete += 1,
            Outcome::Rejected { .. } => self.rejected += 1,
            Outcome::Incomplete(_) | Outcome::Failed(_) => self.failed += 1,
            Outcome::Interrupted => {}
        }
        self.bar.inc(1);
        self.bar
            .set_message(format!("{} ok, {} rejected, {} failed", self.complete, self.rejected, self.failed));
    }
}
