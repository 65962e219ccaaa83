//! What holds workers on this machine.

use ishowtts_workers::sandbox::State;

use super::Report;
use crate::{config::Config, sandbox};

pub(super) fn check(config: &Config, report: &mut Report) {
    if !config.sandbox.enabled {
        let details = "off: an engine may do whatever the server may; mend it with `enabled = true` under [sandbox]";
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
    for name in sandbox::unconfined(config) {
        let mend = format!("mend it with `sandbox = true` under [engines.{name}]");
        report.note(format!("engine {name}, sandbox"), format!("off: it may do whatever the server may; {mend}"));
    }
}
