//! Progress on a terminal; silence in a pipe.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::environments::Progress;

/// One line at the bottom of the terminal that says what is going on.
pub(super) struct Spinner(pub(super) ProgressBar);

impl Spinner {
    /// Starts it, on stderr if that is a terminal.
    pub(super) fn start() -> Self {
        let bar = ProgressBar::new_spinner();
        if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{spinner} {elapsed:>3} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(120));
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self(bar)
    }

    /// Says what is going on.
    pub(super) fn say(&self, message: impl Into<String>) {
        self.0.set_message(message.into());
    }

    /// Takes the line away.
    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.end();
    }
}

impl Progress for Spinner {
    fn step(&self, engine: &str, step: &str) {
        self.say(format!("{engine}: {step}"));
    }

    fn notice(&self, text: &str) {
        self.0.suspend(|| super::complain_line(text.trim_end()));
    }
}
