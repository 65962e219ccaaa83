//! What GPUs do → gauges, at each scrape. What is not known has no series.

use prometheus::{GaugeVec, Opts, Registry};

use super::{Metrics, register};
use crate::gpu::{Reading, Readings};

/// How a family's value is found.
type Value = fn(&Reading) -> Option<f64>;

/// The families, by device.
#[derive(Debug)]
pub(super) struct GpuFamilies {
    families: [(GaugeVec, Value); 6],
}

impl GpuFamilies {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let family = |name, help| {
            register(registry, GaugeVec::new(Opts::new(format!("ishowtts_gpu_{name}"), help), &["device"])?)
        };
        Ok(Self {
            families: [
                (family("clock_hertz", "Clock of a GPU's processors")?, |gpu| gpu.clock_hz.map(float)),
                (family("load", "Share of the time in which a GPU computed, from 0 to 1")?, |gpu| gpu.load),
                (family("temperature_celsius", "Temperature of a GPU")?, |gpu| gpu.temperature_c),
                (family("power_watts", "Power of a GPU; on a Jetson of the whole module")?, |gpu| {
                    gpu.power_w
                }),
                (family("memory_used_bytes", "Memory of a GPU that is in use")?, |gpu| {
                    gpu.memory_used.map(float)
                }),
                (family("memory_total_bytes", "All memory of a GPU")?, |gpu| gpu.memory_total.map(float)),
            ],
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53, and a gauge knows no other numbers")]
fn float(value: u64) -> f64 {
    value as f64
}

impl Metrics {
    /// Brings the families of GPUs up to date.
    pub fn observe_gpus(&self, readings: &Readings) {
        for (family, value) in &self.gpus.families {
            family.reset();
            for (device, reading) in readings {
                if let Some(value) = value(reading) {
                    family.with_label_values(&[device.as_str()]).set(value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_has_no_series_and_what_was_known_does_not_stay() {
        let metrics = Metrics::new().unwrap();
        let scrape = || String::from_utf8(metrics.render().unwrap().1).unwrap();
        assert!(!scrape().contains("ishowtts_gpu_"), "no GPU, no word of it");
        let hot = Reading { clock_hz: Some(1_980_000_000), temperature_c: Some(41.5), ..Reading::default() };
        let calm = Reading { load: Some(0.0), ..Reading::default() };
        metrics.observe_gpus(&Readings::from([("cuda:0".into(), hot), ("cuda:1".into(), calm.clone())]));
        let told = scrape();
        let series: Vec<_> = told.lines().filter(|line| line.starts_with("ishowtts_gpu_")).collect();
        assert_eq!(
            series,
            [
                "ishowtts_gpu_clock_hertz{device=\"cuda:0\"} 1980000000",
                "ishowtts_gpu_load{device=\"cuda:1\"} 0",
                "ishowtts_gpu_temperature_celsius{device=\"cuda:0\"} 41.5",
            ]
        );
        metrics.observe_gpus(&Readings::from([("cuda:1".into(), calm)]));
        assert!(!scrape().contains("cuda:0"));
    }
}
