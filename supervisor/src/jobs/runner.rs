//! Does what the store has to be done: cuts texts, has segments spoken behind everybody who listens, and finishes audio.
//!
//! Of each engine as many segments are claimed as keep all of its workers busy: one that is spoken, and one that is ready
//! when that is done. A claimed segment waits at the scheduler like any other of the class `batch`, so whoever listens
//! goes first, and the rest is ours.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{select, task::JoinSet, time::sleep};

use super::{
    Job, JobError, Jobs, Lease, Piece, StoreError, Stored, Take, Wanted, Work,
    cutting::cut,
    hold::{LEASE, under},
    spool::{Growth, broken},
    verdict::{Verdict, verdict},
};
use crate::speech::ClientId;

/// How long nothing is begun after the store did not do what it was asked: a full disk stays full for a while.
const TROUBLE: Duration = Duration::from_secs(3);
/// How often it is looked for work that nobody told of: what rested, what another node gave back, engines that came up.
const LOOK: Duration = Duration::from_millis(500);
/// Texts that are cut at once, and files that are finished.
const CUTTING: usize = 2;
const FINISHING: usize = 2;
/// What a piece of work counts as.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Cut,
    Speak(String),
    Finish,
}

/// Works until it is told to rest.
pub(super) async fn run(jobs: Arc<Jobs>) {
    let mut tasks: JoinSet<Kind> = JoinSet::new();
    let mut counts: HashMap<Kind, usize> = HashMap::new();
    let mut idle_until: Option<Instant> = None;
    loop {
        let is_stopping = *jobs.stopping.borrow();
        if is_stopping && tasks.is_empty() {
            return;
        }
        idle_until = idle_until.filter(|until| *until > Instant::now());
        if !is_stopping && idle_until.is_none() {
            idle_until = claim(&jobs, &mut tasks, &mut counts).await;
        }
        if tasks.is_empty() {
            jobs.pace().rest(Instant::now());
        }
        select! {
            Some(ended) = tasks.join_next() => {
                match ended {
                    Ok(kind) => {
                        if let Some(count) = counts.get_mut(&kind) {
                            *count = count.saturating_sub(1);
                        }
                    }
                    // What it was is not known any more, so all is counted anew as these end.
                    Err(error) => {
                        tracing::error!("Work on a job fell over: {error}");
                        counts.clear();
                    }
                }
                jobs.under_way.send_replace(tasks.len());
                if jobs.trouble.now().is_some() {
                    idle_until = Some(Instant::now() + TROUBLE);
                }
            }
            () = jobs.kick.notified() => {}
            () = sleep(LOOK) => {}
        }
    }
}

/// Claims as much as there is room for. Tells until when nothing more is to be tried.
async fn claim(
    jobs: &Arc<Jobs>,
    tasks: &mut JoinSet<Kind>,
    counts: &mut HashMap<Kind, usize>,
) -> Option<Instant> {
    loop {
        let count = |kind: &Kind| counts.get(kind).copied().unwrap_or(0);
        let engines = engines_with_room(jobs, |engine| count(&Kind::Speak(engine.to_owned())));
        let wanted = Wanted {
            engines: if count(&Kind::Cut) < CUTTING { engines } else { Vec::new() },
            finish: count(&Kind::Finish) < FINISHING,
            tell: false,
        };
        if wanted.engines.is_empty() && !wanted.finish {
            return None;
        }
        // What is spoken while there is no room for it is spoken again.
        let is_troubled = jobs.trouble.now().is_some();
        let room = if is_troubled { jobs.store().room().await } else { Ok(()) };
        let claimed = match room {
            Ok(()) => jobs.store().claim(wanted, LEASE).await,
            Err(error) => Err(error),
        };
        let work = match claimed {
            Ok(Some(work)) => work,
            Ok(None) => {
                jobs.trouble.is_over();
                return None;
            }
            Err(error) => {
                jobs.trouble.met(&error);
                return Some(Instant::now() + TROUBLE);
            }
        };
        jobs.pace().begin(Instant::now());
        let kind = match &work {
            Work::Cut { .. } => Kind::Cut,
            Work::Speak { piece, .. } => Kind::Speak(piece.engine.clone()),
            Work::Finish { .. } => Kind::Finish,
            // Nobody asked for it here.
            Work::Tell { .. } => return None,
        };
        *counts.entry(kind.clone()).or_default() += 1;
        let jobs_of_task = Arc::clone(jobs);
        tasks.spawn(async move {
            work_on(&jobs_of_task, work).await;
            kind
        });
        jobs.under_way.send_replace(tasks.len());
    }
}

/// Engines that can speak, and of whose workers some would have nothing ready.
fn engines_with_room(jobs: &Jobs, under_way: impl Fn(&str) -> usize) -> Vec<String> {
    let pools = jobs.studio().scheduler().pools();
    let room = pools.iter().filter(|pool| {
        let batch = pool.ready().map_or(1, |ready| ready.max_batch.max(1));
        let most = pool.size().saturating_mul(usize::try_from(batch).unwrap_or(1)).saturating_mul(2);
        pools.failure(pool.engine()).is_none() && under_way(pool.engine()) < most
    });
    room.map(|pool| pool.engine().to_owned()).collect()
}

