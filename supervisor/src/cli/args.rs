//! Arguments, as `--help` shows them.

use std::{ffi::OsString, num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Args as ClapArgs, Parser, Subcommand};
use ishowtts_workers::{ExecLimits, process::exec::ExecPlan, sandbox::Confinement};
use reqwest::Url;
use serde_json::{Map, Value};

use super::simulate::Simulated;
use crate::{
    VERSION, ask,
    auth::KeyName,
    bench::{Api, Assertion, Header, TextSet},
    config::Overrides,
    speech::Format,
    telemetry::LogFormat,
};

/// Real-time text-to-speech server: warm Python engines under one supervisor.
#[derive(Debug, Parser)]
#[command(name = "ishowtts", version = VERSION, subcommand_negates_reqs = true)]
pub(super) struct Args {
    /// Configuration file; else the variable `ISHOWTTS_CONFIG`, ./config/ishowtts.toml, /etc/ishowtts/ishowtts.toml, or built in
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to serve HTTP on
    #[arg(long, global = true, value_name = "IP:PORT")]
    listen: Option<String>,
    /// Address to serve Wyoming on, for Home Assistant; "" for none
    #[arg(long, global = true, value_name = "IP:PORT")]
    wyoming_listen: Option<String>,
    /// Where environments and voices live
    #[arg(long, global = true, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// error, warn, info, debug, trace, or a filter such as `info,ishowtts_workers=debug`
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(super) log_level: Option<String>,
    /// Log one JSON object per line
    #[arg(long, global = true)]
    log_json: bool,
    #[command(subcommand)]
    task: Option<Task>,
}

impl Args {
    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.clone(),
            listen: self.listen.clone(),
            wyoming_listen: self.wyoming_listen.clone(),
            state_dir: self.state_dir.clone(),
        }
    }

    /// How the log is written, if that is said here.
    pub(super) fn log_format(&self) -> Option<LogFormat> {
        self.log_json.then_some(LogFormat::Json)
    }

    pub(super) fn task(&self) -> Task {
        self.task.clone().unwrap_or(Task::Serve)
    }
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Task {
    /// Serve HTTP (the default)
    Serve,
    /// Speak a text into a file, with or without a running server
    Say(Say),
    /// Build the Python environments of the enabled engines, or of one
    Setup {
        /// Only this engine, enabled or not
        #[arg(long)]
        engine: Option<String>,
    },
    /// List the voices; add one of a recording, remove it, hear one
    #[command(args_conflicts_with_subcommands = true)]
    Voices {
        #[command(flatten)]
        remote: Remote,
        #[command(subcommand)]
        task: Option<Box<VoicesTask>>,
    },
    /// Have a running server speak a long text when there is time: send it, watch it, fetch its audio
    Jobs {
        #[command(subcommand)]
        task: Box<JobsTask>,
    },
    /// Look for what is missing, and tell the command that mends it
    Doctor,
    /// Put load on a running server, ours or another, and measure what its clients hear
    Bench(Box<Bench>),
    /// Check the configuration and show what is in force
    CheckConfig,
    /// Have a running server read its configuration again, and tell what is in force
    Reload {
        /// The server's process id, where several run
        #[arg(long)]
        pid: Option<u32>,
    },
    /// Make, list and remove API keys
    Keys(Keys),
    /// Become a worker (used by the supervisor)
    #[command(hide = true)]
    WorkerExec(WorkerExec),
}

/// What to do with API keys.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Keys {
    /// The file of keys; else the one that `keys_file` in the table `auth` names
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) file: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) task: KeysTask,
}

/// One of these.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum KeysTask {
    /// Make a key and print it, this once
    New {
        /// What logs call it, and what it is removed by
        name: KeyName,
    },
    /// List the names of all keys
    List,
    /// Remove a key
    Remove {
        /// Its name
        name: KeyName,
    },
}

