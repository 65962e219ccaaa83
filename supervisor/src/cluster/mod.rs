//! Several machines that share jobs and voices, in NATS JetStream: who is asked, and where things are kept there.
//!
//! [`Link`] is this machine's one connection. It comes and goes, and nothing here waits for it: whoever wants something
//! while it is away is told so. [`SharedVoices`] keeps a machine's voices in line with those of the others; what jobs keep
//! there is the affair of `jobs/nats`.

mod link;
mod objects;
mod voices;

pub use link::{Link, purge};
pub use objects::Objects;
pub use voices::SharedVoices;
