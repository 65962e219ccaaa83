//! Jobs: texts that are taken in now and spoken when there is time, however long that takes and whatever ends meanwhile.
//!
//! ```text
//! surface ─ NewJob ─▶ Store ─ Work::Cut ─▶ runner ─ Plan ─▶ Store ─ Work::Speak ─▶ runner ─ batch ─▶ scheduler
//!                       ▲                                                            │
//!                       └───────────────── Take, stored once ────────────────────────┘
//!                     Store ─ Work::Finish ─▶ runner: takes in order ─▶ join, encode ─▶ Finished ─▶ Store
//! ```
//!
//! [`Job`] and [`Piece`] are what is kept, [`Store`] is who keeps it.

mod intake;
mod job;
mod nats;
mod piece;
mod sqlite;
mod store;

pub use intake::{Book, Chapter};
pub use job::{Job, JobError, JobId, JobState, Mark, NewJob, NoJobId, Order, now_ms};
pub use nats::{Meeting, Nats};
pub use piece::{Joint, Piece, Plan, Take};
pub use sqlite::Sqlite;
pub use store::{
    Answer, Created, Finished, Kept, Lease, Query, Retention, Scope, Store, StoreError, Stored, Totals,
    Wanted, Work,
};
