//! iShowTTS: text in, speech out, from warm Python engines under one supervisor.
//!
//! Knowledge flows one way; a module uses only those to its left:
//!
//! ```text
//! package, auth ← config, gpu ← traces ← voices, speech, environments, metrics, sandbox, placement ← cache, pools ← schedule ← stream ← cluster ← jobs ← surface ← reload ← control ← app ← main
//! ```
//!
//! - [`auth`]: API keys;
//! - [`config`]: the file, typed, or every problem in it;
//! - [`package`]: the Python code, locks and notices that the binary carries;
//! - [`environments`]: each engine's Python environment, built when its lock changes;
//! - [`doctor`]: what a start needs, and what mends it;
//! - [`gpu`]: what GPUs are doing;
//! - [`traces`]: where the time of single requests went, for a collector;
//! - [`speech`]: text → segments, audio → stream, no HTTP and no worker;
//! - [`voices`]: which engine speaks which stretch of a text;
//! - [`cache`]: finished audio, kept to answer the same request again;
//! - [`placement`]: which worker computes on which device, and sees no other;
//! - [`pools`]: configuration → workers;
//! - [`sandbox`]: how they are confined, and what the machine has to confine them with;
//! - [`schedule`]: who may speak next;
//! - [`probe`]: a word now and then from workers that have nothing to say;
//! - [`stream`]: one utterance's audio in order, measured;
//! - [`cluster`]: where several machines meet;
//! - [`jobs`]: long texts, spoken when there is time and kept across restarts;
//! - [`surface`]: HTTP, a thin translator;
//! - [`reload`]: a changed configuration, without dropping a request;
//! - [`control`]: how a command reaches a running server;
//! - [`app`]: everything put together and taken apart again.
//!
//! [`ask`] stands beside them, a client for the commands that speak to a running server, and [`mod@bench`]: a client of any such server, which shares with ours how a player is counted.
//! [`simulate`] plays the schedule under simulated time, for proofs and for machines that nobody has.

pub mod app;
pub mod ask;
pub mod auth;
pub mod bench;
pub mod cache;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod control;
pub mod doctor;
#[cfg(test)]
mod documentation;
pub mod environments;
pub mod gpu;
pub mod jobs;
pub mod listeners;
pub mod metrics;
pub mod package;
pub mod placement;
pub mod pools;
pub mod probe;
pub mod reload;
pub mod sandbox;
pub mod schedule;
mod seldom;
pub mod shutdown;
pub mod simulate;
pub mod speech;
pub mod stream;
pub mod surface;
pub mod systemd;
pub mod telemetry;
pub mod traces;
pub mod voices;

/// Version and commit, as `--version` prints them.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("ISHOWTTS_COMMIT"), ")");
