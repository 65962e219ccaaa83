//! Engines that come and go while others speak.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

use super::{super::Refusal, Scheduler};
use crate::config::Config;

/// How often it is looked whether an engine that was withdrawn has finished.
const LOOK: Duration = Duration::from_millis(20);

impl Scheduler {
    /// Counts with an engine's workers as this configuration lays them out from now on: on which devices they may be, and
    /// how much of them each takes. How many there are is seen when it has changed.
    pub fn lay_out(self: &Arc<Self>, config: &Config, engine: &str) {
        self.desk().lay_out(config, engine);
        self.settle();
    }

    /// Lets nobody in any more who asks for an engine, and waits until whoever was let in has what is asked of it. False
    /// if that takes longer than `grace`.
    pub async fn withdraw(self: &Arc<Self>, engine: &str, grace: Duration) -> bool {
        self.pools.withdraw(engine);
        self.news.send_replace(());
        let finished = async {
            while self.desk().is_asked_of(engine) {
                sleep(LOOK).await;
            }
        };
        timeout(grace, finished).await.is_ok()
    }

    /// Sees that an engine has workers now, or has none: then whoever still waits for it is told.
    pub fn look_anew(self: &Arc<Self>, engine: &str) {
        let now = self.now();
        {
            let mut desk = self.desk();
            desk.count(engine, &self.pools, now);
            if self.pools.at_work(engine).is_none() {
                desk.abandon(engine);
            }
        }
        self.news.send_replace(());
        self.settle();
    }

    /// Whether a stream that was let in may ask more of an engine.
    pub(super) fn still_usable(&self, engine: &str) -> Result<(), Refusal> {
        match self.pools.get(engine) {
            None if self.pools.at_work(engine).is_some() => Ok(()),
            _ => self.usable(engine),
        }
    }
}