async fn work_on(jobs: &Arc<Jobs>, work: Work) {
    let (lease, outcome) = match work {
        Work::Cut { lease, job, book } => {
            let engines = job.engines.clone();
            let cut = cut(jobs.studio(), jobs.casting(), &engines, job.order.clone(), book);
            let outcome = match under(jobs, &lease, cut).await {
                Some(Ok(plan)) => jobs.store().plan(&lease, plan).await.map_err(Ended::Store),
                Some(Err(verdict)) => Err(Ended::Told(verdict)),
                None => Err(Ended::Store(StoreError::Lost)),
            };
            if outcome.is_ok() {
                tell_now(jobs, &lease).await;
            }
            (lease, outcome)
        }
        Work::Speak { lease, piece, tries } => {
            let outcome = match under(jobs, &lease, speak(jobs, &piece, tries)).await {
                Some(Ok(take)) => keep(jobs, &lease, &piece, take).await,
                Some(Err(verdict)) => Err(Ended::Told(verdict)),
                None => Err(Ended::Store(StoreError::Lost)),
            };
            (lease, outcome)
        }
        Work::Finish { lease, job } => {
            let outcome = match under(jobs, &lease, finish(jobs, &lease, &job)).await {
                Some(outcome) => outcome,
                None => Err(Ended::Store(StoreError::Lost)),
            };
            (lease, outcome)
        }
        Work::Tell { .. } => return,
    };
    match outcome {
        Ok(()) => jobs.trouble.is_over(),
        Err(ended) => settle(jobs, &lease, ended).await,
    }
}

/// Why work has ended without being done.
enum Ended {
    Told(Verdict),
    Store(StoreError),
}

/// Has a segment spoken, asking for its turn as often as it is told to come again.
async fn speak(jobs: &Jobs, piece: &Piece, tries: u32) -> Result<Take, Verdict> {
    loop {
        match jobs.studio().solo(piece.segment(), ClientId::local("jobs")).await {
            Ok(solo) => return Ok(Take { pcm: solo.pcm, rate: solo.rate, skipped: solo.skipped }),
            Err(error) => match verdict(&error, tries) {
                Verdict::Later(_) if *jobs.stopping.borrow() => return Err(Verdict::Ends),
                Verdict::Later(delay) => sleep(delay).await,
                other => return Err(other),
            },
        }
    }
}

async fn keep(jobs: &Jobs, lease: &Lease, piece: &Piece, take: Take) -> Result<(), Ended> {
    match jobs.store().put(lease, take).await.map_err(Ended::Store)? {
        Stored::Now { last } => {
            jobs.stored(piece.spoken_ms);
            jobs.tell(&lease.job, Some(super::JobState::Running));
            if last {
                jobs.kick.notify_one();
            }
        }
        Stored::Before => {}
    }
    Ok(())
}

/// Waits for the audio to be joined and encoded to its end, and hands it over.
async fn finish(jobs: &Arc<Jobs>, lease: &Lease, job: &Job) -> Result<(), Ended> {
    let waits = |error: JobError| Ended::Told(Verdict::Waits(TROUBLE, error));
    let spool = jobs.spool(job).await.map_err(waits)?;
    let mut growth = spool.growth();
    let grown =
        growth.wait_for(|growth| !matches!(growth, Growth::Growing(_))).await.map(|growth| growth.clone());
    match grown {
        Ok(Growth::Complete(finished)) => {
            let finished = super::Finished::clone(&finished);
            jobs.store().finish(lease, finished).await.map_err(Ended::Store)?;
            jobs.forget_spool(&lease.job);
            if let Ok(Some(job)) = jobs.store().job(&lease.job).await {
                jobs.told_of_end(&job);
            }
            Ok(())
        }
        Ok(Growth::Broken(error)) => Err(waits(error)),
        Ok(Growth::Growing(_)) | Err(_) => {
            jobs.forget_spool(&lease.job);
            Err(waits(JobError {
                code: "internal".into(),
                message: "nobody wrote the audio to its end".into(),
            }))
        }
    }
}

/// A job was cut: its audio begins to grow, and whoever watches is told.
async fn tell_now(jobs: &Arc<Jobs>, lease: &Lease) {
    if let Ok(Some(job)) = jobs.store().job(&lease.job).await
        && job.state == super::JobState::Running
    {
        if let Err(error) = jobs.spool(&job).await {
            tracing::warn!(job = %job.id, "{}", error.message);
        }
        jobs.tell(&job.id, Some(job.state));
    }
}

/// What becomes of work that was not done.
async fn settle(jobs: &Jobs, lease: &Lease, ended: Ended) {
    let (delay, why, failed) = match ended {
        Ended::Store(StoreError::Lost) => return,
        Ended::Store(error) => {
            jobs.trouble.met_by(&lease.job, &error);
            (TROUBLE, Some(broken(&error)), false)
        }
        Ended::Told(Verdict::Ends) => (Duration::ZERO, None, false),
        Ended::Told(Verdict::Later(delay)) => (delay, None, false),
        Ended::Told(Verdict::Waits(delay, why)) => (delay, Some(why), false),
        Ended::Told(Verdict::Again(delay, why)) => (delay, Some(why), true),
        Ended::Told(Verdict::Never(error)) => {
            match jobs.store().fail(&lease.job, error).await {
                Ok(Some(job)) => jobs.told_of_end(&job),
                Ok(None) => {}
                Err(error) => tracing::error!(job = %lease.job, "{error}"),
            }
            return;
        }
    };
    if let Err(error) = jobs.store().release(lease, delay, why, failed).await {
        jobs.trouble.met_by(&lease.job, &error);
    }
}
