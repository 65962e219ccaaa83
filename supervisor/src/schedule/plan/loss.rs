//! Less capacity than was counted on: who stays in time, and who waits behind them.

use super::{
    Board, Micros,
    forward::Play,
    stream::{Rank, Stream},
};
use crate::speech::Priority;

impl Board {
    /// Plays admission again, in the order in which streams came: as many of the oldest interactive ones as can be
    /// kept in time are, and the newer ones wait behind them, so that not everybody suffers a little. Batch work is
    /// behind all of them, as it always is. When capacity comes back the same decides who comes forward again.
    pub(super) fn reconsider(&mut self, now: Micros) {
        let interactive = self.slots.iter().flatten().filter(|stream| stream.class == Priority::Interactive);
        let mut ages: Vec<u64> = interactive.map(|stream| stream.seq).collect();
        ages.sort_unstable();
        let fits = |newest: &u64| {
            let is_kept = |stream: &Stream| stream.class == Priority::Interactive && stream.seq <= *newest;
            Play::ranked(self, now, |stream| is_kept(stream).then_some(Rank::Interactive)).run().is_ok()
        };
        let kept = if ages.last().is_none_or(fits) { ages.len() } else { ages.partition_point(fits) };
        let first_behind = ages.get(kept).copied().unwrap_or(u64::MAX);
        for slot in 0..self.slots.len() {
            let Some(Some(stream)) = self.slots.get_mut(slot) else { continue };
            let rank = match stream.class {
                // Its share, too, is only for as long as everybody who listens can be kept in time.
                Priority::Batch if kept < ages.len() => Rank::Batch,
                Priority::Batch => stream.rank,
                Priority::Interactive if stream.seq < first_behind => Rank::Interactive,
                Priority::Interactive => Rank::Behind,
            };
            if stream.rank != rank {
                stream.rank = rank;
                self.expose(slot, now);
            }
        }
    }
}
