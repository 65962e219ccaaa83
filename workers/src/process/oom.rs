//! Whether the kernel ended a process for want of memory. It sends SIGKILL like anybody else; only its counters tell.

use std::{fs, path::Path};

/// What the kernel has counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kills {
    /// In the control group that one life of a worker has for itself.
    its: Option<u64>,
    /// In our control group and those below it.
    ours: Option<u64>,
    /// On the whole machine.
    anywhere: Option<u64>,
}

/// How sure it is that the kernel did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It ended a process of ours in that time.
    Sure,
    /// It ended some process of the machine in that time.
    Likely,
}

impl Kills {
    /// As of now, for a process that has this control group for itself, if any.
    pub(crate) fn now(its: Option<&Path>) -> Self {
        // It may not have been made yet, and then nothing has happened in it.
        let its = its.map(|group| fs::read_to_string(group.join("memory.events")).unwrap_or_default());
        let group = fs::read_to_string("/proc/self/cgroup").ok();
        let group =
            group.as_deref().and_then(|groups| groups.lines().find_map(|line| line.strip_prefix("0::")));
        let events =
            group.and_then(|group| fs::read_to_string(format!("/sys/fs/cgroup{group}/memory.events")).ok());
        let machine = fs::read_to_string("/proc/vmstat").ok();
        Self {
            its: its.map(|events| count(&events).unwrap_or_default()),
            ours: events.as_deref().and_then(count),
            anywhere: machine.as_deref().and_then(count),
        }
    }

    /// What speaks for it, if these are the counts since `before`.
    pub(crate) fn since(self, before: Self) -> Option<Evidence> {
        let rose =
            |now: Option<u64>, before: Option<u64>| now.zip(before).is_some_and(|(now, before)| now > before);
        if rose(self.its, before.its) || rose(self.ours, before.ours) {
            return Some(Evidence::Sure);
        }
        rose(self.anywhere, before.anywhere).then_some(Evidence::Likely)
    }
}

/// The line `oom_kill N`.
fn count(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_found_among_the_others() {
        assert_eq!(count("low 0\nhigh 3\nmax 9\noom 2\noom_kill 1\noom_group_kill 0\n"), Some(1));
        assert_eq!(count("pgfault 7\noom_kill 12\n"), Some(12));
        assert_eq!(count("oom 5\n"), None);
    }

    #[test]
    fn our_own_group_tells_more_than_the_machine() {
        let kills = |ours, anywhere| Kills { its: None, ours, anywhere };
        let before = kills(Some(1), Some(5));
        assert_eq!(kills(Some(2), Some(6)).since(before), Some(Evidence::Sure));
        assert_eq!(kills(Some(1), Some(6)).since(before), Some(Evidence::Likely));
        assert_eq!(kills(Some(1), Some(5)).since(before), None);
        assert_eq!(kills(None, Some(6)).since(kills(None, Some(5))), Some(Evidence::Likely));
        assert_eq!(Kills::default().since(Kills::default()), None);
    }

    #[test]
    fn a_group_of_its_own_tells_for_sure() {
        let group = tempfile::tempdir().unwrap();
        let before = Kills::now(Some(&group.path().join("to-come")));
        assert_eq!(Kills::now(Some(group.path())).since(before), None, "nothing is counted in it");
        fs::write(group.path().join("memory.events"), "oom 1\noom_kill 1\n").unwrap();
        assert_eq!(Kills::now(Some(group.path())).since(before), Some(Evidence::Sure));
    }
}
