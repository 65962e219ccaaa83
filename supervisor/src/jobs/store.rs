//! Where jobs are kept. [`Store`] is the contract; `sqlite` keeps them on this machine, and other stores may share them
//! between several.

use std::{
    fmt,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    time::Duration,
};

use tokio::sync::broadcast;

use super::{Book, Change, Job, JobError, JobId, JobState, Joint, Mark, NewJob, Piece, Plan, Take, Telling};

/// What a store answers, some time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps jobs, their texts, their segments and their audio, and gives out what there is to do.
///
/// # What it promises
///
/// - **Durable**: when a call that changes something has answered with `Ok`, the change is still there after a crash or
///   a power cut. A segment counts as stored only then.
/// - **Once**: a segment that is stored is never given out by [`claim`](Self::claim) again, and its audio never changes:
///   of two that are put for the same one the first stays ([`Stored::Before`]).
/// - **Leases**: what is given out is nobody else's until its lease is over. Whoever works on it renews the lease, and
///   gives it back when it cannot go on. A lease that was lost (too late, or its job is over) changes nothing:
///   [`renew`](Self::renew) and [`plan`](Self::plan) answer with [`StoreError::Lost`] then. Audio is taken even under a
///   lost lease, since it is as good as any other. A store that belongs to one process begins with no lease in force.
/// - **Order**: work of earlier jobs is given out before that of later ones, segments of a job in their order, as far
///   as the wanted engines allow. Segments that are claimed may be stored in any order.
/// - **Whole**: what is refused because the disk is full ([`StoreError::Full`]) changes nothing and loses nothing.
///
/// # How a job passes through
///
/// ```text
/// create ─▶ claim: Work::Cut ─▶ plan ─▶ claim: Work::Speak (each segment) ─▶ put ─▶ claim: Work::Finish ─▶ finish
/// ```
///
/// [`Work::Finish`] is given out once, when all segments are stored. A job with a [`webhook`](Job::webhook) that is over has a
/// [`Telling`](Job::telling), in the same step, and is given out as [`Work::Tell`] until somebody was told; it is not swept before. [`fail`](Self::fail), [`cancel`](Self::cancel) and
/// [`remove`](Self::remove) end it at any time; work on it that is under way finds its lease lost.
///
/// Methods may be called by many tasks at once, from any thread, and must not block a thread of the runtime. No answer
/// may hold more than one page of jobs, one text, one cut or one segment's audio in memory.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Makes a job, or finds the one that the same owner made with the same idempotency key. Refused with
    /// [`StoreError::Full`] without changing anything if there is no room on the disk.
    fn create(&self, job: NewJob) -> Answer<'_, Created>;

    /// One job.
    fn job(&self, id: &JobId) -> Answer<'_, Option<Job>>;

    /// Jobs, the latest first: one page of them.
    fn list(&self, query: Query) -> Answer<'_, Vec<Job>>;

    /// The text of a job, for as long as the job is there.
    fn book(&self, id: &JobId) -> Answer<'_, Option<Book>>;

    /// How many jobs there are, and how much of the disk they take.
    fn totals(&self) -> Answer<'_, Totals>;

    /// Milliseconds of speech that jobs before this one still have to have spoken, in the order of [`claim`](Self::claim).
    fn ahead(&self, id: &JobId) -> Answer<'_, u64>;

    /// The next piece of work that somebody wants, leased for so long. `None`: there is none now.
    fn claim(&self, wanted: Wanted, lease: Duration) -> Answer<'_, Option<Work>>;

    /// Holds on to work for so long from now. [`StoreError::Lost`]: it is no longer ours.
    fn renew(&self, lease: &Lease, time: Duration) -> Answer<'_, ()>;

    /// Gives work back, not to be given out again before `delay` is over. `why` is told with the job until it goes on.
    /// `failed`: this was a try that failed, and [`Work::Speak`] counts it.
    fn release(&self, lease: &Lease, delay: Duration, why: Option<JobError>, failed: bool) -> Answer<'_, ()>;

    /// Under the lease of [`Work::Cut`]: how the job was cut. It is running from then on.
    fn plan(&self, lease: &Lease, plan: Plan) -> Answer<'_, ()>;

    /// Under the lease of [`Work::Speak`]: the audio of a segment.
    fn put(&self, lease: &Lease, take: Take) -> Answer<'_, Stored>;

    /// The audio of one segment, from 0, and how it is joined, once it is stored. They may be gone when the job is over.
    fn take(&self, id: &JobId, index: u32) -> Answer<'_, Option<Kept>>;

    /// Under the lease of [`Work::Finish`]: the finished audio stands in a file, which becomes the store's (it is moved
    /// or copied, and gone from there). The job is done from then on; the store may let go of its segments.
    fn finish(&self, lease: &Lease, finished: Finished) -> Answer<'_, ()>;

    /// Under the lease of [`Work::Tell`]: how far it is with telling somebody of the end of a job. It is given out again at
    /// [`Telling::next_ms`], and never if there is none.
    fn told(&self, lease: &Lease, telling: Telling) -> Answer<'_, ()>;

    /// Where the finished audio can be read, as a file of this machine, for as long as the job is there. A store of
    /// several machines brings it here first. `None`: it is not finished.
    fn audio(&self, id: &JobId) -> Answer<'_, Option<PathBuf>>;

    /// The job will not be done. Answers with the job as it then stands; one that is over stays as it is.
    fn fail(&self, id: &JobId, error: JobError) -> Answer<'_, Option<Job>>;

    /// Its client takes the job back: its text and segments go, its account stays. One that is over stays as it is.
    fn cancel(&self, id: &JobId) -> Answer<'_, Option<Job>>;

    /// The job goes, and everything of it. Whether it was there.
    fn remove(&self, id: &JobId) -> Answer<'_, bool>;

    /// Removes jobs that are over and that nobody has to keep any more, the oldest first; tells which.
    fn sweep(&self, retention: Retention) -> Answer<'_, Vec<JobId>>;

    /// Whether there is room for more: [`StoreError::Full`] if not.
    fn room(&self) -> Answer<'_, ()>;

    /// A folder of this machine for files on their way to [`finish`](Self::finish). Nothing in it outlives a restart.
    fn drafts(&self) -> &Path;

    /// What others than this process change, from now on. `None`: nobody else does.
    fn news(&self) -> Option<broadcast::Receiver<Change>> {
        None
    }
}

