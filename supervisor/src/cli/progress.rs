//! Progress on a terminal; silence in a pipe.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::environments::Progress;

/// One line at the bottom of the terminal that says what is going on.
pub(super) struct Spinner {
    bar: ProgressBar,
    /// Where notices go, if anybody is to see them.
    notices: Option<fn(&str)>,
}

impl Spinner {
    /// Starts it, on stderr if that is a terminal; notices are for a terminal too.
    pub(super) fn start() -> Self {
        let bar = ProgressBar::new_spinner();
        let mut notices: Option<fn(&str)> = None;
        if std::io::stderr().is_terminal() {
            notices = Some(super::complain_line);
            let style = ProgressStyle::with_template("{spinner} {elapsed:>3} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(120));
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { bar, notices }
    }

    /// Has notices told on stdout, wherever that leads.
    pub(super) fn with_notices(self) -> Self {
        Self { bar: self.bar.clone(), notices: Some(super::say_line) }
    }

    /// Tells a line on stdout.
    pub(super) fn tell(&self, line: &str) {
        self.bar.suspend(|| super::say_line(line));
    }

    /// Says what is going on.
    pub(super) fn say(&self, message: impl Into<String>) {
        self.bar.set_message(message.into());
    }

    /// Takes the line away.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
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
        if let Some(notices) = self.notices {
            self.bar.suspend(|| notices(text.trim_end()));
        }
    }
}
