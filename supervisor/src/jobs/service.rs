//! Jobs, as surfaces and commands see them: taken in, looked at, listened to, taken back.

use std::{
    collections::HashMap,
    fmt, io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{Notify, broadcast, watch};

use super::{
    Casting, Created, Growth, Job, JobError, JobId, JobState, NewJob, Pace, Query, Scope, Spool, Store,
    StoreError, Totals, Wording, hooks, progress, runner, spool::broken, trouble::Trouble,
};
use crate::{config, stream::Studio};

/// So many changes wait for whoever watches; who is slower looks for itself.
const NEWS: usize = 256;

/// Something of a job has changed: a segment was stored, its state is another one, or it is gone.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which job.
    pub id: JobId,
    /// Where it is now; `None` if it was removed.
    pub state: Option<JobState>,
}

/// Everything that has to do with jobs. One for a process.
pub struct Jobs {
    store: Arc<dyn Store>,
    studio: Arc<Studio>,
    casting: Casting,
    config: config::Jobs,
    news: broadcast::Sender<Change>,
    spools: Mutex<HashMap<JobId, Arc<Spool>>>,
    pace: Mutex<Pace>,
    /// There may be something to do.
    pub(super) kick: Notify,
    /// No new work is begun any more.
    pub(super) stopping: watch::Sender<bool>,
    /// Pieces of work that are under way.
    pub(super) under_way: watch::Sender<usize>,
    wording: Wording,
    /// A job is over: somebody may have to be told.
    pub(super) ended: Notify,
    /// Why nothing goes on.
    pub(super) trouble: Trouble,
}

/// Why a job is not taken in.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotTaken {
    /// There are too many that are not over.
    #[error(
        "{open} jobs wait or are being spoken; [jobs] max_jobs allows {most}: wait for some, or take some back"
    )]
    TooMany {
        /// How many there are.
        open: u64,
        /// How many there may be.
        most: u64,
    },
    /// The same idempotency key was used for another request.
    #[error("the Idempotency-Key was used before, for another request, of which the job {0} came")]
    Conflict(JobId),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where a job's audio can be had.
#[derive(Clone, Debug)]
pub enum Sound {
    /// All of it.
    Done {
        /// The file as it was encoded, without what tells of it.
        file: PathBuf,
    },
    /// What there is of it.
    Growing(Arc<Spool>),
    /// Nothing yet, or nothing any more.
    None,
}

impl Jobs {
    /// Over a store. Begins to work at once. `wording` writes what is told of the end of a job.
    pub fn start(
        store: Arc<dyn Store>,
        studio: Arc<Studio>,
        casting: Casting,
        wording: Wording,
        config: config::Jobs,
    ) -> Arc<Self> {
        let jobs = Arc::new(Self {
            store,
            studio,
            casting,
            config,
            news: broadcast::Sender::new(NEWS),
            spools: Mutex::default(),
            pace: Mutex::default(),
            kick: Notify::new(),
            stopping: watch::Sender::new(false),
            under_way: watch::Sender::new(0),
            wording,
            ended: Notify::new(),
            trouble: Trouble::default(),
        });
        if let Some(news) = jobs.store.news() {
            tokio::spawn(others(Arc::clone(&jobs), news));
        }
        tokio::spawn(hooks::run(Arc::clone(&jobs)));
        tokio::spawn(runner::run(Arc::clone(&jobs)));
        tokio::spawn(runner::sweep(Arc::clone(&jobs)));
        jobs
    }

