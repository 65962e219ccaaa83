//! The scheduler under simulated time: what it promises can be proved here, and measured for machines that nobody
//! has.

mod discipline;
mod player;
mod world;

pub use discipline::{Discipline, FirstComeFirstServed};
pub use world::{Fate, Reader, Request, World};
