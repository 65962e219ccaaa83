//! Jobs: texts that are taken in now and spoken when there is time, however long that takes and whatever ends meanwhile.
//!
//! ```text
//! surface ─ NewJob ─▶ Store ─ Work::Cut ─▶ runner ─ Plan ─▶ Store ─ Work::Speak ─▶ runner ─ batch ─▶ scheduler
//!                       ▲                                                            │
//!                       └───────────────── Take, stored once ────────────────────────┘
//!                     Store ─ takes in order ─▶ Spool: join, encode ─ Work::Finish ─▶ Finished ─▶ Store
//! ```
//!
//! [`Job`] and [`Piece`] are what is kept, [`Store`] is who keeps it: [`Sqlite`] on this machine, [`Nats`] for several. [`Jobs`] is the front
//! door. `runner` does the work, `hooks` tells whoever is to be told of a job's end; `verdict` and [`progress`] decide and foretell, and touch nothing.

mod cutting;
mod hooks;
pub mod intake;
mod job;
mod nats;
mod piece;
pub mod progress;
mod runner;
mod service;
mod splice;
mod spool;
mod sqlite;
mod store;
mod trouble;
mod verdict;

pub use cutting::{CHAPTER_REST_MS, Casting, Outline, outline};
pub use hooks::Wording;
pub use intake::{Book, Chapter};
pub use job::{Job, JobError, JobId, JobState, Mark, NewJob, NoJobId, Order, Telling, TellingState, now_ms};
pub use nats::Nats;
pub use piece::{Joint, Piece, Plan, Take};
pub use progress::Pace;
pub use service::{Change, Jobs, NotTaken, Sound};
pub use spool::{Growth, Spool};
pub use sqlite::Sqlite;
pub use store::{
    Answer, Created, Finished, Kept, Lease, Query, Retention, Scope, Store, StoreError, Stored, Totals,
    Wanted, Work,
};
