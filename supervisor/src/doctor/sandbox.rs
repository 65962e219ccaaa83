//! What holds workers on this machine.

use std::path::Path;

use ishowtts_workers::sandbox::State;

use super::Report;
use crate::{config::Config, sandbox};

pub(super) fn check(config: &Config, report: &mut Report) {
    if !config.sandbox.enabled {
        let details =
            "off: an engine may do whatever the server may; mend it with `enabled = true` under [sandbox]";
        return report.note("sandbox", details);
    }
    for protection in sandbox::look(&config.sandbox) {
        let what = format!("sandbox, {}", protection.name.replace('_', " "));
        if protection.state == State::Missing {
            report.note(what, protection.to_string());
        } else {
            report.good(what, protection.to_string());
        }
    }
    uvm(config, report);
    for name in sandbox::unconfined(config) {
        let mend = format!("mend it with `sandbox = true` under [engines.{name}]");
        report.note(
            format!("engine {name}, sandbox"),
            format!("off: it may do whatever the server may; {mend}"),
        );
    }
}

/// A worker may not start the program with root's rights by which CUDA makes this node where it is missing.
fn uvm(config: &Config, report: &mut Report) {
    let wanted = config.enabled_engines().any(|(_, engine)| engine.is_on_gpu());
    let node = |name: &str| Path::new("/dev").join(name).exists();
    if wanted && node("nvidiactl") && !node("nvidia-uvm") {
        let mend = "mend it, after each boot, with: sudo nvidia-modprobe -u -c=0";
        report.note(
            "sandbox, devices",
            format!("CUDA needs /dev/nvidia-uvm, and workers cannot make it; {mend}"),
        );
    }
}
