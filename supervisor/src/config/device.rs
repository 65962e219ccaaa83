//! `[devices.NAME]`: how engines share what they compute on.

use super::raw::Table;

/// One device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Engines compute on it at the same time, not one after the other.
    pub overlap: bool,
    /// Room on it, if it is not what the device has: one for each core of the CPU, one for a GPU.
    pub slots: Option<u32>,
}

pub(super) fn device(table: &Table<'_>) -> Device {
    let device = Device {
        overlap: table.boolean("overlap", false),
        slots: table.integer("slots", 1..1025).and_then(|slots| slots.try_into().ok()),
    };
    table.finish();
    device
}
