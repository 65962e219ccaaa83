//! What was found.

use std::fmt;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Works, with something to know.
    Note,
    /// Keeps the server from doing its job.
    Miss,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How it came out.
    pub verdict: Verdict,
    /// What was looked at.
    pub what: String,
    /// What was found; where something is missing, with the command that mends it.
    pub details: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.verdict {
            Verdict::Good => "ok  ",
            Verdict::Note => "note",
            Verdict::Miss => "MISS",
        };
        write!(f, "[{mark}] {}: {}", self.what, self.details)
    }
}

/// Everything that was found, in the order in which it was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Report {
    /// How many things are missing.
    pub fn missing(&self) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == Verdict::Miss).count()
    }

    pub(super) fn good(&mut self, what: impl Into<String>, details: impl Into<String>) {
        self.tell(Verdict::Good, what, details);
    }

    pub(super) fn note(&mut self, what: impl Into<String>, details: impl Into<String>) {
        self.tell(Verdict::Note, what, details);
    }

    pub(super) fn miss(&mut self, what: impl Into<String>, details: impl Into<String>) {
        self.tell(Verdict::Miss, what, details);
    }

    pub(super) fn tell(&mut self, verdict: Verdict, what: impl Into<String>, details: impl Into<String>) {
        self.findings.push(Finding { verdict, what: what.into(), details: details.into() });
    }

    /// As it is shown, for tests.
    #[cfg(test)]
    pub(super) fn lines(&self) -> Vec<String> {
        self.findings.iter().map(ToString::to_string).collect()
    }
}
