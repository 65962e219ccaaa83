//! Several machines that share jobs and voices, in NATS JetStream: who is asked, and where things are kept there.
//!
//! [`Link`] is this machine's one connection. It comes and goes, and nothing here waits for it: whoever wants something
//! while it is away is told so. What jobs keep there is the affair of `jobs/nats`.

mod link;
mod objects;

pub use link::{Link, purge};
pub use objects::Objects;
