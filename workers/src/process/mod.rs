//! One process: how it is started, how its output is heard, how it is ended.
//!
//! A worker is started as `ishowtts worker-exec … -- python …`: the fork is followed at once by an exec of
//! our own binary, and it is that fresh, single-threaded process which sets its session, parent-death
//! signal, limits and sandbox ([`exec`]) before it becomes Python. So nothing has to run between fork and exec, and
//! no `unsafe` is needed. All forks happen on one thread that lives as long as the supervisor
//! ([`Launcher`]), because the kernel sends a parent-death signal when the *thread* that forked ends.

pub mod exec;
mod launch;
mod memory;
mod oom;
mod output;
mod socket;
mod stop;
mod vitals;

pub use launch::{Launch, Launched, Launcher};
pub(crate) use launch::{Process, started};
pub(crate) use memory::resident;
pub use oom::Evidence;
pub(crate) use oom::Kills;
pub(crate) use output::StderrTail;
pub(crate) use socket::WorkerSocket;
pub(crate) use stop::end;
pub(crate) use vitals::Vitals;
