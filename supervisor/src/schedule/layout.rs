//! Pools and devices, as the plan numbers them.
//!
//! What has a number once keeps it: an engine that has fewer workers than before has numbers to spare for when it has
//! more again.

use std::{collections::BTreeMap, thread::available_parallelism};

use super::plan::{Board, Micros, Seat, WorkerIndex};
use crate::config::{Config, Device, Engine};

/// The plan's numbers for engines, workers and devices.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// Devices by their number.
    devices: Vec<String>,
    /// Engines by pool.
    pools: Vec<Plot>,
    /// Pool and seat of each worker.
    workers: Vec<(usize, usize)>,
    settings: BTreeMap<String, Device>,
}

/// An engine's part of the plan.
#[derive(Clone, Debug)]
struct Plot {
    engine: String,
    /// What its workers compute on, and how much each of them takes of it.
    devices: Vec<String>,
    slots: u32,
    /// Its workers by seat, and how many of the seats are there now.
    workers: Vec<WorkerIndex>,
    open: usize,
}

impl Names {
    /// Of devices with the settings of this configuration.
    pub(super) fn new(config: &Config) -> Self {
        Self { settings: config.devices.clone(), ..Self::default() }
    }

    /// An engine's workers are to be laid out like this from now on, however many there are.
    pub(super) fn lay_out(&mut self, name: &str, engine: &Engine, board: &mut Board) {
        let (devices, slots) = (engine.devices.clone(), slots(engine));
        if let Some(plot) = self.pool(name).and_then(|pool| self.pools.get_mut(pool)) {
            (plot.devices, plot.slots) = (devices, slots);
        } else {
            board.add_pool();
            let (engine, workers) = (name.to_owned(), Vec::new());
            self.pools.push(Plot { engine, devices, slots, workers, open: 0 });
        }
        self.measure(board);
    }

    /// An engine has so many seats from now on.
    pub(super) fn resize(&mut self, engine: &str, seats: usize, board: &mut Board, now: Micros) {
        let Some(pool) = self.pool(engine) else { return };
        let Some(plot) = self.pools.get_mut(pool).filter(|plot| plot.open != seats) else { return };
        let before = std::mem::replace(&mut plot.open, seats);
        // What is there now is there for those who come.
        self.measure(board);
        let Some(plot) = self.pools.get_mut(pool) else { return };
        for worker in plot.workers.iter().take(before).skip(seats) {
            board.close_worker(*worker, now);
        }
        for worker in plot.workers.iter().take(seats).skip(before) {
            board.open_worker(*worker);
        }
        let shared: Vec<&String> = self.devices.iter().collect();
        while plot.workers.len() < seats {
            let at = plot.workers.len();
            // Where each worker really is will be known when it sits there.
            let device = plot.devices.get(at % plot.devices.len().max(1));
            let device = device.and_then(|device| shared.iter().position(|name| *name == device));
            plot.workers.push(board.add_worker(pool, Seat { device, slots: plot.slots }));
            self.workers.push((pool, at));
        }
    }

    /// Gives each device a number that has none, and as much room as it has by its settings.
    fn measure(&mut self, board: &mut Board) {
        let mut wanted: BTreeMap<&String, u32> = BTreeMap::new();
        for plot in &self.pools {
            for device in plot.devices.iter().filter(|device| *device != "none") {
                // Whoever sits in its seats may be on any of its devices.
                let seats = u32::try_from(plot.open).unwrap_or(u32::MAX);
                let most = wanted.entry(device).or_default();
                *most = most.saturating_add(plot.slots.saturating_mul(seats));
            }
        }
        for (device, wanted) in wanted {
            let settings = self.settings.get(device);
            let usual = if device == "cpu" { cores() } else { 1 };
            let overlap = settings.is_some_and(|settings| settings.overlap);
            let most = settings.and_then(|settings| settings.slots).unwrap_or(usual);
            let room = if overlap { wanted.max(most) } else { most };
            if let Some(number) = self.devices.iter().position(|name| name == device) {
                board.set_room(number, room);
            } else {
                self.devices.push(device.clone());
                board.add_device(room);
            }
        }
    }

    /// Devices by their number.
    pub(super) fn devices(&self) -> &[String] {
        &self.devices
    }

    /// The place of an engine's worker on this device.
    pub(super) fn seat_on(&self, engine: &str, device: &str) -> Option<Seat> {
        let plot = self.pools.get(self.pool(engine)?)?;
        // `None` for what takes no share of any.
        let device = self.devices.iter().position(|name| name == device);
        Some(Seat { device, slots: plot.slots })
    }

    pub(super) fn pool(&self, engine: &str) -> Option<usize> {
        self.pools.iter().position(|plot| plot.engine == engine)
    }

    /// Number of an engine's worker among all workers.
    pub(super) fn worker(&self, engine: &str, seat: usize) -> Option<WorkerIndex> {
        self.pools.get(self.pool(engine)?)?.workers.get(seat).copied()
    }

    /// The workers in an engine's seats that are there now, by seat.
    pub(super) fn workers(&self, engine: &str) -> &[WorkerIndex] {
        let plot = self.pool(engine).and_then(|pool| self.pools.get(pool));
        plot.and_then(|plot| plot.workers.get(..plot.open)).unwrap_or_default()
    }

    /// How many workers have a number.
    pub(super) fn count(&self) -> usize {
        self.workers.len()
    }

    /// The engine of a worker, and which of the engine's seats is its own.
    pub(super) fn engine_of(&self, worker: WorkerIndex) -> Option<(&str, usize)> {
        let (pool, seat) = *self.workers.get(worker)?;
        Some((&self.pools.get(pool)?.engine, seat))
    }
}

/// What a worker takes of its device: as many cores as it has threads, or the whole of a GPU.
fn slots(engine: &Engine) -> u32 {
    if engine.devices.iter().any(|device| device == "cpu") { engine.threads } else { 1 }
}

fn cores() -> u32 {
    available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}
