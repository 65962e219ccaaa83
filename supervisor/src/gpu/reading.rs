//! What is told of one GPU at one moment.

use std::collections::BTreeMap;

/// What each GPU does, by the device's name.
pub type Readings = BTreeMap<String, Reading>;

/// One GPU at one moment. What is not known is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// What it is called.
    pub name: Option<String>,
    /// Clock of its processors.
    pub clock_hz: Option<u64>,
    /// Share of the time in which it computed, from 0 to 1.
    pub load: Option<f64>,
    /// Temperature in degrees Celsius.
    pub temperature_c: Option<f64>,
    /// Power in watts; on a Jetson that of the whole module.
    pub power_w: Option<f64>,
    /// Memory in use, in bytes; on a Jetson it is the machine's own.
    pub memory_used: Option<u64>,
    /// All its memory, in bytes.
    pub memory_total: Option<u64>,
}

impl Reading {
    /// This, and what it lacks from the other one.
    pub(super) fn or_else(self, other: Self) -> Self {
        // Used and total memory belong together.
        let memory = self.memory_used.zip(self.memory_total).or(other.memory_used.zip(other.memory_total));
        Self {
            name: self.name.or(other.name),
            clock_hz: self.clock_hz.or(other.clock_hz),
            load: self.load.or(other.load),
            temperature_c: self.temperature_c.or(other.temperature_c),
            power_w: self.power_w.or(other.power_w),
            memory_used: memory.map(|(used, _)| used),
            memory_total: memory.map(|(_, total)| total),
        }
    }

    /// This, from somebody who says zero when asked for what it does not know.
    pub(super) fn without_zeros(self) -> Self {
        let known = self.memory_total.is_some_and(|bytes| bytes > 0);
        Self {
            name: self.name,
            clock_hz: self.clock_hz.filter(|hertz| *hertz > 0),
            load: self.load.filter(|load| *load > 0.0),
            temperature_c: self.temperature_c.filter(|degrees| *degrees > 0.0),
            power_w: self.power_w.filter(|watts| *watts > 0.0),
            memory_used: self.memory_used.filter(|_| known),
            memory_total: self.memory_total.filter(|_| known),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_source_lacks_comes_from_the_other_unless_that_is_a_made_up_zero() {
        let sysfs = Reading {
            load: Some(0.0),
            temperature_c: Some(41.5),
            memory_total: Some(30),
            ..Reading::default()
        };
        let nvml = Reading {
            name: Some("Orin (nvgpu)".into()),
            clock_hz: Some(0),
            load: Some(0.5),
            temperature_c: Some(0.0),
            power_w: Some(12.5),
            memory_used: Some(0),
            memory_total: Some(0),
        };
        let expected = Reading {
            name: Some("Orin (nvgpu)".into()),
            load: Some(0.0),
            temperature_c: Some(41.5),
            power_w: Some(12.5),
            ..Reading::default()
        };
        assert_eq!(sysfs.or_else(nvml.without_zeros()), expected);
    }
}
