//! Who may speak next. A [`Booking`] is let in, and answered with a [`Place`], if everybody's audio comes in time then,
//! its own included; else it is refused at once, with the moment at which it is worth another try.
//!
//! The [`plan`] decides, without a clock; [`dispatcher`] tells it the time and does what it says; [`cost`] learns what
//! segments take; [`layout`] says which engines share a device; [`quarantine`] keeps what ends workers from them.

pub mod plan;

mod booking;
mod cost;
mod dispatcher;
mod layout;
mod quarantine;
mod refusal;
mod ticket;

pub use booking::{Booking, Segment};
pub use dispatcher::{Entry, Load, Probe, Probed, Recoveries, Scheduler};
pub use plan::Delivery;
pub use refusal::Refusal;
pub use ticket::{Ear, Granted, Heard, Place, Tail, Tickets, Turns};
