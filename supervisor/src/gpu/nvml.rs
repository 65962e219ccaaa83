//! NVIDIA's management library, which comes with the driver.

use nvml_wrapper::{
    Device, Nvml,
    enum_wrappers::device::{Clock, TemperatureSensor},
    error::NvmlError,
};

use super::Reading;

/// The driver, and the GPUs that it has.
pub(super) struct Driver {
    nvml: Nvml,
    count: u32,
}

impl Driver {
    /// Loads the library. An error says what the driver does.
    pub(super) fn open() -> Result<Self, String> {
        let open = || {
            let nvml = Nvml::init()?;
            let count = nvml.device_count()?;
            Ok(Self { nvml, count })
        };
        open().map_err(|error: NvmlError| match error {
            NvmlError::LibloadingError(_) => "is not installed (no libnvidia-ml.so.1)".into(),
            other => format!("does not answer ({other})"),
        })
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn version(&self) -> Option<String> {
        self.nvml.sys_driver_version().ok()
    }

    pub(super) fn compute_capability(&self, index: u32) -> Option<(i32, i32)> {
        let found = self.nvml.device_by_index(index).ok()?.cuda_compute_capability().ok()?;
        Some((found.major, found.minor))
    }

    /// What names the GPU whatever its number is: its UUID, and the number of its file.
    pub(super) fn identity(&self, index: u32) -> Option<(String, u32)> {
        let device = self.nvml.device_by_index(index).ok()?;
        Some((device.uuid().ok()?, device.minor_number().ok()?))
    }

    /// What the GPU does now; nothing at all if it does not answer.
    pub(super) fn read(&self, index: u32) -> Reading {
        self.nvml.device_by_index(index).map(|device| read(&device)).unwrap_or_default()
    }
}

/// Each value alone: what one card does not support, the next one may.
fn read(device: &Device<'_>) -> Reading {
    let memory = device.memory_info().ok();
    Reading {
        name: device.name().ok(),
        clock_hz: device.clock_info(Clock::SM).ok().map(|megahertz| u64::from(megahertz) * 1_000_000),
        load: device.utilization_rates().ok().map(|rates| f64::from(rates.gpu) / 100.0),
        temperature_c: device.temperature(TemperatureSensor::Gpu).ok().map(f64::from),
        power_w: device.power_usage().ok().map(|milliwatts| f64::from(milliwatts) / 1000.0),
        memory_used: memory.as_ref().map(|memory| memory.used),
        memory_total: memory.as_ref().map(|memory| memory.total),
    }
}
