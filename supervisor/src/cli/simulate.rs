//! `ishowtts bench --simulate`: the scheduler under simulated time, beside others.

use std::{
    error::Error,
    io::{self, IsTerminal},
    num::NonZeroUsize,
    path::Path,
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::bench::write;
use crate::simulate::{Decider, Load, Readers, Report, simulate};

const HEADING: &str = "Simulation";
/// With `--streams`: what paced readers hold is less than what they hear, and loads swing.
const ROOM_FOR_STREAMS: f64 = 1.5;
const WORKERS: usize = 2;
const SECONDS: Duration = Duration::from_mins(2);
/// Streams are all there when the longest text has been heard.
const SECONDS_FOR_STREAMS: Duration = Duration::from_secs(40);
const LOADS: [f64; 5] = [0.5, 0.8, 1.0, 1.5, 3.0];

/// What is simulated.
#[derive(Clone, Debug, Args)]
pub(super) struct Simulated {
    /// Ask no server: play the scheduler with synthetic engines and listeners, beside plain queues
    #[arg(long, help_heading = HEADING, conflicts_with_all = [
        "server", "api", "model", "voice", "format", "sample_rate", "stream", "concurrency", "play", "rate",
        "max_in_flight", "requests", "duration", "timeout", "texts", "text", "engine_options", "header", "assert",
    ])]
    pub(super) simulate: bool,
    /// Workers; 2 if neither this nor `--streams` is given
    #[arg(long, value_name = "N", requires = "simulate", help_heading = HEADING)]
    workers: Option<NonZeroUsize>,
    /// As many workers as it takes to have so many streams at once, at a load of 1 for 40 s
    #[arg(long, value_name = "N", requires = "simulate", conflicts_with = "workers", help_heading = HEADING)]
    streams: Option<NonZeroUsize>,
    /// Seconds that a worker needs for a second of audio
    #[arg(long, value_name = "R", default_value = "0.1", requires = "simulate", value_parser = rtf, help_heading = HEADING)]
    rtf: f64,
    /// Audio that is asked for, as multiples of what all workers can make
    #[arg(long, value_name = "L", value_delimiter = ',', requires = "simulate", value_parser = multiple, help_heading = HEADING)]
    load: Vec<f64>,
    /// How long requests come, in seconds of simulated time
    #[arg(long, value_name = "S", requires = "simulate", value_parser = super::args::seconds, help_heading = HEADING)]
    seconds: Option<Duration>,
    /// Clients that requests come from
    #[arg(long, value_name = "N", default_value = "20", requires = "simulate", value_parser = clap::value_parser!(u64).range(1..), help_heading = HEADING)]
    clients: u64,
    /// How listeners read
    #[arg(long, value_enum, default_value_t = Readers::Paced, requires = "simulate", help_heading = HEADING)]
    readers: Readers,
    /// Largest error of the costs that the scheduler is told, as a share
    #[arg(long, value_name = "E", default_value = "0", requires = "simulate", value_parser = share, help_heading = HEADING)]
    cost_error: f64,
    /// Whoever is refused comes back when it was told to, up to 20 times; else it gives up
    #[arg(long, requires = "simulate", help_heading = HEADING)]
    come_back: bool,
}

impl Simulated {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a number of workers"
    )]
    fn machine(&self, seed: u64) -> Load {
        let enough = |streams: NonZeroUsize| {
            let workers = streams.get() as f64 * self.rtf * ROOM_FOR_STREAMS;
            (workers.ceil() as usize).max(1)
        };
        let usual = if self.streams.is_some() { SECONDS_FOR_STREAMS } else { SECONDS };
        Load {
            workers: self.streams.map(enough).or(self.workers.map(NonZeroUsize::get)).unwrap_or(WORKERS),
            rtf: self.rtf,
            length: self.seconds.unwrap_or(usual),
            clients: self.clients,
            readers: self.readers,
            cost_error: self.cost_error,
            come_back: self.come_back,
            seed,
        }
    }

    fn loads(&self) -> Vec<f64> {
        match (self.load.is_empty(), self.streams) {
            (false, _) => self.load.clone(),
            (true, Some(_)) => vec![1.0],
            (true, None) => LOADS.to_vec(),
        }
    }
}

/// Runs every discipline under every load.
pub(super) fn run(given: &Simulated, seed: u64, json: Option<&Path>) -> Result<ExitCode, Box<dyn Error>> {
    let (machine, loads) = (given.machine(seed), given.loads());
    let bar = progress(&machine, loads.len() * Decider::ALL.len());
    let mut figures = Vec::new();
    for &load in &loads {
        for decider in Decider::ALL {
            bar.set_message(format!("load {load}, {}", decider.name()));
            figures.push(simulate(&machine, load, decider, &mut || bar.inc(1)));
        }
    }
    bar.finish_and_clear();
    let report = Report { machine: &machine, figures: &figures };
    write(&report.to_string(), &report.json(), json)?;
    Ok(ExitCode::SUCCESS)
}

/// How many simulated seconds have passed, on a terminal.
fn progress(machine: &Load, runs: usize) -> ProgressBar {
    let seconds = machine.length.as_secs_f64().ceil();
    let bar = ProgressBar::new(Duration::from_secs_f64(seconds).as_secs() * u64::try_from(runs).unwrap_or(1));
    if io::stderr().is_terminal() {
        let style = ProgressStyle::with_template("{elapsed:>3} {bar:30} {pos}/{len} s simulated, {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(120));
    } else {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}

fn within(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("it must be a number from {least} to {most}"))
}

fn rtf(text: &str) -> Result<f64, String> {
    within(text, 0.001, 10.0)
}

fn multiple(text: &str) -> Result<f64, String> {
    within(text, 0.01, 100.0)
}

fn share(text: &str) -> Result<f64, String> {
    within(text, 0.0, 0.9)
}