/// What to do with voices.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum VoicesTask {
    /// List them
    List {
        #[command(flatten)]
        remote: Remote,
    },
    /// Send a recording to a running server, which makes a voice of it
    Add {
        /// What requests call it
        id: String,
        /// The engine that is to imitate it: f5 or indextts
        #[arg(long)]
        engine: String,
        /// Language spoken, such as en or zh
        #[arg(long)]
        language: String,
        /// The recording: WAV, FLAC, MP3, Ogg Vorbis or AAC (.m4a)
        #[arg(long, value_name = "FILE")]
        audio: PathBuf,
        /// What is said in it, all of it and nothing else
        #[arg(long, default_value = "")]
        transcript: String,
        /// For people; else the id
        #[arg(long)]
        name: Option<String>,
        /// A word to find it by; repeatable
        #[arg(long)]
        tag: Vec<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Remove one that was sent to a running server
    Remove {
        /// Its id
        id: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Have a running server say a sentence in a voice
    Preview {
        /// Its id
        id: String,
        /// File to write, WAV; `-` or a pipe gets the bytes
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        remote: Remote,
    },
}

/// What to do with jobs.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum JobsTask {
    /// Send a text, and tell the job's id
    Submit(Submit),
    /// List jobs, the latest first
    List {
        /// Only those in this state: queued, running, done, failed or cancelled
        #[arg(long)]
        state: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        #[command(flatten)]
        remote: Remote,
    },
    /// Show how a job goes on until it is over
    Watch {
        /// The job
        id: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Wait until a job is done, and write its audio
    Fetch {
        /// The job
        id: String,
        /// File to write; else one that is called like the job. `-` gets the bytes
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Take jobs back that are not over; remove those that are
    Cancel {
        /// The jobs
        #[arg(required = true)]
        id: Vec<String>,
        #[command(flatten)]
        remote: Remote,
    },
}

/// A long text, and how it is to sound.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Submit {
    /// File with the text, UTF-8; `-` reads it from standard input
    #[arg(value_name = "FILE")]
    pub(super) text: PathBuf,
    /// What the job is called; else the file's name
    #[arg(long)]
    pub(super) title: Option<String>,
    /// Voice; else by the language of the text
    #[arg(long)]
    pub(super) voice: Option<String>,
    /// wav, pcm, mp3, opus, flac or aac; else by the ending of the output's name, or wav
    #[arg(long)]
    pub(super) format: Option<String>,
    /// Speaking rate, 0.25 to 4
    #[arg(long, default_value_t = 1.0)]
    pub(super) speed: f64,
    /// Seed of engines that draw at random
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// Options of the engines, a JSON object
    #[arg(long, value_name = "JSON", value_parser = object)]
    pub(super) engine_options: Option<Map<String, Value>>,
    /// A name for this order: sent again under it, it is no second job
    #[arg(long, value_name = "KEY")]
    pub(super) idempotency_key: Option<String>,
    /// Wait until it is done, and write its audio into this file; `-` gets the bytes
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// What to speak, and where to.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Say {
    /// The text; `-` reads it from standard input
    pub(super) text: String,
    /// Voice; else by the language of the text
    #[arg(long)]
    pub(super) voice: Option<String>,
    /// File to write; `-` or a pipe gets the bytes. The format is told by the ending of the name: wav, pcm, mp3, opus, flac, aac
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Speaking rate, 0.25 to 4
    #[arg(long, default_value_t = 1.0)]
    pub(super) speed: f64,
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// A running server to ask.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Remote {
    /// Ask a running server, such as <http://127.0.0.1:27121>
    #[arg(long, value_name = "URL", value_parser = remote)]
    server: Option<Url>,
    /// The API key to show; better given as a variable, since others on the machine see command lines
    #[arg(long, value_name = "KEY", env = "ISHOWTTS_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// Trust the certificates in this file (PEM) instead of the system's
    #[arg(long, value_name = "FILE", requires = "server")]
    cacert: Option<PathBuf>,
}

impl Remote {
    pub(super) fn server(&self) -> Option<ask::Server> {
        let key = self.api_key.clone().filter(|key| !key.is_empty());
        Some(ask::Server { url: self.server.clone()?, key, cacert: self.cacert.clone() })
    }

    /// The same, or the server at the usual address.
    pub(super) fn server_or(&self, usual: &str) -> Result<ask::Server, String> {
        let named =
            Self { server: Some(self.server.clone().map_or_else(|| remote(usual), Ok)?), ..self.clone() };
        named.server().ok_or_else(|| "no server was named".into())
    }
}

fn remote(text: &str) -> Result<Url, String> {
    let url: Option<Url> = text.parse().ok();
    let fits = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    url.filter(fits).ok_or_else(|| "write it as http://HOST:PORT or https://HOST:PORT".into())
}

/// Who asks for what, when and how often, and what has to come of it.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Bench {
    /// The server
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:27121", value_parser = server)]
    pub(super) server: Url,
    /// What the server speaks
    #[arg(long, value_enum, default_value_t = Api::Tts)]
    pub(super) api: Api,
    /// Model to ask for, with `--api openai`
    #[arg(long, default_value = "tts-1")]
    pub(super) model: String,
    /// Voice; else the server chooses (`alloy` with `--api openai`)
    #[arg(long)]
    pub(super) voice: Option<String>,
    /// What the audio comes as: wav or pcm
    #[arg(long, default_value = "wav", value_parser = format)]
    pub(super) format: Format,
    /// Samples per second to ask for; with `--api openai`, what bare samples have if the answer does not tell
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(1..=768_000))]
    pub(super) sample_rate: Option<u32>,
    /// Ask for audio as it is made, and measure what a player would hear; else for whole files
    #[arg(long)]
    pub(super) stream: bool,
    /// Closed loop: so many clients, each asking again when it has its answer
    #[arg(long, value_name = "N", default_value = "1")]
    pub(super) concurrency: NonZeroUsize,
    /// Closed loop: each client hears its stream to the end before it asks again
    #[arg(long, requires = "stream", conflicts_with = "rate")]
    pub(super) play: bool,
    /// Open loop: requests per second on average, at random moments, whatever became of those before
    #[arg(long, value_name = "R", conflicts_with = "concurrency", value_parser = rate)]
    pub(super) rate: Option<f64>,
    /// Open loop: leave a request out while so many are under way
    #[arg(long, value_name = "N", default_value = "500", requires = "rate")]
    pub(super) max_in_flight: NonZeroUsize,
    /// End after so many requests; 100 if neither this nor `--duration` is given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) requests: Option<u64>,
    /// Begin no request after so many seconds; those under way are waited for
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(super) duration: Option<Duration>,
    /// Longest time for one request, in seconds
    #[arg(long, value_name = "S", default_value = "120", value_parser = seconds)]
    pub(super) timeout: Duration,
    /// Which of the built-in texts to ask for
    #[arg(long, value_enum, default_value_t = TextSet::Mixed)]
    pub(super) texts: TextSet,
    /// A file of texts instead, one a line
    #[arg(long, value_name = "FILE", conflicts_with = "texts")]
    pub(super) text: Option<PathBuf>,
    /// Decides the order of the texts and the moments of arrivals: the same seed, the same load
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// `engine_options` of each request, a JSON object; with `--api openai`, further fields of its body
    #[arg(long, value_name = "JSON", value_parser = object)]
    pub(super) engine_options: Option<Map<String, Value>>,
    /// A header of each request; repeatable
    #[arg(long, value_name = "NAME:VALUE")]
    pub(super) header: Vec<Header>,
    /// Write everything as JSON; `-` is standard output, and the table goes to standard error then
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Fail, with exit code 1, unless this holds, such as `rtf_p50<0.5` or `c100>=100`; repeatable
    #[arg(long, value_name = "FIGURE<NUMBER")]
    pub(super) assert: Vec<Assertion>,
    #[command(flatten)]
    pub(super) simulated: Simulated,
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

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (1e-3..=1e7).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "it must be a number from 0.001 to 10000000".into())
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("it must be a JSON object: {error}"))
}

