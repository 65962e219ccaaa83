//! How long a worker may be silent, and what is done when it was silent for longer.

use std::time::Duration;

use tokio::time::Instant;

use super::{Life, Phase};
use crate::{lifecycle::fault::Fault, process::Vitals, protocol::ToWorker, spec::Patience};

impl Life {
    /// When the silence has lasted long enough to do something about it.
    pub(super) fn due(&self, patience: &Patience) -> Instant {
        match self.phase {
            Phase::Hello => (self.heard + patience.hello).min(self.stir.due()),
            Phase::Loading => (self.heard + patience.startup_silence).min(self.stir.due()),
            Phase::Serving if !self.is_speaking() => {
                self.pinged.unwrap_or(self.heard).max(self.heard) + patience.ping
            }
            Phase::Serving => (self.heard + self.budget(patience)).min(Instant::now() + patience.ping),
        }
    }

    /// How long it may make no progress on what it speaks.
    fn budget(&self, patience: &Patience) -> Duration {
        let budgets = self.running.values().map(|running| running.expected.silence.unwrap_or(patience.stall));
        budgets.max().unwrap_or(patience.stall).min(patience.stall)
    }

    /// Whether it has something to speak, and was not told to wait with it.
    pub(super) fn is_speaking(&self) -> bool {
        !self.running.is_empty() && !self.paused
    }

    /// Looks whether it does anything while it starts.
    pub(super) fn look_whether_it_stirs(&mut self, patience: &Patience) -> Result<(), Fault> {
        if self.stir.is_frozen(Vitals::of(self.pid), self.heard, Instant::now()) {
            return Err(Fault::SlowStart(patience.startup_stillness));
        }
        Ok(())
    }

    /// Looks at the clock; it may ring early, since what is heard meanwhile does not wind it back.
    pub(super) fn alarm(&mut self, patience: &Patience) -> Result<(), Fault> {
        if let Some(status) = self.exited {
            return Err(self.exit(status));
        }
        let now = Instant::now();
        let silence = now.saturating_duration_since(self.heard);
        match self.phase {
            Phase::Hello if silence >= patience.hello => Err(Fault::SlowStart(patience.hello)),
            Phase::Loading if silence >= patience.startup_silence => {
                Err(Fault::SlowStart(patience.startup_silence))
            }
            Phase::Hello | Phase::Loading if now >= self.stir.due() => self.look_whether_it_stirs(patience),
            Phase::Serving if self.is_speaking() && silence >= self.budget(patience) => {
                Err(Fault::Stalled(silence))
            }
            Phase::Serving => {
                let unanswered =
                    self.pinged.is_some_and(|at| now.saturating_duration_since(at) >= patience.ping);
                if !self.is_speaking() && unanswered && silence >= patience.ping {
                    return Err(Fault::Unanswered(patience.ping));
                }
                if self.pinged.is_none() {
                    self.nonce += 1;
                    self.pinged = Some(now);
                    return self.say(&ToWorker::Ping { nonce: self.nonce });
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
