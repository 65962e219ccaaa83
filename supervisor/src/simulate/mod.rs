//! The scheduler under simulated time: what it promises can be proved here, and measured for machines that nobody
//! has.
//!
//! A [`World`] lets requests come, workers take their time, and listeners play; a [`Discipline`] decides. A [`Load`]
//! is who asks for what; [`simulate()`] puts a machine under it, [`Figures`] are what that comes to, and a [`Report`]
//! shows those of several disciplines beside each other.

mod compare;
mod discipline;
mod figures;
mod load;
mod player;
mod report;
mod timed;
mod world;

pub use compare::simulate;
pub use discipline::{Discipline, FirstComeFirstServed};
pub use figures::{Decider, Decisions, Figures};
pub use load::{Load, Readers};
pub use report::Report;
pub use world::{Fate, Reader, Request, Spoken, World};
