//! Voices that were sent to us, brought to the workers of their engine.

use crate::{config::Config, pools::Pools, voices::Shelf};

/// Has an engine's workers know its voices as they are on the shelf, by `config` for all the rest. One that its workers
/// do not start with is refused, and the others are not.
pub(super) async fn settle(shelf: &Shelf, pools: &Pools, config: &Config, engine: &str) {
    if pools.get(engine).is_none() {
        shelf.without_workers(engine);
        return;
    }
    let mut alone = false;
    while shelf.unsettled().contains(engine) {
        let mut config = config.clone();
        let heard = shelf.hear_in(&mut config, Some(engine), alone);
        match pools.renew(&config, engine).await {
            Ok(()) => {
                shelf.in_force(&heard);
                tracing::info!(engine, new = heard.new_ones(), "Workers know the voices that were sent");
            }
            // Which of them it was is found out one by one.
            Err(reason) if heard.new_ones() > 1 => {
                tracing::warn!(
                    engine,
                    "Workers do not start with these voices, so each is tried alone: {reason}"
                );
                alone = true;
            }
            Err(reason) if heard.new_ones() == 1 => {
                tracing::error!(engine, "Workers do not start with a voice that was sent: {reason}");
                shelf.refuse(&heard, &reason);
            }
            Err(reason) => {
                tracing::error!(engine, "Workers do not start without a voice that was removed: {reason}");
                return;
            }
        }
    }
}
