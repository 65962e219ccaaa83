//! More workers, or fewer: those that come serve when they are warm, and those that go finish first.

use std::{cmp::Reverse, sync::Arc};

use super::{Crew, Pool, came};
use crate::{
    lifecycle::{Command, Fault, Retirement, State},
    spec::WorkerSpec,
    worker::Worker,
};

impl Pool {
    /// Number and device of each worker.
    pub fn roll(&self) -> Vec<(u32, String)> {
        self.crew.lock().iter().map(|worker| (worker.spec().replica, worker.spec().device)).collect()
    }

    /// Has so many seats from now on, and so many workers in all: `newcomers` are started, and when there are more than
    /// `most` then, some of them leave, each when what it is speaking has ended. Returns when those who come are warm
    /// and those who go are gone. If one of them does not start, none of them comes, nobody goes, and its reason is
    /// returned.
    pub async fn resize(&self, seats: usize, most: usize, newcomers: Vec<WorkerSpec>) -> Result<(), String> {
        let crew = &self.crew;
        let _one_at_a_time = crew.renewing.lock().await;
        let before = crew.seats.count();
        let new: Vec<_> = newcomers.into_iter().map(|spec| crew.spawn(spec, 0)).collect();
        crew.lock().extend(new.iter().cloned());
        for worker in &new {
            if let Err(why) = came(worker, 0).await {
                tracing::error!(worker = worker.name(), "It does not start, so no worker is added: {why}");
                crew.seats.resize(before);
                crew.dismiss(&new).await;
                return Err(why);
            }
            let wanted = seats.min(crew.seats.count() + 1);
            if wanted > crew.seats.count() {
                crew.seats.resize(wanted);
            }
        }
        crew.seats.resize(seats);
        let surplus = crew.surplus(most);
        crew.dismiss(&surplus).await;
        Ok(())
    }
}

impl Crew {
    /// Those that can be done without best: who does not serve, then who shares its device with most, then who has no
    /// seat, then who came last.
    fn surplus(&self, most: usize) -> Vec<Arc<Worker>> {
        let mut kept = self.lock().clone();
        let mut surplus = Vec::new();
        while kept.len() > most {
            let rank = |(_, worker): &(usize, &Arc<Worker>)| {
                let serves = matches!(worker.watch().borrow().state, State::Ready | State::Busy);
                let device = worker.watch().borrow().device.clone();
                let beside = kept.iter().filter(|other| other.watch().borrow().device == device).count();
                (serves, Reverse(beside), self.seats.is_kept(worker.key()), Reverse(worker.spec().replica))
            };
            let Some((at, _)) = kept.iter().enumerate().min_by_key(rank) else { break };
            surplus.push(kept.remove(at));
        }
        surplus
    }

    /// Has workers leave for good, each when what it is speaking has ended.
    async fn dismiss(&self, workers: &[Arc<Worker>]) {
        for worker in workers {
            tracing::info!(worker = worker.name(), "It leaves for good");
            worker.tell(Command::Retire(Retirement::for_good(Fault::Asked))).await;
        }
        for worker in workers {
            worker.stopped().await;
            self.lock().retain(|other| other.key() != worker.key());
            self.count(worker);
        }
    }
}
