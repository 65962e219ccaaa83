//! The wire between supervisor and worker, version 1.
//!
//! A Unix stream socket in a private directory carries JSON objects, one per line, UTF-8, ended by
//! `\n`. A line has at most [`MAX_LINE`] bytes. A message with `payload_bytes` (only `audio`) is
//! followed, right after its newline, by exactly that many raw bytes of PCM: signed 16 bit little
//! endian, mono, at most [`MAX_PAYLOAD`] of them. Base64 inside the line would cost thirty times as much.
//!
//! The worker speaks first:
//!
//! ```text
//! worker ── hello ─────────────▶ supervisor      version, engine, pid (checked against the socket's peer)
//! worker ◀───────────── load ── supervisor       device, settings, voices
//! worker ── progress … ready ──▶ supervisor      loaded, warm, and heard speaking
//! worker ◀─────── synthesize ── supervisor       then any number of audio, and exactly one of
//! worker ── done|error|cancelled ▶               done, error, cancelled: only then is the lease free
//! ```
//!
//! `cancel`, `ping` and `pause` are read while a synthesis runs. A `cancel` for an unknown id is
//! ignored. Unknown fields are ignored; an unknown message type, a broken line or a wrong version is a
//! violation and ends the worker's life. `tests/golden/*.jsonl` freeze one example of every message;
//! the Rust and the Python tests read the same files.

mod codec;
mod connection;
mod message;

pub use codec::{CodecError, MAX_LINE, MAX_PAYLOAD, decode, encode};
pub use connection::{Connection, ConnectionError};
pub use message::{
    EngineVoice, FromWorker, Hello, Memory, OptionInfo, PROTOCOL_VERSION, Ready, Timings, ToWorker, WarmUp,
};