/// What came of asking for a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Created {
    /// It is there now.
    New(Box<Job>),
    /// The same was asked for before, under the same key: this is the job that came of it.
    Before(Box<Job>),
    /// Something else was asked for before, under the same key.
    Conflict(JobId),
}

/// Whose jobs somebody may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All: there are no keys, or the server itself asks.
    All,
    /// Those that this key made, and those that were made without one.
    Key(String),
}

impl Scope {
    /// Whether a job is in it.
    pub fn has(&self, owner: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Key(key) => owner.is_none_or(|owner| owner == key),
        }
    }
}

/// One page of jobs.
#[derive(Clone, Debug)]
pub struct Query {
    /// Whose.
    pub scope: Scope,
    /// In this state alone.
    pub state: Option<JobState>,
    /// Made before this one.
    pub before: Option<JobId>,
    /// At most so many.
    pub limit: u32,
}

/// What all jobs come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many there are in each state, in the order of [`JobState::ALL`].
    pub jobs: [u64; 5],
    /// Bytes on the disk.
    pub bytes: u64,
}

impl Totals {
    /// Jobs that are not over.
    pub fn open(&self) -> u64 {
        JobState::ALL
            .iter()
            .zip(self.jobs)
            .filter(|(state, _)| !state.is_over())
            .map(|(_, count)| count)
            .sum()
    }
}

/// What somebody has time for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Segments of these engines, and jobs to be cut that one of them speaks.
    pub engines: Vec<String>,
    /// Jobs whose segments are all stored.
    pub finish: bool,
    /// Jobs of whose end somebody is to be told, now or before.
    pub tell: bool,
}

/// The right to one piece of work, until it is over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The job.
    pub job: JobId,
    /// Which segment; `None` for the job as a whole (cutting and finishing it).
    pub index: Option<u32>,
    /// Told apart from others of the same work by this; what it means is the store's own affair.
    pub token: String,
}

/// Something that is to be done.
#[derive(Clone, Debug)]
pub enum Work {
    /// A job is to be cut.
    Cut {
        /// The right to it.
        lease: Lease,
        /// The job.
        job: Box<Job>,
        /// What it speaks.
        book: Book,
    },
    /// A segment is to be spoken.
    Speak {
        /// The right to it.
        lease: Lease,
        /// The segment.
        piece: Box<Piece>,
        /// How often that failed so far.
        tries: u32,
    },
    /// All segments are stored, and the finished audio is to be made.
    Finish {
        /// The right to it.
        lease: Lease,
        /// The job.
        job: Box<Job>,
    },
    /// The job is over, and somebody is to be told.
    Tell {
        /// The right to it.
        lease: Lease,
        /// The job.
        job: Box<Job>,
    },
}

/// What came of putting a segment's audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is stored. `last`: so are all others of its job.
    Now {
        /// Nothing but finishing is left to do.
        last: bool,
    },
    /// It was before; that audio stays, and this one is not needed.
    Before,
}

/// A segment that is stored.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its audio.
    pub take: Take,
    /// How it is joined.
    pub joint: Joint,
    /// Which chapter it belongs to, from 0.
    pub chapter: u32,
}

/// A job's audio, finished.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The file, complete and on the disk.
    pub file: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// Length of the audio in milliseconds.
    pub audio_ms: u64,
    /// Length of the audio in samples of what is heard.
    pub samples: u64,
    /// Where its chapters begin.
    pub chapters: Vec<Mark>,
}

/// What of jobs that are over is kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// For so long from their end.
    pub age: Duration,
    /// So many bytes of all jobs; those that are not over count, but stay.
    pub bytes: u64,
}

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no room for more.
    #[error("there is no room for jobs on the disk of {}: {reason}; free some, or remove jobs", place.display())]
    Full {
        /// Where they are kept.
        place: PathBuf,
        /// How much there is, or what the system said.
        reason: String,
    },
    /// They are kept elsewhere, and nobody answers there. It is worth another try.
    #[error(
        "the NATS servers of [cluster] do not answer ({reason}); look whether they run and whether this machine reaches \
         them: what is under way goes on by itself when they do"
    )]
    Away {
        /// What was noticed.
        reason: String,
    },
    /// The lease was over, or the job is.
    #[error("somebody else has this work by now, or nobody needs it any more")]
    Lost,
    /// Anything else.
    #[error("the store of jobs could not {act}: {reason}")]
    Broken {
        /// What it was about to do.
        act: &'static str,
        /// What went wrong.
        reason: String,
    },
}
