//! Why a worker's life ended.

use std::{fmt, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use crate::error::WorkerError;

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
}

impl Fault {
    /// Every label, for metrics.
    pub const LABELS: [&str; 9] =
        ["asked", "launch", "fatal", "slow_start", "exit", "closed", "violation", "stalled", "unanswered"];

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
                message.split_whitespace().try_for_each(|word| write!(f, "{word} "))?;
                write!(f, "({code})")
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
            Self::Violation(what) => write!(f, "it broke the protocol: {what}"),
            Self::Stalled(waited) => {
                write!(f, "it made no progress on a synthesis for {} s", waited.as_secs())
            }
            Self::Unanswered(waited) => {
                write!(f, "it did not answer a ping within {} s", waited.as_secs())
            }
        }
    }
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