fn confinement(text: &str) -> Result<Box<Confinement>, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// What `worker-exec` sets before it becomes the program behind `--`.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct WorkerExec {
    #[arg(long)]
    parent: u32,
    #[arg(long, value_delimiter = ',')]
    cpus: Vec<usize>,
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    nice: i32,
    #[arg(long)]
    memory_mb: Option<u64>,
    #[arg(long, default_value = "{}", value_parser = confinement)]
    confinement: Box<Confinement>,
    program: PathBuf,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

impl From<WorkerExec> for ExecPlan {
    fn from(given: WorkerExec) -> Self {
        Self {
            parent: given.parent,
            limits: ExecLimits { cpus: given.cpus, nice: given.nice, memory_mb: given.memory_mb },
            confinement: *given.confinement,
            program: given.program,
            args: given.args,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_make_sense() {
        Args::command().debug_assert();
        let args = Args::parse_from(["ishowtts", "say", "Hi", "-o", "a.wav", "--log-level", "debug"]);
        assert!(matches!(args.task(), Task::Say(say) if say.text == "Hi"));
        assert!(matches!(Args::parse_from(["ishowtts"]).task(), Task::Serve));
        let bench =
            "ishowtts bench --stream --play --concurrency 3 --assert c100>=100 --header a:b --duration 0.5";
        assert!(matches!(
            Args::parse_from(bench.split(' ')).task(),
            Task::Bench(bench) if bench.concurrency.get() == 3 && bench.server.port() == Some(27_121)
        ));
        let simulation = "ishowtts bench --simulate --streams 100 --load 0.5,3 --seed 7 --json -";
        assert!(matches!(
            Args::parse_from(simulation.split(' ')).task(),
            Task::Bench(bench) if bench.simulated.simulate && bench.seed == 7
        ));
        for wrong in [
            "bench https://host",
            "bench nonsense",
            "bench http://me:secret@host",
            "bench --rate 0",
            "bench --rate 5 --concurrency 2",
            "bench --play",
            "bench --max-in-flight 3",
            "bench --requests 0",
            "bench --duration -1",
            "bench --engine-options [1]",
            "bench --format mp3",
            "bench --assert rtf<1",
            "bench --workers 3",
            "bench --cost-error 0.2",
            "bench --come-back",
            "bench --simulate http://host",
            "bench --simulate --stream",
            "bench --simulate --texts short",
            "bench --simulate --workers 3 --streams 100",
            "bench --simulate --workers 0",
            "bench --simulate --load 0",
            "bench --simulate --cost-error 2",
            "bench --simulate --readers slow",
        ] {
            assert!(Args::try_parse_from(format!("ishowtts {wrong}").split(' ')).is_err(), "{wrong}");
        }
        let exec = Args::parse_from(["ishowtts", "worker-exec", "--parent", "7", "--", "py", "-m", "x"]);
        assert!(matches!(exec.task(), Task::WorkerExec(exec) if exec.args == ["-m", "x"]));
    }
}
