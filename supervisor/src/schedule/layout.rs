//! Pools and devices, as the plan numbers them.

use std::{collections::BTreeMap, thread::available_parallelism};

use super::plan::{Layout, Seat};
use crate::config::{Config, Engine};

/// The plan's numbers for engines and devices.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// Engines by pool.
    pub(super) pools: Vec<String>,
    /// Number of each pool's first worker.
    pub(super) first_worker: Vec<usize>,
    /// Devices by their number.
    pub(super) devices: Vec<String>,
    pub(super) layout: Layout,
}

impl Names {
    /// Of the engines that have a pool, each with its number of workers.
    pub(super) fn new(config: &Config, sizes: &[(&str, usize)]) -> Self {
        let engines =
            sizes.iter().filter_map(|(name, size)| Some((*name, config.engines.get(*name)?, *size)));
        let engines: Vec<(&str, &Engine, usize)> = engines.collect();
        let mut names = Self::default();
        let mut wanted: BTreeMap<&str, u32> = BTreeMap::new();
        for (_, engine, size) in &engines {
            for device in engine.devices.iter().filter(|device| *device != "none") {
                // Whoever sits in its seats may be on any of its devices.
                let size = u32::try_from(*size).unwrap_or(u32::MAX);
                let most = wanted.entry(device).or_default();
                *most = most.saturating_add(slots(engine).saturating_mul(size));
            }
        }
        for (device, wanted) in wanted {
            let settings = config.devices.get(device);
            let usual = if device == "cpu" { cores() } else { 1 };
            let overlap = settings.is_some_and(|settings| settings.overlap);
            let most = settings.and_then(|settings| settings.slots).unwrap_or(usual);
            names.devices.push(device.to_owned());
            names.layout.devices.push(if overlap { wanted.max(most) } else { most });
        }
        let mut first = 0;
        for (name, engine, size) in engines {
            let numbers = engine.devices.iter().map(|device| names.device(device));
            let seat = |device| Seat { device, slots: slots(engine) };
            // Where each worker really is will be known when it sits there.
            let seats = numbers.cycle().map(seat).take(size).collect();
            names.pools.push(name.to_owned());
            names.first_worker.push(first);
            names.layout.pools.push(seats);
            first += size;
        }
        names
    }

    /// Number of a device; `None` for what takes no share of any.
    pub(super) fn device(&self, name: &str) -> Option<usize> {
        self.devices.iter().position(|device| device == name)
    }

    pub(super) fn pool(&self, engine: &str) -> Option<usize> {
        self.pools.iter().position(|name| name == engine)
    }

    /// Number of an engine's worker among all workers.
    pub(super) fn worker(&self, engine: &str, index: usize) -> Option<usize> {
        Some(self.first_worker.get(self.pool(engine)?)? + index)
    }

    /// The engine of a worker, and which of the engine's workers it is.
    pub(super) fn engine_of(&self, worker: usize) -> Option<(&str, usize)> {
        let pool = self.first_worker.partition_point(|first| *first <= worker).checked_sub(1)?;
        Some((self.pools.get(pool)?, worker - self.first_worker.get(pool)?))
    }
}

/// What a worker takes of its device: as many cores as it has threads, or the whole of a GPU.
fn slots(engine: &Engine) -> u32 {
    if engine.devices.iter().any(|device| device == "cpu") { engine.threads } else { 1 }
}

fn cores() -> u32 {
    available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}
