//! A thread that owns a connection and does what it is told, one thing after the other: the runtime's own thread never
//! waits for a disk.

use std::{io, path::PathBuf, thread};

use tokio::sync::{mpsc, oneshot};

use super::trouble::Trouble;
use crate::jobs::StoreError;

/// So many tasks may wait; the next waits for room.
const QUEUE: usize = 64;

type Task<D> = Box<dyn FnOnce(&mut D) + Send>;

/// Tells a thread what to do with what it owns. The thread ends with the last of its hands.
#[derive(Debug)]
pub(super) struct Hand<D> {
    tasks: mpsc::Sender<Task<D>>,
    place: PathBuf,
}

impl<D: Send + 'static> Hand<D> {
    /// Starts a thread over something that it then owns.
    pub(super) fn over(mut owned: D, name: &str, place: PathBuf) -> io::Result<Self> {
        let (tasks, mut queue) = mpsc::channel::<Task<D>>(QUEUE);
        let run = move || {
            while let Some(task) = queue.blocking_recv() {
                task(&mut owned);
            }
        };
        thread::Builder::new().name(name.into()).spawn(run)?;
        Ok(Self { tasks, place })
    }

    /// Has something done and waits for what comes of it. `act` says what, for an error.
    pub(super) async fn ask<T, F>(&self, act: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut D) -> Result<T, Trouble> + Send + 'static,
    {
        let (done, answer) = oneshot::channel();
        // Whoever does not wait for the answer any more has it done all the same.
        let task: Task<D> = Box::new(move |owned| drop(done.send(work(owned))));
        let gone = || StoreError::Broken { act, reason: "its thread has ended".into() };
        self.tasks.send(task).await.map_err(|_closed| gone())?;
        let result = answer.await.map_err(|_dropped| gone())?;
        result.map_err(|trouble| trouble.told(act, &self.place))
    }
}
