//! Who works on what. It is kept in memory alone: the database belongs to one process, and with that all leases end.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// A job's place in the order, and the number of one of its segments, or none for the job as a whole.
pub(super) type Task = (i64, Option<i64>);

#[derive(Debug)]
enum Hold {
    /// Somebody works on it, until then.
    Leased { token: u64, until: Instant },
    /// It was given back, and waits until then.
    Rests { until: Instant },
}

/// Pure: every moment is handed in.
#[derive(Debug, Default)]
pub(super) struct Leases {
    holds: HashMap<Task, Hold>,
    last: u64,
}

impl Leases {
    /// Whether it may be given out.
    pub(super) fn is_free(&self, task: Task, now: Instant) -> bool {
        self.holds.get(&task).is_none_or(|hold| match hold {
            Hold::Leased { until, .. } | Hold::Rests { until } => *until <= now,
        })
    }

    /// Gives it out; the token tells this lease from others of the same task.
    pub(super) fn give(&mut self, task: Task, time: Duration, now: Instant) -> String {
        self.last += 1;
        let token = self.last;
        self.holds.insert(task, Hold::Leased { token, until: now + time });
        token.to_string()
    }

    /// Whether this lease is in force.
    pub(super) fn holds(&self, task: Task, token: &str, now: Instant) -> bool {
        matches!(self.holds.get(&task), Some(Hold::Leased { token: known, until })
            if known.to_string() == token && *until > now)
    }

    /// Prolongs a lease that is in force.
    pub(super) fn renew(&mut self, task: Task, token: &str, time: Duration, now: Instant) -> bool {
        let holds = self.holds(task, token, now);
        if let Some(Hold::Leased { until, .. }) = self.holds.get_mut(&task).filter(|_| holds) {
            *until = now + time;
        }
        holds
    }

    /// It is given back and rests.
    pub(super) fn rest(&mut self, task: Task, delay: Duration, now: Instant) {
        if delay.is_zero() {
            self.holds.remove(&task);
        } else {
            self.holds.insert(task, Hold::Rests { until: now + delay });
        }
    }

    /// It is done.
    pub(super) fn end(&mut self, task: Task) {
        self.holds.remove(&task);
    }

    /// Nobody works on any of a job any more.
    pub(super) fn end_all(&mut self, job: i64) {
        self.holds.retain(|(of, _), _| *of != job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_has_one_holder_until_its_time_is_over() {
        let (mut leases, start, second) = (Leases::default(), Instant::now(), Duration::from_secs(1));
        let task = (1, Some(0));
        let first = leases.give(task, second, start);
        assert!(!leases.is_free(task, start) && leases.holds(task, &first, start));
        assert!(leases.renew(task, &first, second * 2, start));
        assert!(!leases.is_free(task, start + second));
        assert!(leases.is_free(task, start + second * 2));
        assert!(!leases.renew(task, &first, second, start + second * 2), "it was over");
        let second_lease = leases.give(task, second, start + second * 2);
        assert!(!leases.holds(task, &first, start + second * 2));
        assert!(leases.holds(task, &second_lease, start + second * 2));
    }

    #[test]
    fn what_was_given_back_rests() {
        let (mut leases, start, second) = (Leases::default(), Instant::now(), Duration::from_secs(1));
        let task = (1, None);
        let token = leases.give(task, second * 60, start);
        leases.rest(task, second, start);
        assert!(!leases.is_free(task, start) && !leases.holds(task, &token, start));
        assert!(leases.is_free(task, start + second));
        leases.give((1, Some(4)), second, start);
        leases.end_all(1);
        assert!(leases.is_free((1, Some(4)), start));
    }
}
