//! Arguments of commands that ask a running server.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use reqwest::Url;
use serde_json::{Map, Value};

use super::object;
use crate::ask;

/// A running server to ask.
#[derive(Clone, Debug, ClapArgs)]
pub(in crate::cli) struct Remote {
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
    pub(in crate::cli) fn server(&self) -> Option<ask::Server> {
        let key = self.api_key.clone().filter(|key| !key.is_empty());
        Some(ask::Server { url: self.server.clone()?, key, cacert: self.cacert.clone() })
    }

    /// The same, or the server at the usual address.
    pub(in crate::cli) fn server_or(&self, usual: &str) -> Result<ask::Server, String> {
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

/// What to speak, and where to.
#[derive(Clone, Debug, ClapArgs)]
pub(in crate::cli) struct Say {
    /// The text; `-` reads it from standard input
    pub(in crate::cli) text: String,
    /// Voice; else by the language of the text
    #[arg(long)]
    pub(in crate::cli) voice: Option<String>,
    /// File to write; `-` or a pipe gets the bytes. The format is told by the ending of the name: wav, pcm, mp3, opus, flac, aac
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Speaking rate, 0.25 to 4
    #[arg(long, default_value_t = 1.0)]
    pub(in crate::cli) speed: f64,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

/// What to do with voices.
#[derive(Clone, Debug, Subcommand)]
pub(in crate::cli) enum VoicesTask {
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
pub(in crate::cli) enum JobsTask {
    /// Send a text or a book, and tell the job's id
    Submit(Box<Submit>),
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
        /// File to write; else ID.FORMAT in this folder, such as 0197a2c4e8f01122334455667788aabb.wav. `-` gets the bytes
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
pub(in crate::cli) struct Submit {
    /// The book: plain text (.txt), Markdown (.md) or EPUB (.epub); `-` reads it from standard input
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// text, markdown or epub; else by the ending of the file's name, or as it begins
    #[arg(long)]
    pub(in crate::cli) kind: Option<String>,
    /// What the job is called; else the book's own title, or the file's name
    #[arg(long)]
    pub(in crate::cli) title: Option<String>,
    /// Voice; else by the language of the text
    #[arg(long)]
    pub(in crate::cli) voice: Option<String>,
    /// wav, pcm, mp3, opus, flac or aac; else by the ending of the output's name, or wav
    #[arg(long)]
    pub(in crate::cli) format: Option<String>,
    /// Speaking rate, 0.25 to 4
    #[arg(long, default_value_t = 1.0)]
    pub(in crate::cli) speed: f64,
    /// Seed of engines that draw at random
    #[arg(long)]
    pub(in crate::cli) seed: Option<u64>,
    /// Options of the engines, a JSON object
    #[arg(long, value_name = "JSON", value_parser = object)]
    pub(in crate::cli) engine_options: Option<Map<String, Value>>,
    /// Who is told of its end, at a host that the server's configuration names
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) webhook: Option<String>,
    /// A name for this order: sent again under it, it is no second job
    #[arg(long, value_name = "KEY")]
    pub(in crate::cli) idempotency_key: Option<String>,
    /// Wait until it is done, and write its audio into this file; `-` gets the bytes
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}
