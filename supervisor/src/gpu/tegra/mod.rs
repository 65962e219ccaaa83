//! A Jetson's GPU, in the files of its kernel. Where they are differs from release to release, so they are looked for
//! once; what a file says is read in [`parse`], which touches none.

mod parse;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use super::{
    Reading,
    files::{entries, text},
};

/// Where the GPU itself was before it had a frequency scaler among the others, newest first.
const OLD_PLACES: [&str; 3] =
    ["sys/devices/platform/gpu.0", "sys/devices/gpu.0", "sys/devices/17000000.ga10b"];

/// Between which clocks a GPU may choose, in hertz.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockRange {
    /// The lowest.
    pub min_hz: u64,
    /// The highest.
    pub max_hz: u64,
}

/// A Jetson's GPU and where it tells something.
#[derive(Debug)]
pub(super) struct Tegra {
    root: PathBuf,
    /// What kinds of board and chip it is.
    compatible: String,
    /// The GPU.
    device: PathBuf,
    /// What sets its clock.
    scaler: Option<PathBuf>,
    /// File with its temperature.
    temperature: Option<PathBuf>,
    rails: Vec<Rail>,
}

/// One measured supply.
#[derive(Debug)]
struct Rail {
    label: String,
    millivolts: PathBuf,
    milliamperes: PathBuf,
}

impl Tegra {
    /// Looks for it below `root`; `None` on any other machine.
    pub(super) fn find(root: &Path) -> Option<Self> {
        let compatible = text(&root.join("proc/device-tree/compatible")).unwrap_or_default();
        if !parse::is_tegra(&compatible) && !root.join("etc/nv_tegra_release").exists() {
            return None;
        }
        let (device, scaler) = gpu(root)?;
        let zones = entries(&root.join("sys/devices/virtual/thermal")).into_iter();
        let mut zones = zones
            .filter(|zone| text(&zone.join("type")).is_some_and(|kind| parse::is_gpu_zone(&kind)))
            .map(|zone| zone.join("temp"));
        Some(Self {
            temperature: zones.next(),
            rails: rails(root),
            root: root.to_owned(),
            compatible,
            device,
            scaler,
        })
    }

    /// The release of its system, such as `L4T 36.4.0`.
    pub(super) fn release(&self) -> Option<String> {
        parse::release(&text(&self.root.join("etc/nv_tegra_release"))?)
    }

    pub(super) fn compute_capability(&self) -> Option<(i32, i32)> {
        parse::compute_capability(&self.compatible)
    }

    pub(super) fn clock_range(&self) -> Option<ClockRange> {
        let hertz = |name: &str| text(&self.scaler.as_ref()?.join(name))?.parse().ok();
        Some(ClockRange { min_hz: hertz("min_freq")?, max_hz: hertz("max_freq")? })
    }

    pub(super) fn read(&self) -> Reading {
        let rails = self.rails.iter().filter_map(|rail| {
            let number = |path: &Path| text(path)?.parse::<f64>().ok().filter(|number| number.is_finite());
            Some((rail.label.as_str(), number(&rail.millivolts)? * number(&rail.milliamperes)? / 1e6))
        });
        let memory = shared_memory(&self.root);
        Reading {
            name: text(&self.root.join("proc/device-tree/model")),
            clock_hz: self.scaler.as_ref().and_then(|dir| text(&dir.join("cur_freq"))?.parse().ok()),
            load: text(&self.device.join("load")).and_then(|told| parse::load(&told)),
            temperature_c: self
                .temperature
                .as_ref()
                .and_then(|path| text(path))
                .and_then(|told| parse::temperature(&told)),
            power_w: parse::power(rails),
            memory_used: memory.map(|(used, _)| used),
            memory_total: memory.map(|(_, total)| total),
        }
    }
}

/// Memory in use and in all: the GPU shares that of the machine.
pub(super) fn shared_memory(root: &Path) -> Option<(u64, u64)> {
    parse::memory(&text(&root.join("proc/meminfo"))?)
}

/// The folders of the GPU and of what sets its clock.
fn gpu(root: &Path) -> Option<(PathBuf, Option<PathBuf>)> {
    let mut scalers = entries(&root.join("sys/class/devfreq")).into_iter();
    let scaler = scalers.find(|scaler| {
        let node = text(&scaler.join("device/of_node/name"));
        let own = scaler.file_name().unwrap_or_default().to_string_lossy();
        parse::is_gpu(node.as_deref().unwrap_or_default()) || parse::is_gpu(&own)
    });
    if let Some(scaler) = scaler {
        return Some((scaler.join("device"), Some(scaler)));
    }
    let device = OLD_PLACES.iter().map(|place| root.join(place)).find(|place| place.is_dir())?;
    let scaler = entries(&device.join("devfreq")).into_iter().next();
    Some((device, scaler))
}

/// The supplies that the board's INA3221 chips measure.
fn rails(root: &Path) -> Vec<Rail> {
    let chips = entries(&root.join("sys/bus/i2c/devices")).into_iter();
    let chips = chips.filter(|chip| text(&chip.join("name")).as_deref() == Some("ina3221"));
    let monitors = chips.flat_map(|chip| entries(&chip.join("hwmon")));
    // Port 7 is the sum of the others.
    let ports = monitors.flat_map(|monitor| (1..7).map(move |port| (monitor.clone(), port)));
    let rail = |(monitor, port): (PathBuf, u8)| {
        Some(Rail {
            label: text(&monitor.join(format!("in{port}_label"))).filter(|label| label != "NC")?,
            millivolts: monitor.join(format!("in{port}_input")),
            milliamperes: monitor.join(format!("curr{port}_input")),
        })
    };
    ports.filter_map(rail).collect()
}