    /// Where they are kept.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(super) fn studio(&self) -> &Arc<Studio> {
        &self.studio
    }

    /// Who gives texts their voices.
    pub fn casting(&self) -> &Casting {
        &self.casting
    }

    /// Writes what is told of the end of a job.
    pub(super) fn wording(&self) -> &Wording {
        &self.wording
    }

    /// What the configuration says of them.
    pub fn config(&self) -> &config::Jobs {
        &self.config
    }

    /// Takes a job in. `false`: the same was asked for before, and this is what came of it.
    pub async fn submit(&self, new: NewJob) -> Result<(Job, bool), NotTaken> {
        let most = u64::from(self.config.max_jobs);
        let open = self.store.totals().await?.open();
        if open >= most && new.idempotency_key.is_none() {
            return Err(NotTaken::TooMany { open, most });
        }
        let id = new.id.clone();
        match self.store.create(new).await? {
            // Whoever asks again is told of the job that is there, however many there are.
            Created::New(_) if open >= most => {
                self.store.remove(&id).await?;
                Err(NotTaken::TooMany { open, most })
            }
            Created::New(job) => {
                tracing::info!(
                    job = %job.id,
                    title = job.title,
                    characters = job.characters,
                    voice = job.order.voice,
                    engines = job.engines.join(","),
                    "A job was taken in"
                );
                self.tell(&job.id, Some(job.state));
                self.kick.notify_one();
                Ok((*job, true))
            }
            Created::Before(job) => Ok((*job, false)),
            Created::Conflict(id) => Err(NotTaken::Conflict(id)),
        }
    }

    /// One job, if it is in this scope.
    pub async fn job(&self, id: &JobId, scope: &Scope) -> Result<Option<Job>, StoreError> {
        let job = self.store.job(id).await?.filter(|job| scope.has(job.owner.as_deref()));
        Ok(job.map(|job| self.as_it_stands(job)))
    }

    /// One page of jobs.
    pub async fn list(&self, query: Query) -> Result<Vec<Job>, StoreError> {
        let jobs = self.store.list(query).await?;
        Ok(jobs.into_iter().map(|job| self.as_it_stands(job)).collect())
    }

    /// With what keeps it waiting, which the store may have been unable to note.
    fn as_it_stands(&self, job: Job) -> Job {
        let trouble = if job.state.is_over() { None } else { self.trouble.now() };
        Job { error: job.error.or(trouble), ..job }
    }

    /// What all jobs come to.
    pub async fn totals(&self) -> Result<Totals, StoreError> {
        self.store.totals().await
    }

    /// Takes a job back that is not over, or removes one that is. Answers with the job that was taken back; `None`: it
    /// was removed.
    pub async fn delete(&self, job: &Job) -> Result<Option<Job>, StoreError> {
        if job.state.is_over() {
            self.store.remove(&job.id).await?;
            self.forget_spool(&job.id);
            self.tell(&job.id, None);
            return Ok(None);
        }
        let cancelled = self.store.cancel(&job.id).await?;
        if let Some(job) = &cancelled {
            self.told_of_end(job);
        }
        self.kick.notify_one();
        Ok(cancelled)
    }

    /// Changes from now on, of this process and of those that it shares its store with.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.news.subscribe()
    }

    pub(super) fn tell(&self, id: &JobId, state: Option<JobState>) {
        // Whoever nobody listens to tells nobody.
        drop(self.news.send(Change { id: id.clone(), state }));
    }

    /// A job is over: one line of log, whoever ended it.
    pub(super) fn told_of_end(&self, job: &Job) {
        let took = job.ended_ms.unwrap_or_default().saturating_sub(job.created_ms);
        tracing::info!(
            job = %job.id,
            state = job.state.label(),
            title = job.title,
            characters = job.characters,
            segments = job.segments,
            audio_ms = job.audio_ms,
            elapsed_ms = took,
            error = job.error.as_ref().map(|error| error.message.as_str()),
            "Job finished"
        );
        self.ended.notify_one();
        self.tell(&job.id, Some(job.state));
    }

    /// How long it will take until a job is done, if all goes on as it did lately. `None` if nobody can know: too little
    /// was seen, or it does not go on at present.
    pub async fn estimate(&self, job: &Job) -> Result<Option<Duration>, StoreError> {
        if job.state.is_over() || job.error.is_some() {
            return Ok(None);
        }
        let ahead = self.store.ahead(&job.id).await?;
        Ok(self.pace().time_for(ahead.saturating_add(progress::left_ms(job))))
    }

    pub(super) fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a job's audio can be had now.
    pub async fn sound(self: &Arc<Self>, job: &Job) -> Result<Sound, JobError> {
        match job.state {
            JobState::Done => {
                let file = self.store.audio(&job.id).await.map_err(|error| broken(&error))?;
                Ok(file.map_or(Sound::None, |file| Sound::Done { file }))
            }
            JobState::Running => Ok(Sound::Growing(self.spool(job).await?)),
            JobState::Queued | JobState::Failed | JobState::Cancelled => Ok(Sound::None),
        }
    }

    /// The growing audio of a job that was cut.
    pub(super) async fn spool(self: &Arc<Self>, job: &Job) -> Result<Arc<Spool>, JobError> {
        if let Some(spool) = self.spools().get(&job.id) {
            return Ok(Arc::clone(spool));
        }
        let book = self.store.book(&job.id).await.map_err(|error| broken(&error))?;
        let titles = book.into_iter().flat_map(|book| book.chapters).map(|chapter| chapter.title);
        let titles: Vec<_> = titles.collect();
        let mut spools = self.spools();
        if let Some(spool) = spools.get(&job.id) {
            return Ok(Arc::clone(spool));
        }
        let begun = Spool::begin(self, job, titles);
        let spool = begun.map_err(|error: io::Error| JobError {
            code: if error.kind() == io::ErrorKind::StorageFull { "disk_full" } else { "internal" }.into(),
            message: format!("could not begin the audio of a job: {error}"),
        })?;
        spools.insert(job.id.clone(), Arc::clone(&spool));
        Ok(spool)
    }

    pub(super) fn forget_spool(&self, id: &JobId) {
        self.spools().remove(id);
    }

    fn spools(&self) -> MutexGuard<'_, HashMap<JobId, Arc<Spool>>> {
        self.spools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins no new work, and waits until what is under way has ended.
    pub async fn rest(&self) {
        self.stopping.send_replace(true);
        self.kick.notify_one();
        let mut under_way = self.under_way.subscribe();
        // The sender is ours.
        drop(under_way.wait_for(|count| *count == 0).await);
    }

    pub(super) fn stored(&self, spoken_ms: f64) {
        self.pace().stored(spoken_ms, Instant::now());
    }
}

/// What others change is told on, and audio that was finished elsewhere is not kept in the making.
async fn others(jobs: Arc<Jobs>, mut news: broadcast::Receiver<Change>) {
    loop {
        let change = match news.recv().await {
            Ok(change) => change,
            // Whoever waits looks for itself, now and then.
            Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        if change.state.is_none_or(JobState::is_over) {
            let spool = jobs.spools().get(&change.id).cloned();
            if let Some(spool) = spool.filter(|spool| matches!(*spool.growth().borrow(), Growth::Complete(_)))
            {
                jobs.forget_spool(&change.id);
                drop(tokio::fs::remove_file(&spool.file).await);
            }
        } else if change.state == Some(JobState::Queued) {
            jobs.kick.notify_one();
        }
        drop(jobs.news.send(change));
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs")
            .field("store", &self.store)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
