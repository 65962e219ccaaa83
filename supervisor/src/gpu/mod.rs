//! What GPUs are doing: clock, load, temperature, power and memory, by the device's name (`cuda:0`).
//!
//! NVIDIA's library NVML tells it, loaded at run time if the driver is there. A Jetson's NVML answers little, and some of
//! it with zeros, so there the kernel's own files ([`tegra`]) come first, value by value. What nobody knows is
//! absent, not zero. A thread of its own asks ([`watch`]): a driver may take its time.

mod files;
mod nvml;
mod reading;
mod tegra;
mod watch;

use std::{collections::BTreeMap, path::Path};

use self::{nvml::Driver, tegra::Tegra};

pub use reading::{Reading, Readings};
pub use tegra::ClockRange;
pub use watch::{Gpus, Watch};

/// Bytes of the machine's own memory in use, and in all; `root` as in [`Sensors::open`].
pub fn machine_memory(root: &Path) -> Option<(u64, u64)> {
    tegra::shared_memory(root)
}

/// Whoever can tell something of this machine's GPUs.
pub struct Sensors {
    nvml: Result<Driver, String>,
    tegra: Option<Tegra>,
}

/// What a GPU is known by, whatever its number is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `GPU-…`.
    pub uuid: String,
    /// Number of its file, `/dev/nvidia1`.
    pub minor: u32,
}

/// A GPU, as one looks at it before anything runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// `cuda:0`.
    pub device: String,
    /// What it does at this moment.
    pub reading: Reading,
    /// Major and minor number of what it can compute.
    pub compute_capability: Option<(i32, i32)>,
    /// On a Jetson, between which clocks it may choose.
    pub clocks: Option<ClockRange>,
}

impl Sensors {
    /// Looks for them; `root` is `/`, or where the machine's `/sys`, `/proc` and `/etc` are to be found.
    pub fn open(root: &Path) -> Self {
        Self::of(Driver::open(), root)
    }

    fn of(nvml: Result<Driver, String>, root: &Path) -> Self {
        Self { nvml, tegra: Tegra::find(root) }
    }

    /// Why a device cannot be computed on, in one line; `None` if it can, as far as one can see.
    pub fn lacks(&self, device: &str) -> Option<String> {
        let there: Vec<String> = self.devices().map(|(_, device)| device).collect();
        if !device.starts_with("cuda:") || there.iter().any(|found| found == device) {
            return None;
        }
        Some(match &self.nvml {
            _ if !there.is_empty() => format!("there is no {device}; this machine has {}", there.join(", ")),
            Ok(_) => format!("there is no {device}: NVIDIA's driver sees no GPU"),
            Err(error) => format!("there is no {device}: NVIDIA's driver {error}"),
        })
    }

    /// What NVIDIA's driver does instead of answering, if it does not: `is not installed`.
    pub fn nvml_error(&self) -> Option<&str> {
        self.nvml.as_ref().err().map(String::as_str)
    }

    /// The driver's version, or on a Jetson the release of its system.
    pub fn driver(&self) -> Option<String> {
        let release = self.tegra.as_ref().and_then(Tegra::release);
        release.or_else(|| self.nvml.as_ref().ok()?.version())
    }

    /// Whether this is a Jetson.
    pub fn is_jetson(&self) -> bool {
        self.tegra.is_some()
    }

    /// Names of the GPUs. They are numbered as `nvidia-smi` numbers them.
    fn devices(&self) -> impl Iterator<Item = (u32, String)> {
        let by_nvml = self.nvml.as_ref().map_or(0, Driver::count);
        // Our own is one even if NVML does not count it.
        let count = by_nvml.max(u32::from(self.tegra.is_some()));
        (0..count).map(|index| (index, format!("cuda:{index}")))
    }

    /// What the driver knows each GPU by, by the device's name. A Jetson has but one, which it has no such names for.
    pub fn identities(&self) -> BTreeMap<String, Identity> {
        let Some(driver) = self.nvml.as_ref().ok().filter(|_| self.tegra.is_none()) else {
            return BTreeMap::new();
        };
        let identity = |(index, device)| {
            let (uuid, minor) = driver.identity(index)?;
            Some((device, Identity { uuid, minor }))
        };
        self.devices().filter_map(identity).collect()
    }

    /// What each GPU does now. One of which nothing can be told is left out.
    pub fn read(&self) -> Readings {
        let readings = self.devices().map(|(index, device)| (device, self.reading(index)));
        readings.filter(|(_, reading)| *reading != Reading::default()).collect()
    }

    fn reading(&self, index: u32) -> Reading {
        let by_nvml = || self.nvml.as_ref().ok().map(|driver| driver.read(index)).unwrap_or_default();
        match &self.tegra {
            Some(tegra) if index == 0 => tegra.read().or_else(by_nvml().without_zeros()),
            _ => by_nvml(),
        }
    }

    /// Each GPU with what it is able to.
    pub fn cards(&self) -> Vec<Card> {
        let card = |(index, device)| {
            let tegra = self.tegra.as_ref().filter(|_| index == 0);
            let by_nvml = self.nvml.as_ref().ok().and_then(|driver| driver.compute_capability(index));
            Card {
                device,
                reading: self.reading(index),
                compute_capability: by_nvml.or_else(|| tegra?.compute_capability()),
                clocks: tegra.and_then(Tegra::clock_range),
            }
        };
        self.devices().map(card).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_is_told_with_the_reason() {
        let nowhere = tempfile::tempdir().unwrap();
        let sensors = |nvml: &str| Sensors::of(Err(nvml.into()), nowhere.path());
        let told = sensors("is not installed (no libnvidia-ml.so.1)").lacks("cuda:0");
        let expected = "there is no cuda:0: NVIDIA's driver is not installed (no libnvidia-ml.so.1)";
        assert_eq!(told.as_deref(), Some(expected));
        assert_eq!((sensors("").lacks("cpu"), sensors("").lacks("none")), (None, None));
        assert!(sensors("").read().is_empty() && sensors("").cards().is_empty());
    }

    #[test]
    fn a_jetson_has_its_own_gpu_whatever_the_library_says() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("etc")).unwrap();
        std::fs::create_dir_all(root.path().join("sys/devices/gpu.0")).unwrap();
        std::fs::write(root.path().join("etc/nv_tegra_release"), "").unwrap();
        let sensors = Sensors::of(Err("is not installed".into()), root.path());
        assert_eq!(sensors.lacks("cuda:0"), None);
        let told = sensors.lacks("cuda:1");
        assert_eq!(told.as_deref(), Some("there is no cuda:1; this machine has cuda:0"));
    }
}
