//! Arguments of `bench`.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::Args as ClapArgs;
use reqwest::Url;
use serde_json::{Map, Value};

use super::object;
use crate::{
    bench::{Api, Assertion, Header, TextSet},
    cli::simulate::Simulated,
    speech::Format,
};

/// Who asks for what, when and how often, and what has to come of it.
#[derive(Clone, Debug, ClapArgs)]
pub(in crate::cli) struct Bench {
    /// The server
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:27121", value_parser = server)]
    pub(in crate::cli) server: Url,
    /// What the server speaks
    #[arg(long, value_enum, default_value_t = Api::Tts)]
    pub(in crate::cli) api: Api,
    /// Model to ask for, with `--api openai`
    #[arg(long, default_value = "tts-1")]
    pub(in crate::cli) model: String,
    /// Voice; else the server chooses (`alloy` with `--api openai`)
    #[arg(long)]
    pub(in crate::cli) voice: Option<String>,
    /// What the audio comes as: wav or pcm
    #[arg(long, default_value = "wav", value_parser = format)]
    pub(in crate::cli) format: Format,
    /// Samples per second to ask for; with `--api openai`, what bare samples have if the answer does not tell
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(1..=768_000))]
    pub(in crate::cli) sample_rate: Option<u32>,
    /// Ask for audio as it is made, and measure what a player would hear; else for whole files
    #[arg(long)]
    pub(in crate::cli) stream: bool,
    /// Closed loop: so many clients, each asking again when it has its answer
    #[arg(long, value_name = "N", default_value = "1")]
    pub(in crate::cli) concurrency: NonZeroUsize,
    /// Closed loop: each client hears its stream to the end before it asks again
    #[arg(long, requires = "stream", conflicts_with = "rate")]
    pub(in crate::cli) play: bool,
    /// Open loop: requests per second on average, at random moments, whatever became of those before
    #[arg(long, value_name = "R", conflicts_with = "concurrency", value_parser = rate)]
    pub(in crate::cli) rate: Option<f64>,
    /// Open loop: leave a request out while so many are under way
    #[arg(long, value_name = "N", default_value = "500", requires = "rate")]
    pub(in crate::cli) max_in_flight: NonZeroUsize,
    /// End after so many requests; 100 if neither this nor `--duration` is given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(in crate::cli) requests: Option<u64>,
    /// Begin no request after so many seconds; those under way are waited for
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(in crate::cli) duration: Option<Duration>,
    /// Longest time for one request, in seconds
    #[arg(long, value_name = "S", default_value = "120", value_parser = seconds)]
    pub(in crate::cli) timeout: Duration,
    /// Which of the built-in texts to ask for
    #[arg(long, value_enum, default_value_t = TextSet::Mixed)]
    pub(in crate::cli) texts: TextSet,
    /// A file of texts instead, one a line
    #[arg(long, value_name = "FILE", conflicts_with = "texts")]
    pub(in crate::cli) text: Option<PathBuf>,
    /// Decides the order of the texts and the moments of arrivals: the same seed, the same load
    #[arg(long, default_value_t = 1)]
    pub(in crate::cli) seed: u64,
    /// `engine_options` of each request, a JSON object; with `--api openai`, further fields of its body
    #[arg(long, value_name = "JSON", value_parser = object)]
    pub(in crate::cli) engine_options: Option<Map<String, Value>>,
    /// A header of each request; repeatable
    #[arg(long, value_name = "NAME:VALUE")]
    pub(in crate::cli) header: Vec<Header>,
    /// Write everything as JSON; `-` is standard output, and the table goes to standard error then
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) json: Option<PathBuf>,
    /// Fail, with exit code 1, unless this holds, such as `rtf_p50<0.5` or `c100>=100`; repeatable
    #[arg(long, value_name = "FIGURE<NUMBER")]
    pub(in crate::cli) assert: Vec<Assertion>,
    #[command(flatten)]
    pub(in crate::cli) simulated: Simulated,
}

fn server(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|_| "write it like http://127.0.0.1:27121")?;
    match (url.scheme(), url.host()) {
        // Reports name the server.
        _ if !url.username().is_empty() || url.password().is_some() => {
            Err("keep secrets out of the address; --header sends them".into())
        }
        ("http", Some(_)) => Ok(url),
        ("https", _) => Err("only plain http can be measured; ask the server itself, behind its TLS".into()),
        _ => Err("write it like http://127.0.0.1:27121".into()),
    }
}

fn format(name: &str) -> Result<Format, String> {
    // What has to be decoded to know how long it is would be measured with its decoder.
    let plain = |format: &Format| matches!(format, Format::Wav | Format::Pcm);
    Format::parse(name).filter(plain).ok_or_else(|| "it is wav or pcm".into())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (1e-3..=1e6).contains(rate));
    rate.ok_or_else(|| "it must be a number from 0.001 to 1000000".into())
}

pub(in crate::cli) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (1e-3..=1e7).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "it must be a number from 0.001 to 10000000".into())
}
