//! GPUs: whether those that engines want are there, what they are able to, and whether they run as fast as they can.

use std::{collections::BTreeMap, fs, path::Path};

use super::{Report, Verdict, place::gib, power};
use crate::{
    config::Config,
    gpu::{Card, Sensors},
};

/// What the fastest kernels of `f5` are made for: the generation of Ampere, an Orin among them.
const FAST_TIER: (i32, i32) = (8, 0);
/// What an engine takes of a GPU's memory for weights, graphs and a batch, with room to spare.
const ROOM: u64 = 3 << 30;

pub(super) fn check(config: &Config, sensors: &Sensors, report: &mut Report) {
    let mut wanted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, engine) in config.enabled_engines() {
        for device in engine.devices.iter().filter(|device| device.starts_with("cuda:")) {
            wanted.entry(device).or_default().push(name);
        }
    }
    for (device, engines) in &wanted {
        let Some(why) = sensors.lacks(device) else { continue };
        let first = if sensors.cards().is_empty() {
            "install the driver, or "
        } else {
            "name one that is there, or "
        };
        for engine in engines {
            let is_one_of_several =
                config.engines.get(*engine).is_some_and(|engine| engine.devices.len() > 1);
            let mend = match (is_one_of_several, sensors.cards().is_empty()) {
                (true, false) => {
                    format!("take it out of `devices` under [engines.{engine}]: no worker starts there")
                }
                (true, true) => {
                    format!("{first}write `device = \"cpu\"` in place of `devices` under [engines.{engine}]")
                }
                (false, _) => format!("{first}mend it with `device = \"cpu\"` under [engines.{engine}]"),
            };
            report.miss(format!("engine {engine}, device"), format!("{why}; {mend}"));
        }
    }
    let driver = sensors.driver();
    for card in sensors.cards() {
        let engines = wanted.get(card.device.as_str()).map_or(0, Vec::len);
        look(&card, driver.as_deref(), engines, report);
    }
    // Nobody has to hurry on a GPU that no engine uses.
    if sensors.is_jetson() && !wanted.is_empty() {
        power_mode(&config.gpu.root, report);
    }
}

fn look(card: &Card, driver: Option<&str>, engines: usize, report: &mut Report) {
    let what = format!("gpu {}", card.device);
    let reading = &card.reading;
    let free = reading
        .memory_total
        .zip(reading.memory_used)
        .map(|(total, used)| (total.saturating_sub(used), total));
    let facts = [
        reading.name.clone(),
        driver.map(|version| format!("driver {version}")),
        card.compute_capability.map(|(major, minor)| format!("compute capability {major}.{minor}")),
        free.map(|(free, total)| format!("{} of {} free", gib(free), gib(total))),
        reading.clock_hz.map(|hertz| format!("at {}", megahertz(hertz))),
        reading.temperature_c.map(|degrees| format!("{degrees:.0} °C")),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    report
        .good(&what, if facts.is_empty() { "tells nothing of itself".to_owned() } else { facts.join(", ") });
    if engines == 0 {
        return;
    }
    if let Some((major, minor)) = card.compute_capability.filter(|found| *found < FAST_TIER) {
        let details =
            format!("compute capability {major}.{minor} is below 8.0: f5 runs without its fastest kernels");
        report.note(&what, details);
    }
    let needed = ROOM * u64::try_from(engines).unwrap_or(1);
    if let Some((free, _)) = free.filter(|(free, _)| *free < needed) {
        let advice = "end what else uses it (nvidia-smi lists it), or switch an engine off";
        report.note(&what, format!("{} free, and {} would be safe; {advice}", gib(free), gib(needed)));
    }
    if let Some(range) = card.clocks {
        let (verdict, details) = if range.min_hz == range.max_hz {
            (Verdict::Good, format!("locked at {}", megahertz(range.max_hz)))
        } else {
            let range = format!("between {} and {}", megahertz(range.min_hz), megahertz(range.max_hz));
            let mend = "lock it at the highest with: sudo jetson_clocks";
            (Verdict::Note, format!("{range}: after a rest it takes a while to be fast; {mend}"))
        };
        report.tell(verdict, format!("clock of {}", card.device), details);
    }
}

fn power_mode(root: &Path, report: &mut Report) {
    let read = |path: &str| fs::read_to_string(root.join(path));
    let Ok(conf) = read("etc/nvpmodel.conf") else { return };
    let modes = power::modes(&conf);
    let status = read("var/lib/nvpmodel/status").ok();
    let Some(id) = power::current(status.as_deref(), &conf) else { return };
    let name = modes.iter().find(|mode| mode.id == id).map_or("unknown", |mode| mode.name.as_str());
    let found = format!("{name} ({id})");
    match power::fastest(&modes).filter(|mode| mode.id != id) {
        Some(fastest) => {
            let mend = format!(
                "{} is the fastest; change to it with: sudo nvpmodel -m {}",
                fastest.name, fastest.id
            );
            report.note("power mode", format!("{found}; {mend}"));
        }
        None => report.good("power mode", found),
    }
}

fn megahertz(hertz: u64) -> String {
    format!("{} MHz", hertz / 1_000_000)
}
