//! Several machines that share jobs and voices, in NATS `JetStream`: who is asked, and where things are kept there.
//!
//! [`Link`] is this machine's one connection. It comes and goes, and nothing here waits for it: whoever wants something
//! while it is away is told so. [`SharedVoices`] keeps a machine's voices in line with those of the others; what jobs keep
//! there is the affair of `jobs/nats`.

mod link;
mod objects;
mod standing;
mod voices;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub use link::{Identity, Link, Reads, purge};
pub use objects::Objects;
pub use voices::SharedVoices;

use crate::{config, voices::Shelf};

/// Machines that share, as this one sees them.
#[derive(Debug)]
pub struct Cluster {
    /// The way there.
    pub link: Arc<Link>,
    /// The voices of all of them.
    pub voices: SharedVoices,
    /// A folder for what is shared.
    pub folder: PathBuf,
}

impl Cluster {
    /// Begins to meet the others, whether anybody is there yet or not, and shares a shelf with them. The error: the file of
    /// credentials cannot be read.
    pub async fn meet(cluster: &config::Cluster, shelf: Arc<Shelf>, folder: &Path) -> Result<Self, String> {
        let link = Link::open(cluster).await?;
        let voices = SharedVoices::start(Arc::clone(&link), shelf, folder);
        Ok(Self { link, voices, folder: folder.to_owned() })
    }
}
