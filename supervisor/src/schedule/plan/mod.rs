//! The plan: who speaks what next, who is let in, and what happens when things turn out otherwise. Pure: no clock, no
//! task and no worker, only facts that are handed in with their moments.
//!
//! A [`Board`] holds every admitted stream as a list of segments with costs, and every worker with what it does. Its
//! one rule ([`floor`]) gives a free worker the waiting segment with the earliest deadline. A deadline is the moment
//! at which a listener would run out of audio ([`stream`]). Because the rule is known, the future is too: [`forward`]
//! plays it from the present state, as far as costs are right; [`outlook`] often knows the end beforehand.
//!
//! A newcomer is promised what its engines can do ([`promise`]), and [`admission`] lets it in if that future, with the
//! newcomer in it, has nobody waiting for audio; else it tells the first moment at which it would. [`begin`] sees to it
//! that this stays so when others leave or need less than was told. [`fairness`] keeps
//! that moment free for whoever was sent away. [`loss`] decides who stays in time when a worker is lost, and [`pause`]
//! which slow work makes room. [`probe`] tries workers that nobody needs. [`staff`] has
//! more workers, or fewer.

mod admission;
mod ahead;
mod begin;
mod board;
mod comeback;
mod due;
mod fairness;
mod floor;
mod forward;
mod launch;
mod loss;
mod outlook;
mod pause;
mod probe;
mod promise;
mod search;
mod staff;
mod stream;
mod time;

#[cfg(test)]
mod tests;

pub use admission::{Admitted, Delivery, Offer, Rejection};
pub use board::{Board, Ended, Lost, Rules, StreamId, Waiting};
pub use fairness::ClientIndex;
pub use floor::{Layout, Seat, WorkerIndex};
pub use launch::Launch;
pub use stream::Piece;
pub use time::Micros;
