//! Signs of life of a process, as the kernel counts them: one that says nothing may load, compute or compile.

use std::{collections::BTreeMap, fs};

/// What a process and those of its session had done at a moment: time on a processor, and pages that were fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Vitals {
    done: BTreeMap<u32, u64>,
    waits_for_disk: bool,
}

impl Vitals {
    /// As of now, of the session that this process leads.
    pub(crate) fn of(leader: u32) -> Self {
        let mut vitals = Self::default();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            let Some(pid) = pid else { continue };
            // Whoever has gone meanwhile is not there, which is a change too.
            let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
            if let Some(found) = parse(&stat).filter(|found| found.session == leader || pid == leader) {
                vitals.done.insert(pid, found.done);
                vitals.waits_for_disk |= found.waits_for_disk;
            }
        }
        vitals
    }

    /// Whether anything was done since.
    pub(crate) fn show_life_since(&self, before: &Self) -> bool {
        self.waits_for_disk || self.done != before.done
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    session: u32,
    done: u64,
    waits_for_disk: bool,
}

/// A line of `/proc/PID/stat`.
fn parse(stat: &str) -> Option<Stat> {
    // The name may hold anything, closing brackets among it.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    // Faults, small and large, own and of children that were waited for; then time likewise, in the kernel's ticks.
    let counts = fields.get(7..15)?;
    Some(Stat {
        session: fields.get(3)?.parse().ok()?,
        done: counts.iter().filter_map(|count| count.parse::<u64>().ok()).fold(0, u64::wrapping_add),
        waits_for_disk: fields.first() == Some(&"D"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whatever_the_process_is_called() {
        let line = "77 (a) R 1) S 1 77 70 0 -1 4194304 5 6 7 8 100 20 3 4 20 0 1 0 12345 99 88";
        assert_eq!(parse(line), Some(Stat { session: 70, done: 153, waits_for_disk: false }));
        assert!(parse("77 (x) D 1 77 70 0 -1 0 5 6 7 8 1 2 3 4 20").is_some_and(|stat| stat.waits_for_disk));
        assert_eq!(parse("77 (x) S 1"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn who_computes_shows_life_and_who_is_not_there_does_not() {
        let own = std::process::id();
        let before = Vitals::of(own);
        let mut sum = 0_u64;
        while !Vitals::of(own).show_life_since(&before) {
            sum = (0..100_000_u64).fold(sum, |sum, n| std::hint::black_box(sum.wrapping_add(n)));
        }
        assert!(!Vitals::of(u32::MAX).show_life_since(&Vitals::default()));
    }
}
