//! Room on the disk and in memory.

use std::path::Path;

use super::Report;
use crate::gpu::machine_memory;

/// What a worker on the CPU may well need, with what the system wants for itself.
const LEAST_MEMORY: u64 = 1 << 30;

/// `needed` is what the environments that are still to be made will take.
pub(super) fn state_dir(dir: &Path, needed: u64, report: &mut Report) {
    let what = "state directory";
    // A look does not make anything: what is not there yet is made by whoever may write to what is.
    let existing = dir.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(dir);
    if let Err(error) = tempfile::tempfile_in(existing) {
        let mend = "choose another with --state-dir or [server] state_dir";
        return report.miss(what, format!("{}: {error}; {mend}", dir.display()));
    }
    let free = nix::sys::statvfs::statvfs(existing);
    let Ok(free) = free.map(|stat| stat.blocks_available() * stat.fragment_size()) else {
        return report.good(what, dir.display().to_string());
    };
    let found = format!("{} ({} free)", dir.display(), gib(free));
    if free < needed {
        let mend = "make room, or choose another with --state-dir or [server] state_dir";
        report.miss(what, format!("{found}, and what is to be set up takes about {}; {mend}", gib(needed)));
    } else {
        report.good(what, found);
    }
}

pub(super) fn memory(root: &Path, report: &mut Report) {
    let Some((used, total)) = machine_memory(root) else { return };
    let free = total.saturating_sub(used);
    let found = format!("{} of {} free", gib(free), gib(total));
    if free < LEAST_MEMORY {
        let mend = "end other programs, or switch an engine off";
        report.note("memory", format!("{found}: the kernel may kill workers; {mend}"));
    } else {
        report.good("memory", found);
    }
}

/// `1.5 GiB`.
pub(super) fn gib(bytes: u64) -> String {
    let tenths = bytes / ((1 << 30) / 10);
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_too_small_for_what_is_to_be_set_up_is_told_before_it_is_full() {
        let dir = tempfile::tempdir().unwrap();
        let look = |needed| {
            let mut report = Report::default();
            state_dir(&dir.path().join("not/yet/there"), needed, &mut report);
            report.lines().remove(0)
        };
        assert!(look(0).starts_with("[ok  ] state directory: "), "{}", look(0));
        let told = look(u64::MAX);
        assert!(told.starts_with("[MISS] ") && told.contains("--state-dir"), "{told}");
    }

    #[test]
    fn little_memory_is_a_note() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("proc")).unwrap();
        let look = |available: u32| {
            let told = format!("MemTotal: 8000000 kB\nMemAvailable: {available} kB\n");
            std::fs::write(root.path().join("proc/meminfo"), told).unwrap();
            let mut report = Report::default();
            memory(root.path(), &mut report);
            report.lines().remove(0)
        };
        assert_eq!(look(3_000_000), "[ok  ] memory: 2.8 GiB of 7.6 GiB free");
        assert!(look(500_000).starts_with("[note] memory: 0.4 GiB of 7.6 GiB free: "), "{}", look(500_000));
    }
}
