//! Which worker computes on which device: [`choose`] and [`spread`] decide, from how many workers a device has and how
//! much of its memory is free; [`Cards`] lets a worker see the one GPU that it was given and no other.

mod cards;

use std::cmp::Reverse;

pub use cards::Cards;

/// A device that a worker may be put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// Workers of the same engine that are there, or are to be.
    pub own: usize,
    /// Those of other engines.
    pub others: usize,
    /// Bytes of its memory that are free; absent if nobody knows.
    pub free: Option<u64>,
}

/// Where memory is no question: on the CPU, and where nothing is really computed.
pub const AMPLE: u64 = u64::MAX;

/// What a worker needs while it warms up, of what it held in the end.
const WARMING: (u64, u64) = (5, 4);

impl Site {
    /// Whether a worker that held so many bytes once it was warm can warm up there. Where nobody knows, it cannot.
    pub fn fits(&self, held: u64) -> bool {
        let (times, of) = WARMING;
        self.free.is_some_and(|free| free > held.saturating_mul(times) / of)
    }

    /// The less, the better: on one device workers take turns, so first of all those of an engine are spread evenly;
    /// then those of all engines; then most free memory counts.
    fn rank(&self) -> (usize, usize, Reverse<u64>) {
        (self.own, self.others, Reverse(self.free.unwrap_or(0)))
    }
}

/// The best of all devices for one more worker. If others hold more workers of its engine than it would, it goes
/// nowhere else for want of memory: a device without a worker would do nothing. The first of several that are as good.
/// `None` where it does not fit, and without any device.
pub fn choose(sites: &[Site], held: u64) -> Option<usize> {
    let fewest = sites.iter().map(|site| site.own).min()?;
    let able = sites.iter().enumerate().filter(|(_, site)| site.own == fewest && site.fits(held));
    able.min_by_key(|(_, site)| site.rank()).map(|(at, _)| at)
}

/// A device for each of so many workers of which nobody has measured one yet: by the same order, fitting or not. Empty
/// without any device.
pub fn spread(sites: &[Site], count: usize) -> Vec<usize> {
    let mut sites = sites.to_vec();
    let mut chosen = Vec::with_capacity(count);
    for _ in 0..count {
        let best = sites.iter().enumerate().min_by_key(|(_, site)| site.rank()).map(|(at, _)| at);
        if let Some(best) = best
            && let Some(site) = sites.get_mut(best)
        {
            site.own += 1;
            chosen.push(best);
        }
    }
    chosen
}

#[cfg(test)]
mod tests;
