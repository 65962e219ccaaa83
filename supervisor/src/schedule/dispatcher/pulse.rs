//! Whether what is due moves on: looked at now and then, each time against the time before.

use super::super::plan::{StreamId, WorkerIndex};

/// What should not be so, and may be for a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// A segment that a free worker has room for: it is given out within the same call.
    pub(super) due: Option<(StreamId, usize, WorkerIndex)>,
    /// Workers that the plan takes to be speaking this, and that have nothing to speak.
    pub(super) forgotten: Vec<(WorkerIndex, Vec<(StreamId, usize)>)>,
}

/// Remembers what was seen last.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    before: Seen,
}

impl Pulse {
    /// Looks once more; an error tells what has not moved since the last time.
    pub(super) fn beat(&mut self, seen: Seen) -> Result<(), String> {
        let before = std::mem::replace(&mut self.before, seen);
        let seen = &self.before;
        if seen.due.is_some() && seen.due == before.due {
            return Err("a segment waits though a worker is free for it".into());
        }
        match seen.forgotten.iter().find(|forgotten| before.forgotten.contains(forgotten)) {
            Some((worker, _)) => Err(format!(
                "worker {worker} has nothing to speak, and the end of its last segment was never heard of"
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_moved_on_or_is_true_for_a_moment_is_well() {
        let mut pulse = Pulse::default();
        let due = |seq| Some((StreamId::numbered(seq), 0, 0));
        for seen in [
            Seen::default(),
            Seen::default(),
            Seen { due: due(1), ..Seen::default() },
            Seen { due: due(2), ..Seen::default() },
            Seen { forgotten: vec![(0, vec![(StreamId::numbered(2), 0)])], ..Seen::default() },
            Seen { forgotten: vec![(0, vec![(StreamId::numbered(3), 0)])], ..Seen::default() },
            Seen::default(),
        ] {
            assert_eq!(pulse.beat(seen), Ok(()));
        }
    }

    #[test]
    fn a_segment_that_nobody_gives_out_is_told() {
        let mut pulse = Pulse::default();
        let seen = || Seen { due: Some((StreamId::numbered(1), 0, 0)), ..Seen::default() };
        assert_eq!(pulse.beat(seen()), Ok(()));
        assert!(pulse.beat(seen()).unwrap_err().contains("a worker is free"));
        assert!(pulse.beat(seen()).is_err(), "again and again");
        assert_eq!(pulse.beat(Seen::default()), Ok(()));
    }

    #[test]
    fn a_worker_whose_end_was_never_heard_of_is_told() {
        let mut pulse = Pulse::default();
        let lost = |worker| (worker, vec![(StreamId::numbered(7), 2)]);
        assert_eq!(pulse.beat(Seen { forgotten: vec![lost(0), lost(1)], ..Seen::default() }), Ok(()));
        let told = pulse.beat(Seen { forgotten: vec![lost(1)], ..Seen::default() });
        assert!(told.unwrap_err().contains("worker 1"));
    }
}
