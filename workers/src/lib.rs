//! One Python speech worker, from launch to reap, and the words it speaks.
//!
//! This library knows processes, sockets and the wire; it knows no HTTP, no metrics library and no
//! configuration file. Read it in this order:
//!
//! - [`protocol`]: what supervisor and worker say to each other;
//! - [`process`]: starting, listening to and ending one process;
//! - [`sandbox`]: what such a process may do, and how it is held to it;
//! - [`lifecycle`]: the states of a worker and the one task that lives them;
//! - [`Worker`], [`Pool`], [`Lease`]: the handles that everybody else holds.

pub mod lifecycle;
pub mod process;
pub mod protocol;
pub mod sandbox;

mod error;
mod expectation;
mod hook;
mod pool;
mod seats;
mod spec;
mod synthesis;
mod worker;

pub use error::WorkerError;
pub use expectation::{Expectation, Flaw};
pub use hook::{Change, ChangeHook, ChangeTo};
pub use pool::{Lease, OnEnd, Pool, Room, Task};
pub use spec::{ExecLimits, Patience, Upkeep, VoiceSample, WorkerSpec};
pub use synthesis::{
    Failure, Part, Phonemes, Synthesis, SynthesisEvent, SynthesisId, SynthesisRequest, SynthesisSummary,
};
pub use worker::{Worker, WorkerStatus};
