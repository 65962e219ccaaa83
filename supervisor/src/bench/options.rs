//! What a run is to be.

use std::{str::FromStr, time::Duration};

use reqwest::{
    Url,
    header::{HeaderName, HeaderValue},
};
use serde_json::{Map, Value};

use crate::speech::Format;

/// Everything about a run but the server's answers.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whom to ask.
    pub server: Url,
    /// In which words.
    pub api: Api,
    /// The model, where the API has such a field.
    pub model: String,
    /// The voice; else the server chooses.
    pub voice: Option<String>,
    /// What the audio comes as.
    pub format: Format,
    /// Samples per second to ask for, or, of bare samples, to expect.
    pub sample_rate: Option<u32>,
    /// Whether the audio is wanted as it is made.
    pub stream: bool,
    /// Options of the engine, or further fields of a foreign API.
    pub further: Map<String, Value>,
    /// Sent with each request.
    pub headers: Vec<Header>,
    /// Longest time for one request.
    pub timeout: Duration,
    /// Who asks when.
    pub load: Load,
    /// So many requests.
    pub requests: Option<u64>,
    /// Requests for so long.
    pub duration: Option<Duration>,
    /// What to ask for; at least one.
    pub texts: Vec<String>,
    /// Decides the order of texts and the moments of arrivals.
    pub seed: u64,
}

/// Whose words are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Api {
    /// Ours: POST /api/tts
    Tts,
    /// `OpenAI`'s, which many servers speak: POST /v1/audio/speech
    Openai,
}

/// Who asks when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// So many clients, each asking again when it has its answer. Slow answers mean fewer requests.
    Closed {
        /// How many.
        clients: usize,
        /// Each hears its audio to the end before it asks again.
        play: bool,
    },
    /// Requests at random moments, whatever became of those before.
    Open {
        /// How many a second, on average.
        rate: f64,
        /// An arrival that finds so many under way is left out.
        max_in_flight: usize,
    },
}

/// A header of each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: HeaderName,
    /// Its value; it may be a secret.
    pub value: HeaderValue,
}

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once(':').ok_or("write NAME:VALUE")?;
        let name = name.trim().parse().map_err(|_| format!("{name:?} is no name of a header"))?;
        let mut value: HeaderValue =
            value.trim().parse().map_err(|_| "the value has characters that no header may have")?;
        value.set_sensitive(true);
        Ok(Self { name, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_name_and_a_value() {
        let header: Header = "X-API-Key: a:b".parse().unwrap();
        assert_eq!((header.name.as_str(), header.value.to_str().unwrap()), ("x-api-key", "a:b"));
        assert!(!format!("{header:?}").contains("a:b"), "it may be a secret");
        for wrong in ["Authorization", "a b: c", "a: b\nc"] {
            assert!(wrong.parse::<Header>().is_err(), "{wrong:?}");
        }
    }
}
