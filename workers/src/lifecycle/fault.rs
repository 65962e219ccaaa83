//! Why a worker's life ended.

use std::{fmt, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use crate::{error::WorkerError, process::Evidence};

/// The one reason that a life ended for.
#[derive(Debug)]
pub enum Fault {
    /// Somebody asked for it.
    Asked,
    /// It could not be launched, or never connected.
    Launch(WorkerError),
    /// It said itself that it cannot go on.
    Fatal {
        /// Stable code.
        code: String,
        /// In its own words.
        message: String,
    },
    /// It did not say anything for too long while starting.
    SlowStart(Duration),
    /// It ended by itself.
    Exited(ExitStatus),
    /// It closed its socket and lived on.
    Closed,
    /// It broke the protocol.
    Violation(String),
    /// It had something to speak and made no progress.
    Stalled(Duration),
    /// It was idle and did not answer.
    Unanswered(Duration),
    /// The kernel ended it for want of memory.
    OutOfMemory(Evidence),
    /// It held more memory than it may.
    Memory {
        /// In bytes.
        held: u64,
        /// In bytes.
        most: u64,
        /// Behind "memory", where that has to be told.
        where_: &'static str,
    },
    /// It had served for long enough.
    Recycled(String),
    /// It was asked for a word in between, and did not speak as it should.
    Probe(String),
}

impl Fault {
    /// Every label, for metrics.
    pub const LABELS: [&str; 13] = [
        "asked",
        "launch",
        "fatal",
        "slow_start",
        "exit",
        "closed",
        "violation",
        "stalled",
        "unanswered",
        "oom",
        "memory",
        "recycled",
        "probe",
    ];

    /// Whether the worker could have gone on.
    pub(crate) fn is_by_choice(&self) -> bool {
        matches!(self, Self::Asked | Self::Recycled(_) | Self::Memory { .. })
    }

    /// Whether what it was speaking may have been the reason.
    pub(crate) fn may_be_the_texts(&self) -> bool {
        !self.is_by_choice() && !matches!(self, Self::Probe(_))
    }

    /// Whether another try would end the same way: what is missing or wrong has to be mended first.
    pub fn is_hopeless(&self) -> bool {
        let certain = ["bad_settings", "missing_dependency", "missing_model"];
        matches!(self, Self::Fatal { code, .. } if certain.contains(&code.as_str()))
    }

    /// Whether the process may be expected to hear what it is asked.
    pub(crate) fn leaves_it_listening(&self) -> bool {
        !matches!(self, Self::SlowStart(_) | Self::Stalled(_) | Self::Unanswered(_))
    }

    /// Where [`LABELS`](Self::LABELS) names this kind.
    pub fn index(&self) -> usize {
        match self {
            Self::Asked => 0,
            Self::Launch(_) => 1,
            Self::Fatal { .. } => 2,
            Self::SlowStart(_) => 3,
            Self::Exited(_) => 4,
            Self::Closed => 5,
            Self::Violation(_) => 6,
            Self::Stalled(_) => 7,
            Self::Unanswered(_) => 8,
            Self::OutOfMemory(_) => 9,
            Self::Memory { .. } => 10,
            Self::Recycled(_) => 11,
            Self::Probe(_) => 12,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("it was asked to end"),
            Self::Launch(error) => {
                write!(f, "{error}")?;
                let mut source = std::error::Error::source(error);
                while let Some(cause) = source {
                    write!(f, ": {cause}")?;
                    source = cause.source();
                }
                Ok(())
            }
            // An exception's text may have several lines; a fault is told in one.
            Self::Fatal { code, message } => {
                write!(f, "{} ({code})", one_line(message))
            }
            Self::SlowStart(waited) => {
                write!(f, "it made no progress for {} s while starting", waited.as_secs())
            }
            Self::Exited(status) => match (status.code(), status.signal()) {
                (Some(code), _) => write!(f, "it exited with code {code}"),
                (_, Some(signal)) => {
                    let name =
                        nix::sys::signal::Signal::try_from(signal).map(nix::sys::signal::Signal::as_str);
                    write!(f, "it was killed by {}", name.unwrap_or("a signal"))
                }
                _ => f.write_str("it exited"),
            },
            Self::Closed => f.write_str("it closed its socket"),
            Self::Violation(what) => write!(f, "it broke the protocol: {}", one_line(what)),
            Self::Stalled(waited) => {
                write!(f, "it made no progress on a synthesis for {:.1} s", waited.as_secs_f64())
            }
            Self::OutOfMemory(Evidence::Sure) => {
                f.write_str("the kernel ended it with SIGKILL because memory ran out")
            }
            Self::OutOfMemory(Evidence::Likely) => f.write_str(
                "it was killed by SIGKILL, probably by the kernel, which ended processes because memory ran out",
            ),
            Self::Memory { held, most, where_ } => {
                write!(f, "it held {} MiB of memory{where_}, and {} MiB are allowed", held >> 20, most >> 20)
            }
            Self::Recycled(why) => f.write_str(why),
            Self::Probe(why) => write!(f, "it did not speak when it was tried: {why}"),
            Self::Unanswered(waited) => {
                write!(f, "it did not answer a ping within {} s", waited.as_secs())
            }
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_worker_says_of_itself_is_one_line() {
        let message = "could not load m.pt:\n\tmissing key 'a'\n".to_owned();
        let fault = Fault::Fatal { code: "load_failed".into(), message };
        assert_eq!(fault.to_string(), "could not load m.pt: missing key 'a' (load_failed)");
    }
}
