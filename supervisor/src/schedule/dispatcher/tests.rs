//! The scheduler's pulse.

use std::collections::BTreeMap;

use ishowtts_workers::process::{Launch, Launcher};
use tokio::time::timeout;

use super::*;
use crate::{config::Overrides, placement::Cards, pools::Places, sandbox::Sandbox};

/// Longer than a beat takes, shorter than a test may.
const A_WHILE: Duration = Duration::from_millis(200);

/// A scheduler without any worker: its engine has no interpreter.
async fn scheduler(dir: &std::path::Path) -> Arc<Scheduler> {
    let file = dir.join("ishowtts.toml");
    std::fs::write(&file, "[engines.tone]\nenabled = true\n").unwrap();
    let given = Overrides { config: Some(file), state_dir: Some(dir.to_owned()), ..Overrides::default() };
    let config = crate::config::load(&given).unwrap();
    let places = Places {
        code: dir.to_owned(),
        runtime: dir.to_owned(),
        kept: dir.to_owned(),
        interpreters: BTreeMap::new(),
        launcher: dir.to_owned(),
        log_level: "info".into(),
        sandbox: Sandbox::prepare(&config, &BTreeMap::new()).await,
        cards: Cards::default(),
    };
    let launcher: Arc<dyn Launch> = Arc::new(Launcher::start().unwrap());
    Scheduler::start(Arc::new(Pools::start(&config, &places, &launcher, BTreeMap::new())), &config)
}

#[tokio::test]
async fn a_scheduler_with_nothing_to_do_has_a_pulse() {
    let dir = tempfile::TempDir::new().unwrap();
    let scheduler = scheduler(dir.path()).await;
    for _ in 0..3 {
        assert_eq!(scheduler.pulse().await, Ok(()));
    }
}

#[tokio::test]
async fn what_is_told_while_somebody_looks_is_heard_once_he_has_looked() {
    let dir = tempfile::TempDir::new().unwrap();
    let scheduler = scheduler(dir.path()).await;
    let (heard, mut beat) = oneshot::channel();
    scheduler.look(|_| {
        scheduler.tell(Event::Beat(heard));
        assert!(beat.try_recv().is_err(), "the desk is taken");
    });
    assert_eq!(beat.try_recv(), Ok(Ok(())), "and nothing else has happened since");
}

#[tokio::test]
async fn while_the_desk_is_held_no_beat_comes_back() {
    let dir = tempfile::TempDir::new().unwrap();
    let scheduler = scheduler(dir.path()).await;
    let (held, is_held) = oneshot::channel();
    let (free, is_free) = std::sync::mpsc::channel::<()>();
    let holder = std::thread::spawn({
        let scheduler = Arc::clone(&scheduler);
        move || {
            let desk = scheduler.desk();
            held.send(()).unwrap();
            is_free.recv().unwrap();
            drop(desk);
        }
    });
    is_held.await.unwrap();
    assert!(timeout(A_WHILE, scheduler.pulse()).await.is_err(), "nobody answers for a desk that is held");
    free.send(()).unwrap();
    holder.join().unwrap();
    assert_eq!(scheduler.pulse().await, Ok(()), "the next one is heard");
}
