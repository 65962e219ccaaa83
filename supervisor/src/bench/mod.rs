//! A load generator: what a speech server's clients hear when there are many of them.
//!
//! [`Options`] say who asks when and for what; [`drive()`] asks, and keeps a [`Record`] of each request; [`Figures`]
//! are what the records come to; a [`Report`] shows them and checks them against [`Assertion`]s.
//!
//! It is a client like any other: it knows nothing of the server but its HTTP, and measures foreign servers alike.
//! When requests go out (`arrivals`), which texts they ask for (`deck`), what the answers sound like (`ear`, `wave`)
//! and what it all comes to (`figures`) is decided without a clock of its own.

mod arrivals;
mod assertion;
mod client;
mod deck;
mod drive;
mod ear;
mod figures;
mod options;
mod record;
mod report;
mod texts;
mod wave;
mod wording;

pub(crate) use arrivals::Arrivals;
pub use assertion::Assertion;
pub use drive::{Run, drive};
pub use figures::{Counts, Figures, Measure, Spread};
pub use options::{Api, Header, Load, Options};
pub use record::{Heard, Outcome, Record};
pub use report::Report;
pub use texts::TextSet;
