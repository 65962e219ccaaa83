//! What engines compute on: `[devices.NAME]` tells how they share it, `device` or `devices` of an engine which they are.

use super::raw::{Found, Notes, Table};

/// One device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Engines compute on it at the same time, not one after the other.
    pub overlap: bool,
    /// Room on it, if it is not what the device has: one for each core of the CPU, one for a GPU
    /// and what stands for one.
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

/// The devices that an engine's workers compute on: at least one, none twice, and all of one kind.
pub(super) fn devices(engine: &str, table: &Table<'_>, notes: &Notes) -> Vec<String> {
    // `tone` computes next to nothing, so it takes no share of any device.
    let usual = if engine == "tone" { "none" } else { "cpu" };
    let one = table.string("device");
    let several = table.has("devices").then(|| table.list("devices"));
    if let Some(found) = &one {
        if several.is_some() {
            found.problem(notes, "leaves nothing to `devices`: give one of both");
        } else if !(is_device(&found.value) || found.value == "none") || !suits(engine, &found.value) {
            found.problem(
                notes,
                format!("must be cpu, cuda:N or none, not {:?}{}", found.value, hint(&found.value)),
            );
        }
        return vec![found.value.clone()];
    }
    let Some(several) = several else { return vec![usual.into()] };
    for (at, found) in several.iter().enumerate() {
        let name = &found.value;
        if !is_device(name) || !suits(engine, name) {
            found.problem(notes, format!("must list cpu or cuda:N, not {name:?}{}", hint(name)));
        } else if several.iter().take(at).any(|before| before.value == *name) {
            found.problem(
                notes,
                format!("{name} stands twice; `replicas` tells how many workers share the devices"),
            );
        } else if several.first().is_some_and(|first| kind(&first.value) != kind(name)) {
            let why = "an engine's workers must take about as long as each other, on devices of one kind";
            found.problem(notes, format!("{name} is of another kind than the first: {why}"));
        }
    }
    if several.is_empty() {
        table.empty("devices", "names no device; leave it out, or name one: [\"cuda:0\"]");
        return vec![usual.into()];
    }
    several.into_iter().map(|Found { value, .. }| value).collect()
}

/// Whether engines can be told to compute on it, as far as the name tells.
pub(super) fn is_device(name: &str) -> bool {
    let number = name.strip_prefix("cuda:").or_else(|| name.strip_prefix("sim:"));
    // One writing for each: `cuda:01` would be another device than `cuda:1`.
    number.is_some_and(|number| number.parse::<u8>().is_ok_and(|parsed| parsed.to_string() == number))
        || name == "cpu"
}

/// Only `tone` can make believe that it computes.
fn suits(engine: &str, device: &str) -> bool {
    engine == "tone" || !device.starts_with("sim:")
}

fn hint(device: &str) -> &'static str {
    if device.starts_with("sim:") { "; sim:N is no real device, and for `tone` alone" } else { "" }
}

fn kind(device: &str) -> &str {
    device.split(':').next().unwrap_or(device)
}
