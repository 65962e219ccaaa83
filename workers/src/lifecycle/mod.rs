//! A worker's life.
//!
//! ```text
//!  Stopped ──start──▶ Starting ──ready line──▶ Ready ◀──sent / ended──▶ Busy
//!                        │                       │                       │
//!                        └────── fault ──────────┴──── fault ────────────┘        any ──stop──▶ Stopping
//!                                   ▼                                                             │ reaped
//!                               Stopping (asked, SIGTERM, SIGKILL, reaped)                        ▼
//!                                   │                                                          Stopped
//!              ┌────────────────────┼───────────────────────┐
//!   too many failed starts    failed start, or        had finished a synthesis,
//!              ▼             a life without one       or was asked to restart
//!           Failed                  ▼                       ▼
//!                                Backoff ──delay over──▶ Starting
//! ```
//!
//! - A fault is an exit, a broken protocol, a missed deadline or a fatal error. Before `ready` it is a failed
//!   start, counted apart: after [`startup_failures`](crate::spec::Patience::startup_failures) in a row the
//!   worker is given up until someone starts it again; at once if it says itself that a setting is wrong or a file
//!   is missing. That another worker of its pool has become ready meanwhile forgives them.
//! - After `ready` it is a crash. A worker that had finished a synthesis starts again at once; the delay grows only
//!   over lives that finished none. If a spare has taken its seat it waits a second, so that the spare has the machine.
//! - One that is to retire takes no further orders, and ends when all that it had has ended: for good if another one
//!   has come in its place, else to start again.
//! - [`state`] decides, [`backoff`] tells how long, [`actor`] acts: one task owns state, child and connection,
//!   and every life ends in the same few lines.

mod actor;
mod backoff;
mod fault;
mod life;
mod state;
mod upkeep;

pub(crate) use actor::{Actor, Command, Order, Retirement};
pub use fault::Fault;
pub use state::State;
