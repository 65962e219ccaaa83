//! The thread that asks, and what it heard last.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use super::{Readings, Sensors};

/// What was heard of the GPUs last. Cheap to clone, and never waits for them.
#[derive(Clone, Debug, Default)]
pub struct Gpus(Arc<Mutex<Readings>>);

impl Gpus {
    /// What each GPU did when it was asked last; nothing on a machine without any.
    pub fn latest(&self) -> Readings {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, readings: Readings) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = readings;
    }
}

/// Asks again and again, until it is dropped.
#[derive(Debug)]
pub struct Watch {
    gpus: Gpus,
    /// Nothing is ever said on it: its end is the word.
    _stop: Option<mpsc::Sender<()>>,
}

impl Watch {
    /// Starts to ask, at once and then `every` so often. `root` as in [`Sensors::open`]; `wanted` are engines and
    /// the devices that they are to compute on, and the log is told of such that are not there.
    pub fn start(root: &Path, every: Duration, wanted: Vec<(String, String)>) -> Self {
        let gpus = Gpus::default();
        let (stop, stopped) = mpsc::channel();
        let (heard, root) = (gpus.clone(), root.to_owned());
        // A driver that never answers must not keep the process: the thread is not waited for.
        let thread = thread::Builder::new().name("gpu".into()).spawn(move || {
            let sensors = Sensors::open(&root);
            for (engine, device) in wanted {
                if let Some(why) = sensors.lacks(&device) {
                    tracing::warn!(engine, "The engine will not find its device: {why}");
                }
            }
            let mut told = Told::default();
            loop {
                let readings = sensors.read();
                if told.is_over(&readings, &sensors) {
                    return;
                }
                heard.set(readings);
                if stopped.recv_timeout(every) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        });
        if let Err(error) = &thread {
            tracing::warn!("GPUs are not watched: {error}");
        }
        Self { gpus, _stop: thread.is_ok().then_some(stop) }
    }

    /// What is heard.
    pub fn gpus(&self) -> &Gpus {
        &self.gpus
    }
}

/// What the log was told already, so that nothing is told twice.
#[derive(Default)]
struct Told {
    /// Whether it is still heard, for each GPU that ever was.
    devices: BTreeMap<String, bool>,
}

impl Told {
    /// Tells of GPUs that came and of such that fell silent. Whether there is none to ask.
    fn is_over(&mut self, readings: &Readings, sensors: &Sensors) -> bool {
        for (device, reading) in readings {
            if !self.devices.contains_key(device) {
                let name = reading.name.as_deref().unwrap_or("unnamed");
                tracing::info!(device, name, "Watching the GPU");
                self.devices.insert(device.clone(), true);
            }
        }
        for (device, heard) in &mut self.devices {
            if *heard && !readings.contains_key(device) {
                tracing::warn!(device, "The GPU tells nothing any more");
                *heard = false;
            }
        }
        let over = self.devices.is_empty();
        if over {
            tracing::debug!(
                "No GPU is watched: NVIDIA's driver {}",
                sensors.nvml_error().unwrap_or("sees none")
            );
        }
        over
    }
}
